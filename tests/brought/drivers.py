"""Drivers that no package of the test environment holds: mysqlclient, Node's mysql2 and MariaDB's driver for Java.

Owns where they come from and where they are put. mysqlclient is built here, for it is published as source alone; what it is
built with (headers, a library) comes as packages that are unpacked. May not do: install, or bring compilers, Node or Java.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from brought.packages import CannotBring, sources, unpack

PLACE: Final = Path(__file__).parents[2] / "build/drivers"
MYSQLCLIENT: Final = PLACE / f"mysqlclient-{sys.implementation.cache_tag}"
"""The directory to import MySQLdb from."""
NODE: Final = PLACE / "node"
"""The directory whose node_modules hold mysql2."""
JAVA: Final = PLACE / "java/usr/share/java/mariadb-java-client.jar"
"""The driver of MariaDB for Java."""

_LIBRARY = PLACE / "libmariadb"
PLUGINS: Final = _LIBRARY / "plugins"
"""The directory of the library's login methods, to be named in MARIADB_PLUGIN_DIR."""

_PYTHON = "mysqlclient==2.3.1"
_NODE = "mysql2@3.24.6"
_SECONDS = 300.0


def client_library() -> Mapping[str, str]:
    """Bring MariaDB's client library; give the variables that pip must have to build mysqlclient with it. Raises CannotBring."""
    if not _LIBRARY.exists():
        unpack(("libmariadb-dev", "libmariadb3"), sources(), _LIBRARY)
    library = next(iter(sorted(_LIBRARY.glob("usr/lib/*/libmariadb.so")))).parent
    PLUGINS.unlink(missing_ok=True)
    PLUGINS.symlink_to((library / "libmariadb3/plugin").relative_to(_LIBRARY))
    return {
        "MYSQLCLIENT_CFLAGS": f"-I{_LIBRARY / 'usr/include/mariadb'}",
        "MYSQLCLIENT_LDFLAGS": f"-L{library} -Wl,-rpath,{library} -lmariadb",
    }


def bring_drivers() -> list[str]:
    """Bring what is missing; give what could not be had, and what to do."""
    wanted: tuple[tuple[str, Path, Callable[[], None], str], ...] = (
        ("mysqlclient", MYSQLCLIENT, _mysqlclient, "It needs a C compiler and Python's headers (gcc, python3-dev)."),
        ("mysql2", NODE, _mysql2, "It needs Node with npm (nodejs, npm)."),
        ("MariaDB's driver for Java", JAVA, _java, "It comes as the package libmariadb-java of Debian and Ubuntu."),
    )
    problems = []
    for title, place, make, need in wanted:
        if not place.exists():
            try:
                make()
            except CannotBring as error:
                problems.append(f"{title} could not be brought ({error}). {need}")
                continue
        sys.stdout.write(f"{title}: {place}\n")
    return problems


def _mysqlclient() -> None:
    command = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target")
    _make(MYSQLCLIENT, lambda place: _run(*command, place, _PYTHON, environment=client_library()))


def _mysql2() -> None:
    quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--silent")
    _make(NODE, lambda place: _run("npm", "install", *quiet, "--prefix", place, _NODE))


def _java() -> None:
    unpack(("libmariadb-java",), sources(), JAVA.parents[3])


def _make(place: Path, fill: Callable[[Path], None]) -> None:
    """Fill a directory that is there with everything in it, or not at all."""
    part = place.with_name(f".{place.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        fill(part)
        part.rename(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _run(*command: str | Path, environment: Mapping[str, str] | None = None) -> None:
    given = {**os.environ, **(environment or {})}
    try:
        subprocess.run(command, env=given, capture_output=True, text=True, check=True, timeout=_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        told = (getattr(error, "stderr", None) or "").strip() or str(error)
        raise CannotBring(f"{Path(command[0]).name}: {told[-1000:]}") from None
