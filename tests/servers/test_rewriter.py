"""The rewriter on a real PostgreSQL: every case answers as the caller's masked world would, and nothing hidden comes out."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import replace

import asyncpg
import psycopg
import pytest
from fixtures.rewriting import real_and_masked, rewriter_cases

from policies.model import ColumnName, Mask
from proxy.postgres.introspection import FINGERPRINT, look_up_sql, read_catalog, read_look_up
from rewriter.postgres.catalog import Names, Relation
from rewriter.postgres.code import judge_of
from rewriter.postgres.functions import REFUSED_FUNCTIONS, refused_builtin
from rewriter.postgres.masks import render
from rewriter.postgres.names import Elsewhere, meaning_of
from rewriter.postgres.rewrite import rewrite
from rewriter.postgres.system import refusal_of
from rewriter.postgres.world import world_of

HIDDEN = re.compile(r"HIDDEN|77123|1966-06-06")
_DATABASES = ("rewriter_real", "rewriter_masked")


@pytest.fixture(scope="module")
def databases(postgres, rewriter_schema, rewriter_world):
    """The cases' database twice: as it is, and with every column physically holding what the caller may see."""
    return real_and_masked(postgres, rewriter_schema, rewriter_world, _DATABASES)


def settings(postgres, database):
    return {
        "host": postgres.host,
        "port": postgres.port,
        "user": postgres.user,
        "password": postgres.password,
        "database": database,
    }


@pytest.fixture(scope="module")
def snapshot(postgres, databases):
    return asyncio.run(read_catalog(settings(postgres, _DATABASES[0]), 7))


def answer(dsn: str, sql: str) -> tuple[list[tuple], list[tuple[str, int, int]]]:
    """Rows (as the text the server sends) and columns (name, type, modifier) of a statement, undone afterwards."""
    connection = psycopg.pq.PGconn.connect(dsn.encode())
    try:
        connection.exec_(b"SET statement_timeout = '20s'")
        connection.exec_(b"BEGIN")
        result = connection.exec_(sql.encode())
        if result.error_message:
            raise RuntimeError(result.error_message.decode())
        if result.status == psycopg.pq.ExecStatus.COPY_OUT:
            rows = []
            while (chunk := connection.get_copy_data(0))[0] > 0:
                rows.append((bytes(chunk[1]),))
            return rows, []
        rows = [
            tuple(result.get_value(row, column) for column in range(result.nfields)) for row in range(result.ntuples)
        ]
        columns = [(result.fname(c).decode(), result.ftype(c), result.fmod(c)) for c in range(result.nfields)]
        return rows, columns
    finally:
        connection.finish()


def test_case_answers_as_the_masked_world(rewriter_answer, rewriter_world, databases, snapshot):
    """What leaves gives on the real data exactly the rows, names and types that the client's text gives on masked data."""
    case = rewriter_answer
    listed = frozenset(case.get("listed", ()))
    done = rewrite(case.sql, snapshot, rewriter_world.names, rewriter_world.decision, listed_functions=listed)
    if case.get("server_fails"):
        with pytest.raises(RuntimeError) as caught:
            answer(databases[0], done.text)
        with pytest.raises(RuntimeError) as expected:
            answer(databases[1], case.sql)
        assert str(caught.value).split("\n")[0] == str(expected.value).split("\n")[0]
        return
    rows, columns = answer(databases[0], done.text)
    expected_rows, expected_columns = answer(databases[1], case.sql)
    assert not HIDDEN.search(repr(rows))
    assert (rows == expected_rows) if case.get("order") else (Counter(rows) == Counter(expected_rows))
    if not case.get("record"):
        assert columns == expected_columns


def test_hidden_words_are_there_without_rewriting(databases):
    """The database of the cases does hold what the cases must not show."""
    rows, _ = answer(databases[0], "SELECT ssn, salary, born FROM users")
    assert len(HIDDEN.findall(repr(rows))) >= 3 * 4


