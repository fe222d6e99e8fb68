"""`make servers`: see that a MySQL, a MariaDB, their drivers, an OpenLDAP and an rsyslog are there for the tests, and bring what is missing.

python -m brought           find the installed servers, bring the others into build/servers, and the drivers into build/drivers
python -m brought --bring   bring both servers, whatever is installed
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from brought.directory import bring_directory
from brought.drivers import bring_drivers
from brought.packages import CannotBring, bring, newest_debian, sources
from brought.syslog import bring_syslog
from louver.demo.mysql import TITLES, VARIABLES, Flavour, find, find_client, flavour_of

PLACE = Path(__file__).parents[2] / "build/servers"
_NAMES: dict[Flavour, tuple[tuple[str, ...], ...]] = {
    "mariadb": (("mariadb-server-core", "mariadb-client-core", "mariadb-server"),),
    "mysql": tuple((f"mysql-server-core{version}", f"mysql-client-core{version}") for version in ("", "-8.4", "-8.0")),
}
_PROGRAMS: dict[Flavour, tuple[str, str]] = {"mariadb": ("mariadbd", "mariadb"), "mysql": ("mysqld", "mysql")}


def ready(flavour: Flavour, *, anew: bool) -> str | None:
    """See that the server is there; give what is wrong and what to do, or None."""
    found = None if anew else (find(flavour, PLACE), find_client(flavour, PLACE))
    if found is None or None in found:
        try:
            suites = sources()
            if flavour == "mysql":
                suites = newest_debian() or suites  # Debian has its MySQL in unstable alone
            bring(_NAMES[flavour], suites, *_PROGRAMS[flavour], PLACE / flavour)
        except CannotBring as error:
            return (
                f"{TITLES[flavour]} is not installed and could not be brought ({error}). "
                f"Install its server package, or set {VARIABLES[flavour]} to the path of its server program."
            )
    program = find(flavour, PLACE)
    if program is None or flavour_of(program) != flavour:
        return f"{program or PLACE / flavour} does not run as a {TITLES[flavour]}; mend {VARIABLES[flavour]}."
    sys.stdout.write(f"{TITLES[flavour]}: {program}\n")
    return None


def main() -> int:
    """Make all ready, side by side."""
    with ThreadPoolExecutor() as pool:
        brought = pool.submit(bring_drivers)
        others = [pool.submit(each) for each in (bring_directory, bring_syslog)]
        problems = list(pool.map(lambda flavour: ready(flavour, anew="--bring" in sys.argv[1:]), _NAMES))
        problems += [*brought.result(), *(each.result() for each in others)]
    for problem in filter(None, problems):
        sys.stderr.write(f"{problem}\n")
    return 1 if any(problems) else 0


if __name__ == "__main__":
    sys.exit(main())
