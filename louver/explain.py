"""What a person would get of a statement, and why: the same walk as in the proxy.

Owns the putting together. Nothing is run but by `preview`, which reads only. May not do: print.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

import asyncpg
import pymysql

from louver import mysql, postgres
from policies import chinese, words
from policies.grants import overlay
from policies.model import Principal, Session
from proxy.context import NotKnown
from proxy.ledger import Ledger
from proxy.mysql.catalogs import SERVER
from proxy.postgres import introspection
from rewriter.model import Refusal, UnknownNames
from rewriter.mysql.catalog import Facts
from rewriter.mysql.outermost import kind_of as kind_on_mysql
from rewriter.mysql.rewrite import rewrite as rewrite_mysql
from rewriter.postgres.catalog import Names
from rewriter.postgres.outermost import kind_of as kind_on_postgres
from rewriter.postgres.rewrite import rewrite as rewrite_postgres

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from louver.configuration import Parts
    from policies.grants import Grant
    from policies.model import AttributeValue, ColumnName, Decision, Label
    from policies.statements import Kind
    from rewriter.model import Rewritten

    _Rows = tuple[tuple[str | None, ...], ...]


class NotRunError(Exception):
    """The database could not run a statement. Of a masked caller's only the SQLSTATE is told: the words can quote hidden values."""


class UnknownUserError(Exception):
    """Nobody of that name can log in."""


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks, from where and when. `moment` is local to the proxy's time zone, None for now.

    `attributes` stand for those of the users file, when they are given; `declared` is what the session has declared.
    `grants` are those that may be in force then, of anybody.
    """

    user: str
    database: str
    sql: str = ""
    address: str = "127.0.0.1"
    application: str = ""
    tls: bool = True
    moment: dt.datetime | None = None
    attributes: Mapping[str, AttributeValue] | None = None
    declared: Mapping[str, AttributeValue] = field(default_factory=dict)
    language: Literal["en", "zh"] = "en"
    grants: Sequence[Grant] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer. `sentences` say what each column is shown as and by which rule.

    `verdict` `world`: no statement was given, the sentences are the caller's whole world. `sent` is what the database
    gets; `refusal` what the caller is told instead: SQLSTATE, message, detail, hint, rule. `grants` say of each grant by which more is shown how long it is in force and why.
    """

    user: str
    attributes: dict[str, object]
    policy: str
    verdict: Literal["world", "unchanged", "rewritten", "refused"]
    sentences: tuple[str, ...]
    sent: str | None = None
    refusal: dict[str, str | None] | None = None
    grants: tuple[str, ...] = ()


async def explain(parts: Parts, question: Question) -> Explanation:
    """Decide and rewrite as the proxy would for this caller.

    Raises UnknownUserError, LedgerUnavailable, and what reading the catalog raises (OSError, the errors of asyncpg and PyMySQL).
    """
    principal = await _principal(parts, question)
    view = await (_of_mysql(parts, question) if parts.settings.protocol == "mysql" else _of_postgres(parts, question))
    return await _explain(parts, question, principal, view)


_DESCRIBE: Final = {"en": words.describe, "zh": chinese.describe}
_LIMIT: Final = {"en": words.describe_limit, "zh": chinese.describe_limit}
_FILTER: Final = {"en": words.describe_filter, "zh": chinese.describe_filter}
_GRANT: Final = {"en": words.describe_grant, "zh": chinese.describe_grant}
_ALL_CLEAR: Final = {"en": "every column is shown as it is", "zh": "所有列均原样显示"}


@dataclass(frozen=True, slots=True)
class Preview:
    """What a person would see: names of columns and rows of text, None for NULL; no rows where the statement is refused."""

    explanation: Explanation
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str | None, ...], ...] = ()


async def preview(parts: Parts, question: Question, rows: int) -> Preview:
    """Run a statement as the caller's, and give its first rows. Only reading; whatever it does is rolled back.

    Raises what `explain` raises, and NotRunError for a statement that cannot run.
    """
    principal = await _principal(parts, question)
    view = await (_of_mysql(parts, question) if parts.settings.protocol == "mysql" else _of_postgres(parts, question))
    explanation = await _explain(parts, question, principal, view)
    if explanation.sent is None:
        return Preview(explanation)
    try:
        return Preview(explanation, *await view.run(explanation.sent, rows))
    except (asyncpg.PostgresError, pymysql.MySQLError) as error:
        code = error.sqlstate if isinstance(error, asyncpg.PostgresError) else error.args[0]
        said = f": {error}" if explanation.verdict == "unchanged" else ""
        raise NotRunError(f"the database could not run it (error {code}){said}") from None


async def _principal(parts: Parts, question: Question) -> Principal:
    """Who asks, with the attributes that the users file and the sources know. Raises UnknownUserError."""
    if question.attributes is not None:
        return Principal(question.user, question.attributes)
    people = parts.people
    try:
        await people.meet(question.user)
        found = people.attributes(question.user)
    except NotKnown as reason:
        raise UnknownUserError(str(reason)) from None
    finally:
        await people.close()
    if found is None and parts.settings.login == "own":
        raise UnknownUserError(f"nothing is known of a user `{question.user}`")
    return Principal(question.user, found or {})


