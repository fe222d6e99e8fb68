"""SQLAlchemy through Louver: core, ORM and reflection, with two drivers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import ForeignKey, MetaData, create_engine, func, inspect, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine


class Base(DeclarativeBase):
    """The shop's classes."""


class Someone(Base):
    """A row of people."""

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    phone: Mapped[str | None]
    notes: Mapped[list[Note]] = relationship(back_populates="someone")


class Note(Base):
    """A row of notes."""

    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    person: Mapped[int] = mapped_column(ForeignKey("people.id"))
    body: Mapped[str]
    someone: Mapped[Someone] = relationship(back_populates="notes")


Base.registry.configure()


@pytest.fixture
def engine(person: Any) -> Iterator[Engine]:
    """An engine of each of the two, over psycopg."""
    engine = create_engine(person.dsn.replace("postgresql:", "postgresql+psycopg:"))
    yield engine
    engine.dispose()


def test_core(engine: Engine, person: Any) -> None:
    """Statements built by SQLAlchemy: joins, aliases, CTEs and aggregates over what the caller sees."""
    people = Someone.__table__
    some = select(people.c.id, people.c.phone).where(people.c.id.in_([7, 8])).cte("some")
    with engine.connect() as connection:
        assert connection.execute(select(some.c.phone).order_by(some.c.id)).scalars().all() == [
            person.phone(7),
            person.phone(8),
        ]
        other = people.alias()
        joined = select(func.max(other.c.phone)).join_from(people, other, people.c.id == other.c.id)
        assert connection.execute(joined.where(other.c.id < 10)).scalar_one() == person.phone(9)


def test_orm(engine: Engine, person: Any) -> None:
    """Objects are stored, loaded with their relations, and rolled back."""
    with Session(engine) as session:
        someone = session.get_one(Someone, 7)
        assert someone.phone == person.phone(7)
        someone.notes.append(Note(body=f"orm of {person.name}"))
        session.flush()
        session.expire_all()
        found = session.scalars(
            select(Someone).options(selectinload(Someone.notes)).where(Someone.phone == person.phone(7))
        ).one()
        assert found is someone
        assert f"orm of {person.name}" in [note.body for note in found.notes]
        with session.begin_nested():
            session.add_all(Note(person=8, body="many") for _ in range(20))
        assert session.scalar(select(func.count()).select_from(Note).where(Note.body == "many")) == 20
        session.rollback()


def test_reflection(engine: Engine) -> None:
    """Columns, keys, views and types are found in the catalog, those of masked columns, too."""
    inspector = inspect(engine)
    assert {"people", "notes"} <= set(inspector.get_table_names())
    assert inspector.get_view_names() == ["directory"]
    assert [str(column["type"]) for column in inspector.get_columns("people")] == [
        *("INTEGER", "TEXT", "VARCHAR(20)", "NUMERIC(10, 2)", "DATE")
    ]
    assert inspector.get_foreign_keys("notes")[0]["referred_table"] == "people"
    assert inspector.get_pk_constraint("people")["constrained_columns"] == ["id"]
    assert inspector.get_indexes("people") == []
    assert inspector.get_enums()[0]["labels"] == ["sad", "happy"]


def test_reflection_of_everything(engine: Engine) -> None:
    """A whole schema is reflected at once, for the clerk, too."""
    metadata = MetaData()
    metadata.reflect(engine, views=True)
    assert {"people", "notes", "directory"} <= set(metadata.tables)


def test_reflection_beside_a_key(shop: Any) -> None:
    """Reflecting a whole schema reads a setting named by a parameter, which a session that holds a key may not."""
    engine = create_engine(shop.analyst.replace("postgresql:", "postgresql+psycopg:"))
    with pytest.raises(ProgrammingError, match="name of the setting as a plain string"):
        MetaData().reflect(engine)
    assert inspect(engine).get_columns("people")[2]["name"] == "phone"
    engine.dispose()


def test_server_side_cursors(engine: Engine, person: Any) -> None:
    """Streamed results come in parts, with each caller's values."""
    with engine.connect().execution_options(stream_results=True, max_row_buffer=50) as connection:
        rows = connection.execute(select(Someone.phone).order_by(Someone.id)).scalars().all()
    assert rows == [person.phone(number) for number in range(1, 501)]


async def test_asyncpg(person: Any) -> None:
    """The same over asyncpg."""
    engine = create_async_engine(person.dsn.replace("postgresql:", "postgresql+asyncpg:"))
    async with AsyncSession(engine) as session:
        assert (await session.get_one(Someone, 7)).phone == person.phone(7)
        session.add(Note(person=7, body="async"))
        await session.flush()
        stream = await session.stream_scalars(select(Someone.phone).where(Someone.id < 20).order_by(Someone.id))
        assert [phone async for phone in stream] == [person.phone(number) for number in range(1, 20)]
        await session.rollback()
    async with engine.connect() as connection:
        names = await connection.run_sync(lambda plain: inspect(plain).get_table_names())
        assert {"people", "notes"} <= set(names)
    await engine.dispose()


def test_a_refusal(shop: Any) -> None:
    """Changing a masked object is refused at the flush; the session can be rolled back and used again."""
    engine = create_engine(shop.clerk.dsn.replace("postgresql:", "postgresql+psycopg:"))
    with Session(engine) as session:
        someone = session.get_one(Someone, 7)
        someone.phone = "0"
        with pytest.raises(ProgrammingError, match="permission denied to write column"):
            session.flush()
        session.rollback()
        assert session.scalar(text("SELECT phone FROM people WHERE id = 7")) == "138****0007"
    engine.dispose()
