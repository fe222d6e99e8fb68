"""`python -m louver.demo.container CONFIGURATION INITDB`: the files that docker/compose.yaml needs.

Writes Louver's configuration into the first directory and the bank, as SQL for a new PostgreSQL, into the second.
A second run changes nothing, for the database keeps what the first gave it. The people's passwords are printed.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

from louver.demo.bank import bank_script, make_bank
from louver.demo.configuration import Place, service_account_sql, write_configuration


def prepare(configuration: Path, initdb: Path) -> dict[str, str]:
    """Write all files; return the people's passwords, nothing when the files are there already."""
    if (configuration / "louver.yaml").exists():
        return {}
    password = secrets.token_urlsafe(16)
    # the two containers talk over a network of their own that nothing else is on
    place = Place("0.0.0.0", 6432, "postgres", 5432, "{mode: disable}", "/var/lib/louver/audit")  # noqa: S104  a container's ports are published one by one
    (initdb / "bank.sql").write_text(bank_script(make_bank()) + service_account_sql(password), encoding="utf-8")
    return dict(write_configuration(configuration, place, password))


def main() -> None:
    """Write the files and print how to come in."""
    for name, password in prepare(Path(sys.argv[1]), Path(sys.argv[2])).items():
        sys.stdout.write(f"psql 'postgresql://{name}:{password}@localhost:6432/bank'\n")


if __name__ == "__main__":
    main()