def test_snapshot_reads_as_written_out_by_hand(snapshot, rewriter_world):
    """Introspection finds the relations, columns and types that the unit tests assume."""
    for relation in rewriter_world.catalog.relations.values():
        if relation.kind not in {"r", "p"} or relation.schema == "pg_catalog":
            continue
        found = snapshot.relations[snapshot.names[relation.schema, relation.name]]
        assert [(c.name, c.type_name, c.base_type) for c in found.columns] == [
            (c.name, c.type_name, c.base_type) for c in relation.columns
        ]
        assert found.write_functions == relation.write_functions
        assert [(snapshot.relations[link.other].name, link.columns, link.refers) for link in found.links] == [
            (rewriter_world.catalog.relations[link.other].name, link.columns, link.refers) for link in relation.links
        ]
        assert [snapshot.relations[parent].name for parent in found.parents] == [
            rewriter_world.catalog.relations[parent].name for parent in relation.parents
        ]
    assert snapshot.functions == rewriter_world.catalog.functions
    assert snapshot.operators == rewriter_world.catalog.operators
    assert snapshot.code == rewriter_world.catalog.code
    assert snapshot.row_functions == rewriter_world.catalog.row_functions


async def test_code_is_judged_alike_when_it_is_made_and_when_it_is_used(postgres, databases, snapshot, rewriter_world):
    """What the server says of each function of the cases leads to the verdict that its CREATE had."""
    del databases
    connection = await asyncpg.connect(**settings(postgres, _DATABASES[0]))
    absent = {(schema, "made_up_table"): None for schema in (None, "public")}
    try:
        for case in rewriter_cases("code"):
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(case.sql)
            rows = await connection.fetch(look_up_sql((), [(None, "f")]))
            names = read_look_up([tuple(row) for row in rows], [(None, "f")])
            names = replace(names, looked_up=absent)
            world = world_of(snapshot, rewriter_world.decision)
            verdict = judge_of(snapshot, names, world, None, frozenset()).verdict(("public", "f"))
            if case.get("out"):
                assert verdict.reason is None, case
            else:
                assert case.get("says") in (verdict.reason or ""), case
            assert not verdict.unknown | verdict.unknown_functions, case
            await transaction.rollback()
    finally:
        await connection.close()


TYPES = (
    "varchar(20)", "numeric(10,2)", "interval year to month", "interval(3)", "interval day to second(2)", "timestamptz(3)",
    "varchar(5)[]", "short", "mood", '"char"', "char(4)", "bit(3)", "bit varying(5)", "int[]", "time(2)", "jsonb", "bytea", "numeric",
)  # fmt: skip


async def test_type_names_cast_to_the_very_type(postgres, databases):
    """The type name of a column, used as a cast, gives the same type and modifier."""
    connection = await asyncpg.connect(**settings(postgres, _DATABASES[0]))
    try:
        await connection.execute("CREATE DOMAIN short AS varchar(7)")
        listed = ", ".join(f"c{number} {kind}" for number, kind in enumerate(TYPES))
        await connection.execute(f'CREATE TABLE many_types ({listed}, c text COLLATE "C")')
        catalog = await read_catalog(settings(postgres, _DATABASES[0]), 1)
        columns = catalog.relations[catalog.names["public", "many_types"]].columns
        assert columns[-1].collation == 'pg_catalog."C"'
        casts = ", ".join(f"{column.name}::{column.type_name}" for column in columns)
        await connection.execute(f"CREATE TABLE again AS SELECT {casts} FROM many_types")
        written = "SELECT array_agg(format_type(atttypid, atttypmod) ORDER BY attnum) FROM pg_attribute WHERE attnum > 0 AND attrelid = '{}'::regclass"
        assert await connection.fetchval(written.format("again")) == await connection.fetchval(
            written.format("many_types")
        )
        masked = ", ".join(f"{render(Mask('full'), column, 't.' + column.name)} AS {column.name}" for column in columns)
        await connection.execute(f"SELECT {masked} FROM many_types t")
    finally:
        await connection.execute("DROP TABLE IF EXISTS again, many_types; DROP DOMAIN IF EXISTS short")
        await connection.close()


