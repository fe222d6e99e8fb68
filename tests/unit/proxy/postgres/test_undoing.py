"""What is surely undone when a statement ends: texts, tags and statuses of a session, one after another."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from proxy.postgres.gate import only_kind
from proxy.postgres.undoing import Undoing

COPY = "CREATE TABLE t AS SELECT phone FROM people"


def ended(number: int, text: str, *, failed: bool = False) -> Any:
    """An execution as far as it is looked at; `COMMIT!` is one of a transaction that has failed."""
    words = text.strip("!").split(";")
    kinds = {"TransactionStmt" if word.strip().split()[0] in CONTROL else "CreateTableAsStmt" for word in words}
    tag = "ROLLBACK" if text.endswith("!") else " ".join(words[-1].split()[:1])
    plan = SimpleNamespace(copies=text != "SELECT 1", judgement=SimpleNamespace(kinds=tuple(sorted(kinds))))
    status = "error" if failed else "ok"
    return SimpleNamespace(plan=plan, text=text.strip("!").encode(), tag=tag.encode(), status=status, number=number)


CONTROL = {"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PREPARE"}


@pytest.mark.parametrize(
    ("texts", "undone"),
    [
        ([COPY], []),
        (["?" + COPY], [0]),
        ([COPY, "?" + COPY], [1]),
        (["?" + COPY + "; " + COPY], []),
        (["BEGIN", COPY, "ROLLBACK"], [1]),
        (["BEGIN", COPY, COPY, "ROLLBACK"], [1, 2]),
        (["BEGIN", COPY, "ROLLBACK AND CHAIN"], [1]),
        (["BEGIN", COPY, "COMMIT!"], [1]),
        (["BEGIN", COPY, "COMMIT"], []),
        (["BEGIN", COPY, "?COMMIT"], []),
        (["BEGIN", COPY, "PREPARE TRANSACTION 'x'", "ROLLBACK"], []),
        (["BEGIN", COPY, "COMMIT", "ROLLBACK"], []),
        (["BEGIN", COPY, "COMMIT; ROLLBACK"], []),
        (["BEGIN", COPY, "COMMIT; BEGIN", COPY, "ROLLBACK"], []),
        (["BEGIN", COPY, "BEGIN", COPY, "ROLLBACK"], [1, 2, 3]),
        (["BEGIN", COPY, "SAVEPOINT s", COPY, "ROLLBACK TO s", "COMMIT"], []),
        (["BEGIN", "SAVEPOINT s", COPY, "ROLLBACK TO s", "RELEASE s", "ROLLBACK"], [1, 2, 3, 4]),
        ([COPY, "ROLLBACK"], []),
        (["BEGIN", "ROLLBACK", COPY, "ROLLBACK"], []),
        (["?BEGIN", COPY, "ROLLBACK"], []),
    ],
)
def test_only_what_is_surely_undone_counts(texts: list[str], undone: list[int]) -> None:
    """?: it fails. The numbers are those of the executions before, so that the first one has number 0."""
    undoing = Undoing(only_kind)
    found = [n for i, t in enumerate(texts, 1) for n in undoing.undone(ended(i, t.strip("?"), failed=t[0] == "?"))]
    assert found == undone
