"""Programs that save what they have read masked: hidden values survive, and errors do not quote them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import create_engine, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.orm.attributes import flag_modified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATABASE = "clinic"
POLICIES = f"""\
version: 1
dictionary:
  - {{column: {DATABASE}.public.patients.phone, category: phone, level: 3}}
  - {{column: {DATABASE}.public.patients.card, category: card, level: 4}}
  - {{column: {DATABASE}.public.patients.born, category: birth_date, level: 3}}
  - {{column: {DATABASE}.public.patients.notes, category: notes, level: 4}}
  - {{column: {DATABASE}.public.patients.fee, category: amount, level: 3}}
  - {{column: {DATABASE}.public.patients.badge, category: badge, level: 3}}
rules:
  - name: doctors see everything
    columns: {{level: ">=1"}}
    when: principal.role == "doctor"
    treatment: clear
  - name: badges are recognised
    columns: {{category: badge}}
    treatment: {{mask: hash}}
  - name: notes are never written at the desk
    columns: {{category: notes}}
    treatment: {{mask: full}}
    on_write: deny
  - name: fees are entered at the desk
    columns: {{category: amount}}
    treatment: deny
    on_write: allow
"""
SQL = """
CREATE TABLE patients (id int PRIMARY KEY, name varchar(30) NOT NULL, phone varchar(20), card text UNIQUE, born date,
  notes jsonb, fee numeric(8, 2) CHECK (fee < 1000), badge text);
