"""What a person would get of a statement, and why: the same walk as in the proxy, without running anything.

Owns the putting together. May not do: print.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import asyncpg

from louver import mysql, postgres
from policies.model import Principal, Session
from policies.words import describe, words
from proxy.mysql.catalogs import SERVER
from proxy.postgres import introspection
from proxy.postgres.ledger import Ledger
from rewriter.model import Refusal, UnknownNames
from rewriter.mysql.catalog import Facts
from rewriter.mysql.rewrite import rewrite as rewrite_mysql
from rewriter.postgres.catalog import Names
from rewriter.postgres.rewrite import rewrite as rewrite_postgres

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from louver.configuration import Parts
    from policies.model import ColumnName, Decision, Label
    from rewriter.model import Rewritten


class UnknownUserError(Exception):
    """Nobody of that name can log in."""


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks, from where and when. `moment` is local to the proxy's time zone, None for now."""

    user: str
    database: str
    sql: str = ""
    address: str = "127.0.0.1"
    application: str = ""
    tls: bool = True
    moment: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer. `sentences` say what each column is shown as and by which rule.

    `verdict` `world`: no statement was given, the sentences are the caller's whole world. `sent` is what the database
    gets; `refusal` what the caller is told instead: SQLSTATE, message, detail, hint, rule.
    """

    user: str
    attributes: dict[str, object]
    policy: str
    verdict: Literal["world", "unchanged", "rewritten", "refused"]
    sentences: tuple[str, ...]
    sent: str | None = None
    refusal: dict[str, str | None] | None = None


async def explain(parts: Parts, question: Question) -> Explanation:
    """Decide and rewrite as the proxy would for this caller.

    Raises UnknownUserError, LedgerUnavailable, and what reading the catalog raises (OSError, the errors of asyncpg and PyMySQL).
    """
    found = parts.users.find(question.user)
    if found is None and parts.settings.login == "own":
        raise UnknownUserError(f"the users file has no user `{question.user}`")
    principal = Principal(question.user, found.attributes if found else {})
    view = await (_of_mysql(parts, question) if parts.settings.protocol == "mysql" else _of_postgres(parts, question))
    decision = parts.policies.decide(principal, _session(parts, question), view.labels)
    world = Explanation(question.user, dict(principal.attributes), decision.policy, "world", words(decision))
    if not question.sql:
        return world
    if decision.all_clear:
        return replace(world, verdict="unchanged", sentences=("every column is shown as it is",), sent=question.sql)
    try:
        rewritten = await view.rewrite(decision)
    except Refusal as refused:
        refusal = refused
    else:
        sentences = tuple(sorted({describe(use.column, use.treatment) for use in rewritten.uses}))
        verdict: Literal["unchanged", "rewritten"] = "unchanged" if rewritten.text == question.sql else "rewritten"
        return replace(world, verdict=verdict, sentences=sentences, sent=rewritten.text)
    told = {name: getattr(refusal, name) for name in ("sqlstate", "message", "detail", "hint", "rule")}
    return replace(world, verdict="refused", sentences=(), refusal=told)


@dataclass(frozen=True, slots=True)
class _View:
    """What a server holds: the labels of its columns, and how it would have the statement rewritten (raises Refusal)."""

    labels: Mapping[ColumnName, Label]
    rewrite: Callable[[Decision], Awaitable[Rewritten]]


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

    return _View(known.labels, rewrite)


async def _of_mysql(parts: Parts, question: Question) -> _View:
    """Look at a MySQL or MariaDB; the default schema is the one that was asked for, the modes are the server's own."""
    catalogs = mysql.catalogs(parts)
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

    return _View(known.labels, rewrite)


def _listed(parts: Parts) -> frozenset[str]:
    """Return the functions that the policies allow."""
    return frozenset(f"{schema}.{name}" for schema, name in parts.policies.functions)


def _session(parts: Parts, question: Question) -> Session:
    """Return what conditions may look at."""
    moment = question.moment or dt.datetime.now(zoneinfo.ZoneInfo(parts.settings.timezone))
    own = parts.settings.login == "own"
    return Session(
        database=question.database,
        address=question.address,
        application=question.application,
        database_user=parts.settings.upstream.user if own else question.user,
        tls=question.tls,
        date=moment.date().isoformat(),
        hour=moment.hour,
        minute=moment.minute,
        weekday=moment.isoweekday(),
    )
