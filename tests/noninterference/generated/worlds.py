"""The demo bank in several worlds: real, twin and masked for each caller; and the policy that makes the callers what they are.

Owns who sees what, the rows, and the making of the databases. `bank` holds the real rows; `bank_b_CALLER` differs from it in
what is hidden from that caller; `bank_m_CALLER` physically holds what that caller sees.
"""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import yaml
from noninterference.generated.images import Kind, Shown, image, other
from noninterference.members import members
from psycopg.types.json import Jsonb

from louver.demo.bank import make_bank

if TYPE_CHECKING:
    from collections.abc import Mapping

    from louver.demo.postgres import LocalPostgres

DATABASE = "bank"
_TWINS = Path(__file__).parent.parent  # whose `members` are here as well
SETTINGS = {"statement_timeout": "2s", "autovacuum": "off", "max_connections": "60"}
"""Of the server. Nobody may gather statistics meanwhile: the planner would follow them."""

REGION = "east"

_TEXT = Kind("text")
_MONEY = Kind("numeric")
_DATE = Kind("date")
KINDS: Mapping[str, Mapping[str, Kind]] = {
    "employees": {
        "phone": Kind("text", 20),
        "email": Kind("text", 80, unique=True),
        "birth_date": _DATE,
        "salary": Kind("numeric", positive=True),
    },
    "customers": {
        "name": _TEXT,
        "phone": Kind("text", 20),
        "email": Kind("text", 80, nullable=True),
        "id_card": Kind("text", 18, unique=True),
        "birth_date": _DATE,
        "address": _TEXT,
    },
    "accounts": {"card_number": Kind("text", 19, unique=True), "balance": _MONEY},
    "transactions": {"amount": _MONEY, "merchant": _TEXT},
}
"""The labelled columns and their types."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "branches": ("id", "name", "city", "region", "address", "opened"),
    "employees": ("id", "branch_id", "name", "job", "phone", "email", "birth_date", "salary", "hired"),
    "customers": ("id", "branch_id", "region", "name", "phone", "email", "id_card", "birth_date", "address", "since"),
    "accounts": ("id", "customer_id", "card_number", "kind", "balance", "opened"),
    "transactions": ("id", "account_id", "booked", "amount", "kind", "merchant"),
}

_CLEAR, _FULL, _NULL, _DENY, _HASH, _YEAR = (Shown(m) for m in ("clear", "full", "null", "deny", "hash", "year"))
_EMAIL, _ENDS, _LAST = Shown("email"), Shown("partial", first=3, last=4), Shown("partial", last=4)
CALLERS: Mapping[str, Mapping[str, Mapping[str, Shown]]] = {
    "clerk": {
        "employees": {"phone": _ENDS, "email": _CLEAR, "birth_date": _FULL, "salary": _DENY},
        "customers": {
            "name": _CLEAR,
            "phone": _ENDS,
            "email": _EMAIL,
            "id_card": _LAST,
            "birth_date": _YEAR,
            "address": _FULL,
        },
        "accounts": {"card_number": _LAST, "balance": Shown("round", step=1000)},
        "transactions": {"amount": _CLEAR, "merchant": _CLEAR},
    },
    "manager": {
        "employees": {"phone": _CLEAR, "email": _CLEAR, "birth_date": _YEAR, "salary": Shown("round", step=1000)},
        "customers": {
            column: Shown("full", clear_in=REGION)
            for column in ("name", "phone", "email", "id_card", "birth_date", "address")
        },
        "accounts": {"card_number": _CLEAR, "balance": _CLEAR},
        "transactions": {"amount": _FULL, "merchant": _CLEAR},
    },
    "analyst": {
        "employees": {
            "phone": _NULL,
            "email": _FULL,
            "birth_date": _YEAR,
            "salary": Shown("constant", constant="5000"),
        },
        "customers": {
            "name": _FULL,
            "phone": _HASH,
            "email": _NULL,
            "id_card": _LAST,
            "birth_date": _YEAR,
            "address": Shown("constant", constant="somewhere"),
        },
        "accounts": {"card_number": _FULL, "balance": Shown("round", step=100)},
        "transactions": {"amount": Shown("round", step=10), "merchant": _HASH},
    },
    "guest": {
        "employees": {"phone": _FULL, "email": _FULL, "birth_date": _FULL, "salary": _NULL},
        "customers": {
            "name": Shown("partial", first=1),
            "phone": _FULL,
            "email": _FULL,
            "id_card": _FULL,
            "birth_date": _FULL,
            "address": _NULL,
        },
        "accounts": {"card_number": _DENY, "balance": _FULL},
        "transactions": {"amount": _FULL, "merchant": Shown("constant", constant="shop")},
    },
}
"""By caller, table and labelled column: how it is shown."""


def policies() -> str:
    """The policy file of all callers; each column is a category of its own, so that a rule for each caller names it."""
    entries, rules = [], []
    for table, kinds in KINDS.items():
        for column in kinds:
            category = f"{table}_{column}"
            entries.append({"column": f"*.public.{table}.{column}", "category": category, "level": 3})
            for caller, shown in CALLERS.items():
                how = shown[table][column]
                rule: dict[str, Any] = {"name": f"{caller}: {table}.{column}", "columns": {"category": category}}
                rule |= {"when": f'principal.name == "{caller}"', "treatment": _treatment(how)}
                if how.clear_in is not None:
                    rule |= {"rows": "region = {principal.region}", "treatment": "clear"}
                rules.append(rule)
    categories: dict[str, Any] = dict.fromkeys((entry["category"] for entry in entries), "full")
    of_members = yaml.safe_load((_TWINS / "policies.yaml").read_text(encoding="utf-8"))
    entries += [entry for entry in of_members["dictionary"] if ".members." in entry["column"]]
    categories |= {name: mask for name, mask in of_members["categories"].items() if name.startswith("member_")}
    return yaml.safe_dump(
        {"version": 1, "dictionary": entries, "categories": categories, "rules": rules}, sort_keys=False
    )


def users() -> dict[str, dict[str, Any]]:
    """Louver's users and their attributes."""
    return {caller: {"region": REGION} for caller in CALLERS}


