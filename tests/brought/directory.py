"""OpenLDAP for the tests on a machine that has none: its package, unpacked and not installed.

Owns where it is put and how it is started from there. May not do: install.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from brought.packages import CannotBring, Packages, sources, write_program

PLACE: Final = Path(__file__).parents[2] / "build/servers/openldap"
_INSTALLED: Final = ("/usr/sbin/slapd", "/usr/local/libexec/slapd")
_ROOTS: Final = (Path("/"), PLACE / "root")


@dataclass(frozen=True, slots=True)
class OpenLdap:
    """Where a slapd is, with its modules and its schema."""

    program: Path
    modules: Path
    schema: Path


def find() -> OpenLdap | None:
    """The one that is installed, else the one that was brought."""
    programs = ((next(filter(Path.exists, map(Path, _INSTALLED)), None), _ROOTS[0]), (PLACE / "slapd", _ROOTS[1]))
    for program, root in programs:
        modules = next(iter(sorted(root.glob("usr/lib*/ldap/back_mdb.so"))), None)
        schema = root / "etc/ldap/schema"
        if program is not None and program.exists() and modules is not None and schema.is_dir():
            return OpenLdap(program, modules.parent, schema)
    return None


def bring_directory() -> str | None:
    """See that there is one; give what is wrong and what to do, or None."""
    if find() is None:
        try:
            _bring()
        except CannotBring as error:
            return f"OpenLDAP is not installed and could not be brought ({error}). Install its server package (slapd)."
    return (
        None if find() is not None else f"The slapd in {PLACE} has no modules or no schema; install the package slapd."
    )


def _bring() -> None:
    PLACE.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PLACE.parent, prefix=".openldap-") as place:
        packages = Packages(Path(place).resolve(), sources())
        packages.unpack((("slapd",),))
        write_program(packages.root, "usr/sbin/slapd")
        shutil.rmtree(PLACE, ignore_errors=True)
        packages.root.parent.rename(PLACE)
