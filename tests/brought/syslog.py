"""rsyslog for the tests on a machine that has none: its packages, unpacked and not installed.

Owns where it is put and how it is started from there. May not do: install.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Final

from brought.packages import CannotBring, Packages, sources, write_program

PLACE: Final = Path(__file__).parents[2] / "build/servers/rsyslog"
_INSTALLED: Final = Path("/usr/sbin/rsyslogd")
_PACKAGES: Final = ("rsyslog", "rsyslog-openssl")
_TLS: Final = "usr/lib/*/rsyslog/lmnsd_ossl.so"


def find() -> Path | None:
    """The one that is installed, if it speaks TLS, else the one that was brought."""
    if _INSTALLED.exists() and any(Path("/").glob(_TLS)):
        return _INSTALLED
    brought = PLACE / "rsyslogd"
    return brought if brought.exists() and any((PLACE / "root").glob(_TLS)) else None


def bring_syslog() -> str | None:
    """See that there is one; give what is wrong and what to do, or None."""
    if find() is None:
        try:
            _bring()
        except CannotBring as error:
            return f"rsyslog is not installed and could not be brought ({error}). Install {' and '.join(_PACKAGES)}."
    return None if find() is not None else f"The rsyslog in {PLACE} speaks no TLS; install {' and '.join(_PACKAGES)}."


def _bring() -> None:
    PLACE.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PLACE.parent, prefix=".rsyslog-") as place:
        packages = Packages(Path(place).resolve(), sources())
        packages.unpack((_PACKAGES,))
        root = packages.root
        modules = next((each.parent for each in sorted(root.glob(_TLS))), None)
        if modules is None:
            raise CannotBring("the packages hold no module for TLS")
        write_program(root, "usr/sbin/rsyslogd", f'-M "$here"/{modules.relative_to(root.parent)}')
        shutil.rmtree(PLACE, ignore_errors=True)
        root.parent.rename(PLACE)