def _treatment(how: Shown) -> Any:
    match how.mask:
        case "clear" | "deny":
            return how.mask
        case "partial":
            return {"mask": "partial", "keep_first": how.first, "keep_last": how.last}
        case "round":
            return {"mask": "round", "step": how.step}
        case "constant":
            return {"mask": "constant", "value": how.constant}
    return {"mask": how.mask}


Rows = dict[str, list[dict[str, Any]]]


def real_rows() -> Rows:
    """A small part of the demo bank, with odd values in it."""
    bank = make_bank()
    rows: Rows = {
        table: [dict(zip(columns, row, strict=True)) for row in getattr(bank, table)]
        for table, columns in COLUMNS.items()
    }
    for table, kinds in KINDS.items():
        for row in rows[table]:
            row |= {c: Decimal(row[c]) for c, kind in kinds.items() if kind.name == "numeric"}
    rows["employees"] = [row for row in rows["employees"] if row["id"] % 5 in {0, 1}]
    rows["customers"] = rows["customers"][:12]
    rows["accounts"] = [row for row in rows["accounts"] if row["customer_id"] <= 12]
    kept = {row["id"] for row in rows["accounts"]}
    rows["transactions"] = [row for row in rows["transactions"] if row["account_id"] in kept][:30]
    _odd(rows)
    return rows


def _odd(rows: Rows) -> None:
    """Short, empty, alike and unlikely values."""
    customers = rows["customers"]
    customers[2]["phone"] = "12"
    customers[3]["address"] = ""
    customers[4]["email"] = "no address"
    customers[5]["email"] = "ab@example.com"
    customers[6]["email"] = None
    customers[7]["phone"] = customers[8]["phone"]
    customers[9]["name"] = ""
    customers[10]["id_card"] = "7"
    rows["accounts"][3]["balance"] = Decimal(0)
    rows["accounts"][4]["balance"] = Decimal("-1500.50")
    rows["transactions"][5]["merchant"] = ""