CREATE TABLE rooms (id int PRIMARY KEY, name text CONSTRAINT once UNIQUE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO rooms VALUES (1, 'first'), (2, 'second');
"""
ROWS = """
TRUNCATE patients;
INSERT INTO patients SELECT n, 'patient ' || n, '138' || lpad(n::text, 8, '0'), 'SECRET-CARD-' || n, date '1966-06-06' + n,
  '{"a": "SECRET"}', 77, 'SECRET-BADGE-' || n FROM generate_series(1, 9) n;
"""


class Base(DeclarativeBase):
    """The clinic's classes."""


class Patient(Base):
    """A row of patients."""

    __tablename__ = "patients"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    phone: Mapped[str | None]
    card: Mapped[str | None]
    born: Mapped[dt.date | None]
    badge: Mapped[str | None]


Base.registry.configure()


@dataclass(frozen=True, slots=True)
class Clinic:
    """The desk, from which columns are hidden, a doctor, and the database itself."""

    desk: str
    doctor: str
    direct: str

    def stored(self, columns: str = "name, phone, card, born, notes, badge") -> list[tuple[Any, ...]]:
        """What the database holds of every patient."""
        with psycopg.connect(self.direct) as connection:
            query = sql.SQL("SELECT id, {} FROM patients ORDER BY id").format(sql.SQL(columns))
            return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def house(postgres: Any, louver_factory: Callable[..., Any]) -> Iterator[Clinic]:
    """Give the proxy before the clinic."""
    direct = postgres.create_database(DATABASE)
    postgres.run_sql(SQL, DATABASE)
    users = {"dora": {"role": "doctor"}, "carl": {"role": "desk"}}
    with louver_factory(policies=POLICIES, users=users) as louver:
        yield Clinic(louver.dsn("carl", database=DATABASE), louver.dsn("dora", database=DATABASE), direct)
        assert "Traceback" not in louver.log


@pytest.fixture
def clinic(house: Clinic) -> Clinic:
    """The clinic with its rows as they were."""
    with psycopg.connect(house.direct) as connection:
        connection.execute(ROWS)
    return house


def test_an_orm_saves_one_column(clinic: Clinic) -> None:
    """A row is loaded masked, one column changed and saved: all others are as before."""
    before = clinic.stored("phone, card, born, notes, badge")
    engine = create_engine(clinic.desk.replace("postgresql:", "postgresql+psycopg:"))
    with Session(engine) as session:
        patient = session.get_one(Patient, 3)
        assert (patient.phone, patient.card) == ("138****0003", "****")
        patient.name = "renamed"
        session.commit()
        assert patient.phone == "138****0003"
    engine.dispose()
    assert clinic.stored("phone, card, born, notes, badge") == before
    assert clinic.stored("name")[2] == (3, "renamed")


@pytest.mark.parametrize("driver", ["psycopg", "pg8000"])
def test_an_orm_saves_every_column(clinic: Clinic, driver: str) -> None:
    """Saving all that was read, one by one, many at once, merged or upserted, leaves hidden values as they were."""
    before = clinic.stored("phone, card, born, notes, badge")
    engine = create_engine(clinic.desk.replace("postgresql:", f"postgresql+{driver}:"))
    with Session(engine) as session:
        for patient in session.scalars(select(Patient)):
            for attribute in ("name", "phone", "card", "born", "badge"):
                flag_modified(patient, attribute)
        session.commit()
        assert clinic.stored("phone, card, born, notes, badge") == before
        rows = [
            {"id": p.id, "name": "bulk", "phone": p.phone, "card": p.card, "born": p.born, "badge": p.badge}
            for p in session.scalars(select(Patient))
        ]
        session.execute(update(Patient), rows)
        merged = session.merge(Patient(**{**rows[0], "name": "merged"}))
        session.commit()
        assert merged.name == "merged"
        without_card = [{key: value for key, value in row.items() if key != "card"} for row in rows]
        upsert = insert(Patient).values(without_card)
        taken = {name: upsert.excluded[name] for name in ("name", "phone", "born", "badge")}
        returned = session.execute(
            upsert.on_conflict_do_update(index_elements=["id"], set_=taken).returning(Patient.id, Patient.phone)
        ).all()
        assert sorted(returned) == [(row["id"], row["phone"]) for row in rows]
        session.commit()
    engine.dispose()
    assert clinic.stored("phone, card, born, notes, badge") == before
    assert {name for _, name in clinic.stored("name")} == {"bulk"}


async def test_an_orm_over_asyncpg_saves_and_changes(clinic: Clinic) -> None:
    """Parameters keep the types of their columns; what differs from the mask is stored."""
    before = clinic.stored("card, born, notes, badge")
    engine = create_async_engine(clinic.desk.replace("postgresql:", "postgresql+asyncpg:"))
    async with AsyncSession(engine) as session:
        patient = await session.get_one(Patient, 4)
        for attribute in ("name", "card", "born", "badge"):
            flag_modified(patient, attribute)
        patient.phone = "13900000000"
        await session.commit()
    await engine.dispose()
    assert clinic.stored("card, born, notes, badge") == before
    assert clinic.stored("phone")[3] == (4, "13900000000")


async def test_parameters_have_the_types_of_their_columns(clinic: Clinic) -> None:
    """What a driver is told of a statement's parameters is what the server says without masks."""
    text = "UPDATE patients SET name = $1, phone = $2, born = $3, badge = $4 WHERE id = $5"
    types = []
    for dsn in (clinic.desk, clinic.direct):
        connection = await asyncpg.connect(dsn)
        types.append([kind.name for kind in (await connection.prepare(text)).get_parameters()])
        await connection.close()
    assert types[0] == types[1]


def test_a_batch_of_a_driver(clinic: Clinic) -> None:
    """executemany in a pipeline, with values that are kept and values that are stored."""
    before = clinic.stored("card")
    with psycopg.connect(clinic.desk) as connection, connection.cursor() as cursor:
        rows = [("138****0001", 1), ("13812345678", 2), (None, 3)]
        cursor.executemany("UPDATE patients SET phone = %s WHERE id = %s", rows)
    assert clinic.stored("card") == before
    assert [phone for _, phone in clinic.stored("phone")[:3]] == ["13800000001", "13812345678", None]


def test_rules_for_writing(clinic: Clinic) -> None:
    """deny refuses the assignment and names the rule; allow stores into a column that cannot even be read."""
    with psycopg.connect(clinic.desk, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="notes are never written at the desk"):
            connection.execute("UPDATE patients SET notes = '{}'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="fees are entered at the desk"):
            connection.execute("UPDATE patients SET fee = fee + 1")
        connection.execute("UPDATE patients SET fee = 12 WHERE id = 1")
        connection.execute("INSERT INTO patients (id, name, fee) VALUES (20, 'new', 13)")
        with connection.cursor().copy("COPY patients (id, name, phone) FROM STDIN") as copy:
            copy.write_row((21, "copied", "13800000021"))
        found = connection.execute("SELECT name, phone FROM patients WHERE id = 21").fetchone()
    assert found == ("copied", "138****0021")
    assert [fee for n, fee in clinic.stored("fee") if n in {1, 20}] == [12, 13]


def failure(dsn: str, query: str) -> psycopg.errors.Diagnostic:
    """The fields of the error that a statement ends with."""
    with psycopg.connect(dsn, autocommit=True) as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute(query)
    return caught.value.diag


@pytest.mark.parametrize(
    ("query", "sqlstate", "named"),
    [
        ("INSERT INTO patients (id, name) VALUES (1, 'x')", "23505", "patients_pkey"),
        ("UPDATE patients SET name = NULL WHERE id = 1", "23502", None),
        ("UPDATE patients SET id = 2 WHERE id = 1", "23505", "patients_pkey"),
        ("UPDATE patients SET fee = 5000 WHERE id = 1", "23514", "patients_fee_check"),
        ("INSERT INTO patients (id, name, phone) SELECT 30, NULL, card FROM patients", "23502", None),
    ],
)
def test_errors_do_not_quote_rows(clinic: Clinic, query: str, sqlstate: str, named: str | None) -> None:
    """SQLSTATE, message and the constraint's name reach the desk, the detail does not; the doctor gets it all."""
    told, whole = failure(clinic.desk, query), failure(clinic.doctor, query)
    assert (told.sqlstate, told.constraint_name, told.table_name) == (sqlstate, named, "patients")
    assert told.message_primary == whole.message_primary
    assert (told.message_detail, told.context) == (None, None)
    assert whole.message_detail is not None


def test_a_failure_at_commit_does_not_quote_rows(clinic: Clinic) -> None:
    """A deferred constraint speaks at the end of the transaction."""
    with psycopg.connect(clinic.desk) as connection:
        connection.execute("UPDATE rooms SET name = 'x'")
        with pytest.raises(psycopg.errors.UniqueViolation) as caught:
            connection.commit()
    assert (caught.value.diag.constraint_name, caught.value.diag.message_detail) == ("once", None)


def test_a_unique_column_keeps_its_value_and_cannot_be_probed(clinic: Clinic) -> None:
    """A guess that hits and one that does not end alike, whether inserted or assigned; what was read can be saved."""
    for guess in ("SECRET-CARD-2", "nobody"):
        told = failure(clinic.desk, f"UPDATE patients SET card = '{guess}' WHERE id = 1")
        assert (told.sqlstate, told.message_detail, told.statement_position) == ("42501", None, None)
        assert told.message_primary.startswith(
            "card must keep its value, because the unique constraint or index patients_card_key"
        )
        told = failure(clinic.desk, f"INSERT INTO patients (id, name, card) VALUES (50, 'x', '{guess}')")
        assert told.sqlstate == "42501"
    with psycopg.connect(clinic.desk) as connection:
        connection.execute("UPDATE patients SET card = '****', name = 'x' WHERE id = 1")
    assert clinic.stored("name, card")[0] == (1, "x", "SECRET-CARD-1")


def test_the_context_of_a_copy_stays(clinic: Clinic) -> None:
    """It quotes the line that the client has sent."""
    with (
        psycopg.connect(clinic.desk) as connection,
        pytest.raises(psycopg.errors.NotNullViolation) as caught,
        connection.cursor().copy("COPY patients (id, name) FROM STDIN") as copy,
    ):
        copy.write("40\t\\N\n")
    assert (caught.value.diag.message_detail, caught.value.diag.context) == (None, 'COPY patients, line 1: "40\t\\N"')
