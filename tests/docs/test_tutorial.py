"""docs/tutorial.md works as it is written."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from louver.demo.host import free_port

if TYPE_CHECKING:
    from louver.demo.postgres import LocalPostgres

_TEXT = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")


def _file(name: str) -> str:
    """Return the YAML that the tutorial gives for a file."""
    found = re.search(rf"`{re.escape(name)}`:\n\n```yaml\n(.*?)```", _TEXT, re.DOTALL)
    assert found is not None
    return found[1]


def _commands() -> list[str]:
    return re.findall(r"^\$ (louver .*)$", _TEXT, re.MULTILINE)


def test_the_tutorial_works_as_written(postgres: LocalPostgres, tmp_path: Path) -> None:
    """Its SQL, files and commands, in their order, give the answers that it promises."""
    postgres.create_database("shop")
    sql = re.search(r"```sql\n(CREATE ROLE.*?)```", _TEXT, re.DOTALL)
    assert sql is not None
    people = (
        "CREATE TABLE people (id int PRIMARY KEY, name text, phone varchar(20), region text);\n"
        "INSERT INTO people VALUES (1, 'Ada', '13912345678', 'east'), (2, 'Bob', '13887654321', 'west');\n"
    )
    postgres.run_sql(people + sql[1], "shop")
    port = free_port()
    settings = _file("louver.yaml").replace("db.internal", f"{postgres.host}\n  port: {postgres.port}")
    (tmp_path / "louver.yaml").write_text(settings.replace("6432", str(port)), encoding="utf-8")
    (tmp_path / "policies.yaml").write_text(_file("policies.yaml"), encoding="utf-8")
    environment = {"LOUVER_SERVICE_PASSWORD": "a long random password", "PATH": "/usr/bin:/bin"}
    answers = {}
    for command in _commands():
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', command)][1:]
        if words[0] == "serve" or words[:2] == ["audit", "tail"]:
            continue
        if words[0] == "audit":
            with subprocess.Popen(
                [sys.executable, "-m", "louver", "serve"], cwd=tmp_path, env=environment, stderr=subprocess.PIPE
            ) as proxy:
                assert proxy.stderr is not None
                proxy.stderr.readline()
                assert _phones("tina", port) == ["139****5678", "138****4321"]
                assert _phones("lin", port) == ["13912345678", "138****4321"]
                proxy.terminate()
        done = subprocess.run(
            [sys.executable, "-m", "louver", *words],
            cwd=tmp_path,
            env=environment,
            input="pw\n",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        answers[words[0]] = done.stdout
    assert "the first 3 and last 4 characters" in answers["explain"]
    assert "intact" in answers["audit"]
    postgres.run_sql("DROP OWNED BY louver_service", "shop")
    postgres.run_sql("DROP ROLE louver_service")


def _phones(user: str, port: int) -> list[str]:
    end = time.monotonic() + 30
    while True:
        try:
            with psycopg.connect(host="127.0.0.1", port=port, user=user, password="pw", dbname="shop") as connection:
                return [str(row[0]) for row in connection.execute("SELECT phone FROM people ORDER BY id").fetchall()]
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