def twin_rows(rows: Rows, caller: str) -> Rows:
    """Rows that differ from the real ones in what is hidden from the caller, and in nothing that is shown."""
    chance = random.Random(f"twin of {caller}")
    return _changed(rows, caller, lambda how, kind, value: other(how, kind, value, chance))


def masked_rows(rows: Rows, caller: str, secret: bytes) -> Rows:
    """The rows of the caller's masked world."""
    return _changed(rows, caller, lambda how, kind, value: image(how, kind, value, secret))


def _changed(rows: Rows, caller: str, change: Any) -> Rows:
    changed: Rows = {}
    for table, each in rows.items():
        shown = CALLERS[caller].get(table, {})
        changed[table] = [
            row
            | {
                column: change(
                    replace(how, mask="clear") if how.clear_in == row.get("region", "") else how, kind, row[column]
                )
                for column, kind in KINDS.get(table, {}).items()
                if (how := shown[column])
            }
            for row in each
        ]
    return changed


def make_worlds(server: LocalPostgres, secret: bytes) -> None:
    """Make the databases of all callers on a server."""
    rows = real_rows()
    server.create_database(DATABASE)
    server.run_sql(resources.files("louver.demo").joinpath("bank.sql").read_text(encoding="utf-8"), DATABASE)
    for path in (Path(__file__).parent / "bank_more.sql", _TWINS / "members.sql"):
        server.run_sql(path.read_text(encoding="utf-8"), DATABASE)
    for caller in CALLERS:
        for kind in "bm":  # copies have the same OIDs
            server.run_sql(f"CREATE DATABASE bank_{kind}_{caller} TEMPLATE {DATABASE}")
        _fill(server.dsn(f"bank_b_{caller}"), twin_rows(rows, caller) | _members("b", secret))
        masked = server.dsn(f"bank_m_{caller}")
        with psycopg.connect(masked) as connection:
            connection.execute(_FREED)
        _fill(masked, masked_rows(rows, caller, secret) | _members("m", secret))
    _fill(server.dsn(DATABASE), rows | _members("a", secret))


def _members(world: str, secret: bytes) -> Rows:
    """The rows of the table that is the same to all callers."""
    place = "abm".index(world)
    return {"members": [{name: cell[place] for name, cell in row.items()} for row in members(secret, Jsonb)]}


_FREED = """
ALTER TABLE customers DROP CONSTRAINT customers_id_card_key, ALTER name DROP NOT NULL, ALTER phone DROP NOT NULL, ALTER address DROP NOT NULL,
  ALTER birth_date DROP NOT NULL, ALTER id_card DROP NOT NULL;
ALTER TABLE employees DROP CONSTRAINT employees_email_key, DROP CONSTRAINT employees_salary_check, ALTER phone DROP NOT NULL,
  ALTER email DROP NOT NULL, ALTER birth_date DROP NOT NULL, ALTER salary DROP NOT NULL;
ALTER TABLE accounts DROP CONSTRAINT accounts_card_number_key, ALTER card_number DROP NOT NULL, ALTER balance DROP NOT NULL;
ALTER TABLE transactions ALTER amount DROP NOT NULL, ALTER merchant DROP NOT NULL;
"""
"""What masked values need not meet: they may be alike or NULL."""


def _fill(dsn: str, rows: Rows) -> None:
    """Write rows, in the same order in every world. Without statistics: plans must not follow hidden values."""
    with psycopg.connect(dsn) as connection:
        for table, each in rows.items():
            columns = COLUMNS.get(table) or tuple(each[0])
            text = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"
            for row in each:
                connection.execute(text, [row[column] for column in columns])
