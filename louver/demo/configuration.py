"""The configuration of the demo: the files that a real installation would have, for the demo's people.

Owns the text of louver.yaml, the people and their attributes, and the SQL of the service account.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Literal

from louver.demo.certificate import make_certificate
from louver.secret import create_secret
from proxy.identity import add_user

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from policies.model import AttributeValue

DATABASE = "bank"
SERVICE = "louver_service"  # the only account that reads the bank's tables; people never learn its password

PEOPLE: Mapping[str, Mapping[str, AttributeValue]] = {
    "teller": {"role": "teller", "branch": 1},
    "manager": {"role": "manager", "region": "east"},
    "auditor": {"role": "auditor"},
    "bi": {"role": "analyst"},
}
"""The demo's users with their attributes."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the demo's Louver listens and where its database is; `tls` is the upstream's `tls` in YAML."""

    listen_host: str
    listen_port: int
    host: str
    port: int
    tls: str
    audit: str = "audit"
    protocol: Literal["postgresql", "mysql"] = "postgresql"


def write_configuration(directory: Path, place: Place, service_password: str) -> Mapping[str, str]:
    """Write louver.yaml and what it names into `directory`; return the people's new passwords, by name."""
    make_certificate(directory, "louver")
    create_secret(directory / "secret")
    policies = resources.files("louver.demo").joinpath("policies.yaml").read_text(encoding="utf-8")
    if place.protocol == "mysql":  # where a database is a schema
        policies = policies.replace("bank.public.", f"{DATABASE}.{DATABASE}.").replace("public.", f"{DATABASE}.")
    (directory / "policies.yaml").write_text(policies, encoding="utf-8")
    (directory / "service-password").touch(mode=0o600)
    (directory / "service-password").write_text(service_password + "\n", encoding="ascii")
    passwords = {name: secrets.token_urlsafe(9) for name in PEOPLE}
    for name, attributes in PEOPLE.items():
        add_user(directory / "users.yaml", name, passwords[name], attributes)
    (directory / "louver.yaml").write_text(
        f"""\
protocol: {place.protocol}
listen: {{host: {place.listen_host}, port: {place.listen_port}}}
tls: {{certificate: louver.crt, key: louver.key}}
upstream:
  host: {place.host}
  port: {place.port}
  user: {SERVICE}
  password_file: service-password
  tls: {place.tls}
login: own
users: users.yaml
policies: policies.yaml
secret_file: secret
audit: {{directory: {place.audit}}}
""",
        encoding="utf-8",
    )
    return passwords


def service_account_sql(password: str) -> str:
    """Return the SQL that makes the account of Louver itself: it reads and writes the bank, and owns nothing."""
    quoted = password.replace("'", "''")
    return (
        f"CREATE ROLE {SERVICE} LOGIN PASSWORD '{quoted}';\n"
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {SERVICE};\n"
    )


def mysql_service_account_sql(password: str) -> tuple[str, ...]:
    """Return the statements that make the same account on MySQL or MariaDB, where it needs to see every definition."""
    quoted = password.replace("'", "''")
    return (
        f"CREATE USER {SERVICE}@'%' IDENTIFIED BY '{quoted}'",
        f"GRANT SELECT, SHOW VIEW, TRIGGER ON *.* TO {SERVICE}@'%'",
        f"GRANT INSERT, UPDATE, DELETE ON {DATABASE}.* TO {SERVICE}@'%'",
    )
