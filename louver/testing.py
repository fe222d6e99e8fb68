"""Running the tests of policies: columns by deciding, statements by a database.

Owns the putting together. May not do: print.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import asyncpg
import pymysql

from louver.configuration import ConfigurationError, load
from louver.explain import NotRunError, Preview, Question, preview
from louver.logs import silence
from policies.loader import load_policies
from policies.positions import DocumentError, Problem
from policies.trials import Trial, policies_of, read_trials
from proxy.catalogs import CatalogUnavailable
from proxy.ledger import LedgerUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from louver.configuration import Parts
    from policies.decide import PolicySet

_ROWS = 1000
"""Rows of an answer that a test may expect."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one test: nothing to say against it, or what is not as it is expected. `asked`: its query was run, if it has one."""

    name: str
    file: str
    line: int
    failures: tuple[str, ...]
    asked: bool = True

    @property
    def passed(self) -> bool:
        """Whether all is as expected."""
        return not self.failures


def run(file: Path, config: str, database: str) -> list[Result]:
    """Run the tests of a file. Raises DocumentError for files that cannot be used, OSError when one cannot be read.

    `config` and `database` are where queries are run, under the policies that the file is about; without them they are not.
    """
    text = file.read_text(encoding="utf-8")
    named = policies_of(text, str(file))
    parts: Parts | None = None
    if config:
        try:
            parts = load(config)
        except ConfigurationError as error:
            raise DocumentError(tuple(_problem(mistake, config) for mistake in error.mistakes)) from None
    policies = _policies(file, named, parts)
    trials = read_trials(text, str(file), policies)
    return [_result(trial, policies, parts, database) for trial in trials.trials]


def _policies(file: Path, named: str | None, parts: Parts | None) -> PolicySet:
    """The policies that a test file is about: those of the configuration, or those that it names itself."""
    if named is not None:
        return load_policies(file.parent / named)
    if parts is None:
        message = "no policies are named; write `policies: FILE`, or give --config"
        raise DocumentError((Problem(str(file), 1, 1, message),))
    return parts.policies


def _problem(mistake: Problem | str, config: str) -> Problem:
    return Problem(config, 1, 1, mistake) if isinstance(mistake, str) else mistake


def _result(trial: Trial, policies: PolicySet, parts: Parts | None, database: str) -> Result:
    failures = trial.failures(policies)
    asks = trial.query is None or (parts is not None and bool(database))
    if trial.query is not None and parts is not None and database:
        failures += _asked(trial, trial.query, replace(parts, policies=policies), database)
    return Result(trial.name, trial.file, trial.line, tuple(failures), asks)


def _asked(trial: Trial, query: str, parts: Parts, database: str) -> list[str]:
    """Ask the query, and say what of its answer is not as expected."""
    question = Question(
        trial.principal.name,
        database,
        query,
        trial.session.address,
        trial.session.application,
        trial.session.tls,
        trial.session.at,
        trial.principal.attributes,
        trial.session.declared,
        grants=trial.grants,
    )
    try:
        with silence():  # what goes wrong is said in the result
            seen = asyncio.run(preview(parts, question, _ROWS + 1))
    except (
        CatalogUnavailable,
        LedgerUnavailable,
        NotRunError,
        OSError,
        asyncpg.PostgresError,
        pymysql.MySQLError,
    ) as error:
        return [f"its query could not be run: {error}"]
    return list(_differences(trial, seen))


def _differences(trial: Trial, seen: Preview) -> Iterator[str]:
    refusal = seen.explanation.refusal
    if trial.refused is not None and refusal is None:
        yield "its query is answered, not refused"
    elif trial.refused is not None and refusal is not None and trial.refused not in str(refusal["message"]):
        yield f"its query is refused with: {refusal['message']}"
    elif trial.refused is None and refusal is not None:
        yield f"its query is refused: {refusal['message']}"
    elif trial.refused is None and seen.rows != trial.rows:
        # an expected row stands in the file; what else came is not told, for it may be a value that should be hidden
        missing = ", ".join(str(list(row)) for row in trial.rows or () if row not in seen.rows)
        yield f"its query gives {len(seen.rows)} rows, {f'without {missing}' if missing else 'more, or in another order'}"