async def _explain(parts: Parts, question: Question, principal: Principal, view: _View) -> Explanation:
    decision = parts.policies.decide(principal, _session(parts, question), view.labels)
    at = parts.policies.vocabulary.calendar.local(_session(parts, question))
    decision = overlay(decision, question.grants, principal, at)
    if question.sql and decision.kinds:
        decision = decision.of_kind(await view.kind() or "")
    describe = _DESCRIBE[question.language]
    filters = {each.rule: _FILTER[question.language](each) for each in decision.filters}
    limits = () if decision.limit is None else (_LIMIT[question.language](decision.limit),)
    sentences = (*words.sentences(decision, describe), *filters.values(), *limits)
    grants = _grants(question, decision.grants)
    world = Explanation(question.user, dict(principal.attributes), decision.policy, "world", sentences, grants=grants)
    if not question.sql:
        return world
    if decision.all_clear:
        return replace(
            world, verdict="unchanged", sentences=(_ALL_CLEAR[question.language],), sent=question.sql, grants=()
        )
    try:
        rewritten = await view.rewrite(decision)
    except Refusal as refused:
        refusal = refused
    else:
        columns = sorted({describe(use.column, use.treatment) for use in rewritten.uses})
        sentences = (*columns, *dict.fromkeys(filters.get(each.rule, each.rule) for each in rewritten.filters))
        verdict: Literal["unchanged", "rewritten"] = "unchanged" if rewritten.text == question.sql else "rewritten"
        used = _grants(question, sorted({grant for use in rewritten.uses for grant in use.treatment.grants}))
        return replace(world, verdict=verdict, sentences=sentences, sent=rewritten.text, grants=used)
    told = {name: getattr(refusal, name) for name in ("sqlstate", "message", "detail", "hint", "rule")}
    return replace(world, verdict="refused", sentences=(), refusal=told, grants=())


def _grants(question: Question, numbers: Iterable[int]) -> tuple[str, ...]:
    """Say of the grants with these numbers how long they are in force and why."""
    by_number = {grant.id: grant for grant in question.grants}
    return tuple(_GRANT[question.language](by_number[number]) for number in numbers)


@dataclass(frozen=True, slots=True)
class _View:
    """What a server holds.

    `labels` are those of its columns; `rewrite` gives the question's statement as it would leave (raises Refusal), `kind` its kind, `run` the columns
    and the first rows of an answer.
    """

    labels: Mapping[ColumnName, Label]
    rewrite: Callable[[Decision], Awaitable[Rewritten]]
    kind: Callable[[], Awaitable[Kind | None]]
    run: Callable[[str, int], Awaitable[tuple[tuple[str, ...], _Rows]]]


async def _of_postgres(parts: Parts, question: Question) -> _View:
    """Look at a database of a PostgreSQL; names mean what they mean to a new session."""
    catalogs = postgres.catalogs(parts, Ledger.read(parts.settings.labels_file))
    known = catalogs.known(question.database)
    await catalogs.refresh(known, force=True)

    async def rewrite(decision: Decision) -> Rewritten:
        connection = await asyncpg.connect(**postgres.connection_settings(parts, question.database))

        async def look_up(names: frozenset[tuple[str | None, str]]) -> Names:
            found = await connection.fetch(introspection.look_up_sql(names))
            return introspection.read_look_up([tuple(row) for row in found])

        def attempt(names: Names) -> Rewritten:
            return rewrite_postgres(question.sql, known.catalog, names, decision, parts.key, _listed(parts))

        try:
            try:
                return attempt(await look_up(frozenset()))
            except UnknownNames as unknown:
                return attempt(await look_up(unknown.names))
        finally:
            await connection.close()

    async def run(sent: str, rows: int) -> tuple[tuple[str, ...], _Rows]:
        return await postgres.read(parts, question.database, sent, rows)

    async def kind() -> Kind | None:
        return kind_on_postgres(question.sql)

    return _View(known.labels, rewrite, kind, run)


async def _of_mysql(parts: Parts, question: Question) -> _View:
    """Look at a MySQL or MariaDB; the default schema is the one that was asked for, the modes are the server's own."""
    catalogs = mysql.catalogs(parts, Ledger.read(parts.settings.labels_file))
    known = catalogs.known(SERVER)
    await catalogs.refresh(known, force=True)

    async def rewrite(decision: Decision) -> Rewritten:
        facts = Facts(question.database or None, await mysql.modes(parts))

        def attempt(facts: Facts) -> Rewritten:
            return rewrite_mysql(
                question.sql,
                catalog=known.catalog,
                facts=facts,
                decision=decision,
                key=parts.key,
                listed_functions=_listed(parts),
            )

        try:
            return attempt(facts)
        except UnknownNames as unknown:
            return attempt(replace(facts, absent=frozenset((s or "", n) for s, n in unknown.names | unknown.functions)))

    async def run(sent: str, rows: int) -> tuple[tuple[str, ...], _Rows]:
        return await mysql.read(parts, question.database, sent, rows)

    async def kind() -> Kind | None:
        return kind_on_mysql(question.sql, known.catalog, Facts(question.database or None, await mysql.modes(parts)))

    return _View(known.labels, rewrite, kind, run)


def _listed(parts: Parts) -> frozenset[str]:
    """Return the functions that the policies allow."""
    return frozenset(f"{schema}.{name}" for schema, name in parts.policies.functions)


def _session(parts: Parts, question: Question) -> Session:
    """Return what conditions may look at."""
    zone = zoneinfo.ZoneInfo(parts.settings.timezone)
    moment = dt.datetime.now(zone) if question.moment is None else question.moment
    own = parts.settings.login == "own"
    return Session(
        database=question.database,
        address=question.address,
        application=question.application,
        database_user=parts.settings.upstream.user if own else question.user,
        tls=question.tls,
        declared=question.declared,
        at=moment if moment.tzinfo is not None else moment.replace(tzinfo=zone),
    )