async def test_fingerprint_follows_definitions_and_nothing_else(postgres, databases):
    """The fingerprint changes with a table, a column, a function, an attachment to a parent; not with rows."""
    connection = await asyncpg.connect(**settings(postgres, _DATABASES[1]))
    try:
        seen = [await connection.fetchval(FINGERPRINT)]
        await connection.execute("UPDATE orders SET total = total; ANALYZE orders")
        assert await connection.fetchval(FINGERPRINT) == seen[0]
        for change in (
            "CREATE TABLE f1 (a int)",
            "ALTER TABLE f1 RENAME a TO b",
            "ALTER TABLE f1 INHERIT f0",
            "CREATE FUNCTION f2() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE OR REPLACE FUNCTION f2() RETURNS int LANGUAGE sql AS 'SELECT 2'",
            "DROP TABLE f1; DROP FUNCTION f2()",
        ):
            await connection.execute("CREATE TABLE IF NOT EXISTS f0 (b int)")
            await connection.execute(change)
            seen.append(await connection.fetchval(FINGERPRINT))
        assert len(set(seen)) == len(seen)
    finally:
        await connection.execute("DROP TABLE IF EXISTS f0")
        await connection.close()


async def test_look_up_tells_what_the_session_sees(postgres, databases):
    """Path, temporary relations and names created in the open transaction come from the session's own connection."""
    connection = await asyncpg.connect(**settings(postgres, _DATABASES[0]))
    try:
        await connection.execute("SET search_path = archive, public")
        await connection.execute("CREATE TEMP TABLE scratch (a int); CREATE TEMP TABLE staff (a int)")
        await connection.execute('BEGIN; CREATE TABLE "it\'s" (a varchar(3) NOT NULL, b int)')
        wanted = [
            (None, "it's"),
            (None, "nowhere"),
            (None, "users"),
            ("public", "users"),
            (None, "scratch"),
            ("nope", "x\\'"),
        ]
        names = read_look_up([tuple(row) for row in await connection.fetch(look_up_sql(wanted))])
    finally:
        await connection.close()
    assert names.path[1:] == ("pg_catalog", "archive", "public")
    assert names.path[0].startswith("pg_temp_")
    assert names.temporary == {"scratch", "staff"}
    made = names.looked_up[None, "it's"]
    assert isinstance(made, Relation)
    assert [(c.name, c.type_name, c.not_null) for c in made.columns] == [
        ("a", 'pg_catalog."varchar"(3)', True),
        ("b", "pg_catalog.int4", False),
    ]
    assert names.looked_up[None, "nowhere"] is None
    assert names.looked_up["nope", "x\\'"] is None
    assert (names.looked_up[None, "users"].schema, names.looked_up["public", "users"].schema) == ("archive", "public")
    assert (None, "scratch") not in names.looked_up


