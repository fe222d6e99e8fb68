"""What the commands share that ask what somebody would see: their options, the question, and what is said when it has no answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from louver.console import Exit, fail

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from louver.configuration import Parts
    from louver.explain import Question
    from policies.grants import Grant

_T = TypeVar("_T")

DatabaseOption = Annotated[str, typer.Option("--database", "-d", metavar="NAME", help="Of which database.")]
AtOption = Annotated[str, typer.Option("--at", metavar="TIME", help="When: 2026-07-01T09:30. Default: now.")]
AddressOption = Annotated[str, typer.Option("--address", metavar="IP", help="From where.")]
ApplicationOption = Annotated[str, typer.Option("--application", help="With which program.")]
DeclareOption = Annotated[
    list[str] | None,
    typer.Option("--declare", metavar="NAME=VALUE", help="What the session has declared; again and again."),
]
GrantsOption = Annotated[
    bool, typer.Option("--grants/--no-grants", help="With the grants that are in force, or by the rules alone.")
]


def run_asking(ask: Callable[[Parts], Coroutine[Any, Any, _T]], config: str, database: str) -> _T:
    """Ask something of a configuration's database; end the command when that cannot be done, and say why."""
    import asyncio

    import asyncpg
    import pymysql

    from louver.configuration import ConfigurationError, load
    from louver.explain import NotRunError, UnknownUserError
    from louver.logs import silence
    from proxy.catalogs import CatalogUnavailable
    from proxy.ledger import LedgerUnavailable

    try:
        with silence():  # what goes wrong is said below
            return asyncio.run(ask(load(config)))
    except ConfigurationError as error:
        fail(error.mistakes)
    except (NotRunError, UnknownUserError, LedgerUnavailable) as error:
        fail([error])
    except (
        CatalogUnavailable,
        OSError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        pymysql.MySQLError,
    ) as error:
        fail([f"cannot read `{database}`: {error or type(error).__name__}"])


def asked(  # noqa: PLR0913  the command's options
    user: str,
    database: str,
    sql: str,
    *,
    address: str,
    application: str,
    at: str,
    declare: list[str] | None,
    grants: bool,
    config: str,
) -> Callable[[Parts], Question]:
    """Give the question that options ask, once the policies are known, which say what may be declared."""
    from datetime import datetime

    from louver.explain import Question
    from policies.vocabulary import NotAllowed

    try:
        moment = datetime.fromisoformat(at) if at else None
    except ValueError:
        fail([f"--at takes a time such as 2026-07-01T09:30, not {at}"], Exit.USAGE)
    if not all("=" in said for said in declare or ()):
        fail(["--declare takes NAME=VALUE"], Exit.USAGE)
    active = granted(config) if grants else ()

    def question(parts: Parts) -> Question:
        said = dict(each.split("=", 1) for each in declare or ())
        try:
            declared = {name: parts.policies.vocabulary.read(name, text) for name, text in said.items()}
        except NotAllowed as reason:
            fail([f"--declare: {reason}"], Exit.USAGE)
        return Question(user, database, sql, address, application, moment=moment, declared=declared, grants=active)

    return question


def granted(config: str) -> Sequence[Grant]:
    """The grants that a configuration has in force; end the command when they cannot be read."""
    from louver.granted import active_grants
    from louver.settings import SettingsError, load_settings
    from proxy.grants.records import GrantsUnavailable
    from proxy.tls import TLSError

    try:
        return active_grants(load_settings(config))
    except SettingsError as error:
        fail(error.problems)
    except (GrantsUnavailable, TLSError) as error:
        fail([f"{error}; leave grants out, or read them as the account that runs Louver"])
