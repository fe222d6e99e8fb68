"""Known tricks on MySQL and MariaDB: each is tried straight first, so that it is known to work, then by the clerk."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.mysql_twins import Answer, Caller, MySQLTwins

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "mysql.yaml").read_text())


class Stage:
    """Connections to the twins: kept for cases of one statement, of its own for each case of several."""

    def __init__(self, twins: MySQLTwins) -> None:
        self.twins = twins
        self._open: dict[tuple[str, bool], Caller] = {}

    def caller(self, world: str, *, guarded: bool) -> Caller:
        """The kept connection."""
        if (world, guarded) not in self._open:
            self._open[world, guarded] = self.twins.connect(world, guarded=guarded)
        return self._open[world, guarded]

    def tell(self, world: str, steps: list[Any], *, guarded: bool, after: list[str], fresh: bool) -> list[Answer]:
        """The answers to steps in a transaction that is rolled back; then what undoes the rest."""
        caller = self.twins.connect(world, guarded=guarded) if fresh else self.caller(world, guarded=guarded)
        try:
            answers = [caller.ask("START TRANSACTION")]
            for step in steps:
                if isinstance(step, str):
                    answers.append(caller.ask(step))
                    continue
                if "admin" in step:
                    caller.ask("COMMIT")
                    self.caller(world, guarded=False).ask(step["admin"])
                caller.look_again()
            caller.ask("ROLLBACK")
        finally:
            if fresh:
                caller.close()
        for text in after:
            self.caller(world, guarded=False).ask(text)
        return answers

    def close(self) -> None:
        """Close what is kept."""
        for caller in self._open.values():
            caller.close()


@pytest.fixture(scope="module")
def stage(mysql_twins: MySQLTwins) -> Iterator[Stage]:
    """Give both twins, straight and as the clerk."""
    stage = Stage(mysql_twins)
    yield stage
    stage.close()


@pytest.fixture(scope="module")
def sentinels(mysql_twins: MySQLTwins) -> list[str]:
    """Every hidden text in every form in which a trick could show it."""
    forms = []
    for text in mysql_twins.hidden:
        data = text.encode()
        encoded = base64.b64encode(data).rstrip(b"=")[:-1].decode()
        turned = (text, text.upper(), text.lower(), text[::-1], data.hex(), data.hex().upper(), encoded)
        forms += [form for form in turned if len(form) >= 7]
    return forms


def ways(case: dict[str, Any]) -> dict[str, list[Any]]:
    """The steps of each way to try a case."""
    if "steps" in case:
        return {"text": case["steps"]}
    sql = case["sql"]
    found = {"text": [sql]}
    quoted = sql.replace("\\", "\\\\").replace("'", "''")
    # A refused PREPARE leaves the statement of another case under its name.
    found["prepared"] = [f"PREPARE q FROM '{quoted}'", "EXECUTE q", "EXECUTE q", "DEALLOCATE PREPARE q"]
    if sql.lstrip("( ").upper().startswith(("SELECT", "WITH", "TABLE", "VALUES")) and ";" not in sql:
        found["subquery"] = [f"SELECT * FROM ({sql}\n) q"]
        found["stored"] = [
            f"SET @v = (SELECT json_arrayagg(q.x) FROM (SELECT 1 AS x UNION ALL {sql}\n) q)",
            "SELECT @v",
        ]
        found["explained"] = [f"EXPLAIN {sql}"]
    return found


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case['line']}: {(case.get('sql') or case['steps'][-1])!s:.60}"
)
def test_a_known_trick_tells_nothing(stage: Stage, sentinels: list[str], case: dict[str, Any]) -> None:
    """The trick works straight; as the clerk both twins answer the same, and no hidden text is among it."""
    flavour = stage.twins.server.flavour
    if case.get("only", flavour) != flavour:
        return
    every, after, fresh = ways(case), case.get("after", []), "steps" in case or ";" in case["sql"]
    straight = [stage.tell(world, every["text"], guarded=False, after=after, fresh=fresh) for world in ("a", "b")]
    if case.get("real", True) in (True, flavour):
        assert straight[0] != straight[1], straight[0]
    for way, steps in every.items():
        a, b = (stage.tell(world, steps, guarded=True, after=after, fresh=fresh) for world in ("a", "b"))
        assert a == b, way
        said = repr(a)
        sent = repr(steps)
        assert not [text for text in sentinels if text in said and text not in sent], way