def test_resolution_agrees_with_the_server(postgres, databases, snapshot):
    """Along any path, temporary relations included, a name means what the server says it means."""
    with psycopg.connect(databases[0], autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE users (a int); CREATE TEMP TABLE pg_class (a int)")
        for path in (
            "public",
            "archive, public",
            "public, archive",
            "archive",
            "public, pg_temp",
            "archive, pg_catalog, public",
            "''",
            "pg_temp",
        ):
            connection.execute(f"SET search_path = {path}")
            names = read_look_up(connection.execute(look_up_sql()).fetchall())
            for name in ("users", "orders", "pg_class", "pg_stats", "guess"):
                (server,) = connection.execute(
                    "SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = pg_catalog.to_regclass(%s)",
                    [name],
                ).fetchone() or (None,)
                meaning = meaning_of({"relname": name}, names, snapshot)
                ours = (
                    meaning.schema
                    if isinstance(meaning, Relation)
                    else {Elsewhere.TEMPORARY: "temp", Elsewhere.UNKNOWN: None}[meaning]
                )
                assert ours == ("temp" if server and server.startswith("pg_temp") else server), (path, name)


def test_manifest_knows_every_builtin_that_takes_sql_or_reads_by_name(databases):
    """No built-in of this server looks as if it read relations, files or SQL text without being on the manifest."""
    looks = "xml|file|^lo_|^lo|slot|activity|^ts_stat|^ts_rewrite|_ls_|terminate|cancel_backend|backup|upgrade|replication_origin"
    # these name no relation of the caller's choice, or only compute
    fine = {
        *(
            "log",
            "log10",
            "lower",
            "lower_inc",
            "lower_inf",
            "localtime",
            "ts_stat_support",
            "xml_in",
            "xml_out",
            "xml_send",
        ),
        *(
            "xml_recv",
            "xml",
            "xmlagg",
            "xmlcomment",
            "xmlconcat2",
            "xmlexists",
            "xmltext",
            "xmlvalidate",
            "xml_is_well_formed",
        ),
        *("xml_is_well_formed_content", "xml_is_well_formed_document", "pg_walfile_name", "pg_walfile_name_offset"),
        *("pg_split_walfile_name", "pg_relation_filenode", "pg_relation_filepath", "pg_filenode_relation"),
        *("pg_stat_get_replication_slot", "pg_show_replication_origin_status", "pg_stat_get_backend_activity_start"),
        *("pg_stat_get_db_conflict_logicalslot", "pg_stat_get_db_temp_files"),
    }
    with psycopg.connect(databases[0]) as connection:
        rows = connection.execute(
            "SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname ~ %s",
            [looks],
        ).fetchall()
    unknown = {name for (name,) in rows if refused_builtin(name) is None} - fine
    assert unknown == set()
    assert all(refused_builtin(name) for name in REFUSED_FUNCTIONS)


def test_system_relations_are_known(snapshot):
    """Every relation of pg_catalog whose name speaks of statistics of values, sessions, secrets or files is judged."""
    looks = re.compile(
        r"^pg_statistic|^pg_stats|activity|authid|shadow|user_mapping|file|largeobject$|hba|memory|shmem"
    )
    names = {relation.name for relation in snapshot.relations.values() if relation.schema == "pg_catalog"}
    open_ones = {name for name in names if looks.search(name) and refusal_of("pg_catalog", name) is None}
    assert open_ones == {"pg_statistic_ext"}  # which statistics exist, not what they hold


def test_labels_reach_children_and_parents(snapshot, rewriter_world):
    """A label on a parent protects its children and partitions in the snapshot of a real server."""
    world = world_of(snapshot, rewriter_world.decision)
    for name in ("staff", "managers", "events", "events_north"):
        oid = snapshot.names["public", name]
        column = "card" if "events" in name else "ssn"
        assert world.treatments[oid][column].kind == "mask"
    assert ColumnName("public", "managers", "ssn") not in rewriter_world.decision.treatments


def test_set_search_path_shift_is_followed(databases, snapshot, rewriter_world):
    """The same text means another relation under another path, and is rewritten accordingly."""
    text = "SELECT ssn FROM users"
    shifted = rewrite(text, snapshot, Names(("pg_catalog", "archive", "public")), rewriter_world.decision)
    assert shifted.text == 'SELECT ssn FROM "archive".users'
    assert rewrite(text, snapshot, rewriter_world.names, rewriter_world.decision).text != text


def test_explain_would_show_statistics_of_hidden_values(databases):
    """Why EXPLAIN is refused: the estimate of a masked DISTINCT follows the number of different hidden values."""
    estimates = []
    for values in ("'one'", "i::text"):
        script = f"CREATE TEMP TABLE e AS SELECT {values} AS ssn FROM generate_series(1, 1000) i; ANALYZE e"
        with psycopg.connect(databases[0]) as connection:
            connection.execute(script)
            (line,) = connection.execute("EXPLAIN SELECT DISTINCT left(ssn, 1) || '***' FROM e").fetchone()
        estimates.append(re.search(r"rows=(\d+)", line)[1])
    assert estimates[0] != estimates[1]


def test_settings_of_the_proxy_are_in_no_list(databases):
    """A custom setting of the session appears neither in pg_settings nor in SHOW ALL, which stay allowed."""
    with psycopg.connect(databases[0]) as connection:
        connection.execute("SELECT set_config('louver.key', 'HIDDEN', false)")
        listed = connection.execute("SELECT * FROM pg_settings").fetchall() + connection.execute("SHOW ALL").fetchall()
        listed += connection.execute("SELECT * FROM pg_show_all_settings()").fetchall()
    assert not HIDDEN.search(repr(listed))
