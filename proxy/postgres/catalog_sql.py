"""The SQL that reads a database's catalog. Constants only; `proxy.postgres.introspection` runs them and reads their rows.

Those that may run under a caller's search path (COLUMNS, FOUND) name every function, operator and relation in full. The
others run with an empty path.
"""

from __future__ import annotations

from typing import Final

# The type of a column with its schema and modifier, ready for a cast. The modifier is taken from format_type, but for
# interval, whose modifier has words there; source: PostgreSQL, timestamp.c, intervaltypmodin.
_TYPE_NAME: Final = r"""
pg_catalog.concat(pg_catalog.quote_ident(tn.nspname), '.', pg_catalog.quote_ident(t.typname), CASE
  WHEN a.atttypmod OPERATOR(pg_catalog.<) 0 THEN ''
  WHEN t.oid OPERATOR(pg_catalog.=) 1186 THEN
    pg_catalog.concat('(', (a.atttypmod OPERATOR(pg_catalog.>>) 16) OPERATOR(pg_catalog.&) 32767, CASE
      WHEN (a.atttypmod OPERATOR(pg_catalog.&) 65535) OPERATOR(pg_catalog.=) 65535 THEN ''
      ELSE pg_catalog.concat(',', a.atttypmod OPERATOR(pg_catalog.&) 65535) END, ')')
  ELSE pg_catalog."substring"(pg_catalog.format_type(a.atttypid, a.atttypmod), '\([0-9, -]+\)') END)"""

COLUMNS: Final = f"""
SELECT a.attrelid::pg_catalog.int8 AS relation, a.attname::pg_catalog.text AS name, a.attnum::pg_catalog.int4 AS number,
       {_TYPE_NAME} AS type_name,
       CASE WHEN bn.nspname OPERATOR(pg_catalog.=) 'pg_catalog' THEN b.typname::pg_catalog.text
            ELSE pg_catalog.concat(bn.nspname, '.', b.typname) END AS base_type,
       a.attnotnull AS not_null,
       CASE WHEN a.attcollation OPERATOR(pg_catalog.<>) 0 AND a.attcollation OPERATOR(pg_catalog.<>) t.typcollation
            THEN pg_catalog.concat(pg_catalog.quote_ident(cn.nspname), '.', pg_catalog.quote_ident(co.collname))
            END AS collation,
       a.attgenerated OPERATOR(pg_catalog.<>) '' AS generated
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
JOIN pg_catalog.pg_namespace tn ON tn.oid OPERATOR(pg_catalog.=) t.typnamespace
JOIN LATERAL (
  WITH RECURSIVE d AS (
    SELECT t.oid, t.typbasetype, t.typtype
    UNION ALL
    SELECT x.oid, x.typbasetype, x.typtype FROM d JOIN pg_catalog.pg_type x ON x.oid OPERATOR(pg_catalog.=) d.typbasetype
    WHERE d.typtype OPERATOR(pg_catalog.=) 'd')
  SELECT d.oid FROM d WHERE d.typtype OPERATOR(pg_catalog.<>) 'd') base ON true
JOIN pg_catalog.pg_type b ON b.oid OPERATOR(pg_catalog.=) base.oid
JOIN pg_catalog.pg_namespace bn ON bn.oid OPERATOR(pg_catalog.=) b.typnamespace
LEFT JOIN pg_catalog.pg_collation co ON co.oid OPERATOR(pg_catalog.=) a.attcollation
LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid OPERATOR(pg_catalog.=) co.collnamespace
WHERE a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped"""  # noqa: S608  constants of this file

# The wanted names with what they mean; an unqualified one means what is visible along the search path.
FOUND: Final = """FROM (VALUES {wanted}) w (s, n) LEFT JOIN LATERAL (
SELECT c.oid, c.relname, c.relkind, x.nspname FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace x ON x.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE c.relname OPERATOR(pg_catalog.=) w.n::pg_catalog.name
AND CASE WHEN w.s IS NULL THEN pg_catalog.pg_table_is_visible(c.oid)
ELSE x.nspname OPERATOR(pg_catalog.=) w.s::pg_catalog.name END) f ON true"""

# Relations that another session has locked, or is about to, against being looked at. Whatever writes out a definition waits
# for them: for ever, when that session waits for us. What they stand in is read without its definition.
LOCKED: Final = """(SELECT l.relation FROM pg_catalog.pg_locks l WHERE l.relation OPERATOR(pg_catalog.>=) 16384
AND l.database OPERATOR(pg_catalog.=) (SELECT b.oid FROM pg_catalog.pg_database b WHERE b.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
AND l.mode OPERATOR(pg_catalog.=) 'AccessExclusiveLock' AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid())"""

UNREADABLE: Final = "("
"""What stands for an expression whose relation is locked: it cannot be read as one."""

USER_SCHEMAS: Final = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'"

RELATIONS: Final = f"""
SELECT c.oid::int8 AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
       CASE WHEN c.relkind IN ('v', 'm') AND c.oid NOT IN {LOCKED} AND NOT EXISTS (
         SELECT FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
         WHERE r.ev_class = c.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid IN {LOCKED})
       THEN pg_get_viewdef(c.oid) END AS definition,
       ARRAY(SELECT i.inhparent::int8 FROM pg_inherits i WHERE i.inhrelid = c.oid ORDER BY i.inhseqno) AS parents,
       ARRAY(SELECT a.attname::text FROM pg_index x
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY ((x.indkey::int2[])[0:x.indnkeyatts - 1])
             WHERE x.indrelid = c.oid AND x.indisprimary AND x.indimmediate ORDER BY array_position(x.indkey::int2[], a.attnum)) AS primary_key,
       c.relrowsecurity AS row_security,
       EXISTS (SELECT FROM pg_options_to_table(c.reloptions) WHERE option_name = 'security_invoker' AND option_value::bool)
       AS invoker,
       EXISTS (SELECT FROM pg_options_to_table(c.reloptions) WHERE option_name = 'security_barrier' AND option_value::bool)
       AS barrier
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND {USER_SCHEMAS}"""  # noqa: S608  constants of this file

USER_COLUMNS: Final = f"""{COLUMNS} AND a.attrelid IN (
SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {USER_SCHEMAS}) ORDER BY a.attrelid, a.attnum"""  # noqa: S608  constants of this file

SYSTEM_RELATIONS: Final = """
SELECT c.oid::int8 AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v') AND n.nspname IN ('pg_catalog', 'information_schema')"""

# The relations that the view `c` reads, to any depth, but for the session's own temporary ones.
READ_BY: Final = """(WITH RECURSIVE s(oid) AS (SELECT c.oid UNION SELECT d.refobjid
  FROM s JOIN pg_catalog.pg_rewrite r ON r.ev_class OPERATOR(pg_catalog.=) s.oid
  JOIN pg_catalog.pg_depend d ON d.objid OPERATOR(pg_catalog.=) r.oid
    AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass
    AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass)
  SELECT pg_catalog.string_agg(x.oid::pg_catalog.text, ',') FROM s JOIN pg_catalog.pg_class x
  ON x.oid OPERATOR(pg_catalog.=) s.oid
  WHERE x.relnamespace OPERATOR(pg_catalog.<>) pg_catalog.pg_my_temp_schema())"""

# Relations that a rule of a view or materialized view reads.
SOURCES: Final = """
SELECT DISTINCT r.ev_class::int8 AS relation, d.refobjid::int8 AS source
FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class AND r.oid >= 16384"""

# Functions that a relation runs, and whether reading it or writing it does.
RUN_FUNCTIONS: Final = """
WITH part AS (
  SELECT 'pg_rewrite'::regclass AS class, oid, ev_class AS relation, ev_type = '1' AS reads, ev_type <> '1' AS writes
  FROM pg_rewrite WHERE oid >= 16384
  UNION ALL SELECT 'pg_attrdef'::regclass, oid, adrelid, false, true FROM pg_attrdef
  UNION ALL SELECT 'pg_constraint'::regclass, oid, conrelid, false, true FROM pg_constraint WHERE conrelid <> 0
  UNION ALL SELECT 'pg_policy'::regclass, oid, polrelid, true, true FROM pg_policy
  UNION ALL SELECT 'pg_trigger'::regclass, oid, tgrelid, false, true FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL SELECT 'pg_class'::regclass, indexrelid, indrelid, false, true FROM pg_index)
SELECT DISTINCT part.relation::int8 AS relation, d.refobjid::int8 AS function, part.reads, part.writes
FROM part JOIN pg_depend d ON d.classid = part.class AND d.objid = part.oid AND d.refclassid = 'pg_proc'::regclass"""

FUNCTIONS: Final = """
SELECT p.oid::int8 AS oid, n.nspname::text AS schema, p.proname::text AS name, e.extname::text AS extension,
       p.oid < 16384 AND e.oid IS NULL AND n.nspname IN ('pg_catalog', 'information_schema') AS builtin,
       p.provolatile = 'v' AS volatile,
       p.pronargs >= 1 AND p.pronargs - p.pronargdefaults <= 1 AND (t.typtype = 'c' OR t.typtype = 'p') AS takes_row
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
LEFT JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
LEFT JOIN pg_extension e ON e.oid = d.refobjid
LEFT JOIN pg_type t ON t.oid = p.proargtypes[0]
WHERE n.nspname !~ '^pg_(toast|temp)'"""

TYPES: Final = """
SELECT n.nspname::text AS schema, t.typname::text AS name FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname !~ '^pg_(toast|temp)'"""

# Both sides of every foreign key.
LINKS: Final = """
WITH k AS (SELECT conname, conrelid, confrelid, conkey, confkey, confupdtype, confdeltype FROM pg_constraint WHERE contype = 'f'),
side AS (SELECT conname, conrelid AS relation, confrelid AS other, conkey AS key, confkey AS there, true AS refers, confupdtype, confdeltype FROM k
         UNION ALL SELECT conname, confrelid, conrelid, confkey, conkey, false, confupdtype, confdeltype FROM k)
SELECT s.conname::text AS name, s.relation::int8 AS relation, s.other::int8 AS other, s.refers,
       s.confupdtype::text AS on_update, s.confdeltype::text AS on_delete,
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = s.relation AND a.attnum = ANY (s.key)
             ORDER BY array_position(s.key, a.attnum)) AS columns,
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = s.other AND a.attnum = ANY (s.there)
             ORDER BY array_position(s.there, a.attnum)) AS there
FROM side s ORDER BY 2, 3, 1, 4"""

OPERATORS: Final = """
SELECT o.oprname::text AS name, o.oprcode::oid::int8 AS function FROM pg_operator o
WHERE o.oid >= 16384 OR o.oprnamespace <> 'pg_catalog'::regnamespace"""

# What is known of a function, as one JSON object; the places to fill in are of pg_proc p and pg_namespace n. Types 2279, 3838
# and 2281 are trigger, event_trigger and internal. A body that is
# written out waits for the relations it names.
_FUNCTION: Final = """
pg_catalog.json_build_object('schema', n.nspname, 'name', p.proname, 'kind', p.prokind, 'language', l.lanname,
 'body', CASE WHEN l.lanname OPERATOR(pg_catalog.=) ANY ('{sql,plpgsql}')
         AND NOT (b.locked AND p.prosrc OPERATOR(pg_catalog.=) '') THEN COALESCE(b.body, p.prosrc) END,
 'parsed', b.body IS NOT NULL, 'defaults', pg_catalog.pg_get_expr(p.proargdefaults, 0),
 'least', p.pronargs OPERATOR(pg_catalog.-) p.pronargdefaults,
 'most', CASE WHEN p.provariadic OPERATOR(pg_catalog.<>) 0 THEN 1000
              ELSE COALESCE(pg_catalog.cardinality(p.proallargtypes), p.pronargs) END,
 'settings', COALESCE(p.proconfig, '{}'),
 'support', ARRAY(
   SELECT pg_catalog.json_build_array(fn.nspname, f.proname) FROM pg_catalog.pg_aggregate a
   JOIN pg_catalog.pg_proc f ON f.oid OPERATOR(pg_catalog.=) ANY (ARRAY[a.aggtransfn, a.aggfinalfn, a.aggcombinefn,
     a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn]::pg_catalog.oid[])
   JOIN pg_catalog.pg_namespace fn ON fn.oid OPERATOR(pg_catalog.=) f.pronamespace
   WHERE a.aggfnoid::pg_catalog.oid OPERATOR(pg_catalog.=) p.oid),
 'types', ARRAY(
   SELECT t.typname FROM pg_catalog.pg_type t WHERE t.oid OPERATOR(pg_catalog.=) p.prorettype
   OR t.oid OPERATOR(pg_catalog.=) ANY (COALESCE(p.proallargtypes, p.proargtypes::pg_catalog.oid[]))),
 'extension', e.extname,
 'same_as', ARRAY(
   SELECT i.proname FROM pg_catalog.pg_proc i WHERE l.lanname OPERATOR(pg_catalog.=) 'internal'
   AND i.prolang OPERATOR(pg_catalog.=) p.prolang AND i.prosrc OPERATOR(pg_catalog.=) p.prosrc AND i.oid OPERATOR(pg_catalog.<) 10000
   AND p.prokind OPERATOR(pg_catalog.=) 'f' AND p.prorettype OPERATOR(pg_catalog.<>) ALL ('{2279,3838,2281}'::pg_catalog.oid[])))::pg_catalog.text"""

_FUNCTION_PARTS: Final = f"""
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang
CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM pg_catalog.pg_depend u
  WHERE u.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass AND u.objid OPERATOR(pg_catalog.=) p.oid
  AND u.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
  AND u.refobjid OPERATOR(pg_catalog.=) ANY {LOCKED}) AS locked) k
CROSS JOIN LATERAL (SELECT k.locked, CASE WHEN NOT k.locked THEN pg_catalog.pg_get_function_sqlbody(p.oid) END AS body) b
LEFT JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
 AND d.objid OPERATOR(pg_catalog.=) p.oid AND d.deptype OPERATOR(pg_catalog.=) 'e'
LEFT JOIN pg_catalog.pg_extension e ON e.oid OPERATOR(pg_catalog.=) d.refobjid"""  # noqa: S608  constants of this file

CODE: Final = f"""
SELECT {_FUNCTION} AS function FROM pg_catalog.pg_proc p {_FUNCTION_PARTS}
WHERE (p.oid >= 16384 OR n.nspname NOT IN ('pg_catalog', 'information_schema')) AND NOT (COALESCE(e.extname, '')::text = ANY ($1::text[]))
AND n.nspname !~ '^pg_(toast|temp)' ORDER BY p.oid"""  # noqa: S608  constants of this file

# Functions that the wanted names mean; an unqualified one means those of all schemas.
FOUND_FUNCTIONS: Final = f"""SELECT 'function', w.s, w.n, {_FUNCTION}, NULL, NULL, NULL, NULL, NULL
FROM (VALUES {{wanted}}) w (s, n) JOIN pg_catalog.pg_proc p ON p.proname OPERATOR(pg_catalog.=) w.n::pg_catalog.name
{_FUNCTION_PARTS}
WHERE w.s IS NULL OR n.nspname OPERATOR(pg_catalog.=) w.s::pg_catalog.name""".replace("'{", "'{{").replace("}'", "}}'")  # noqa: S608  constants of this file

# Expressions of relations that run functions. A default of nextval() alone is left out: nearly every table has one.
ATTACHED: Final = f"""
WITH locked AS MATERIALIZED {LOCKED},
expression(relation, what, tree, reads, writes) AS (
  SELECT adrelid, 'default', adbin, false, true FROM pg_attrdef
  UNION ALL SELECT conrelid, 'check', conbin, false, true FROM pg_constraint WHERE conrelid <> 0
  UNION ALL SELECT polrelid, 'policy', polqual, true, true FROM pg_policy
  UNION ALL SELECT polrelid, 'policy', polwithcheck, false, true FROM pg_policy
  UNION ALL SELECT indrelid, 'index', indexprs, false, true FROM pg_index
  UNION ALL SELECT indrelid, 'index', indpred, false, true FROM pg_index
  UNION ALL SELECT partrelid, 'partition key', partexprs, false, true FROM pg_partitioned_table
  UNION ALL SELECT stxrelid, 'statistics', stxexprs, false, true FROM pg_statistic_ext),
written(relation, what, text, reads, writes) AS (
  SELECT relation, what, CASE WHEN relation IN (TABLE locked) THEN '{UNREADABLE}' ELSE pg_get_expr(tree, relation) END, reads, writes
  FROM expression WHERE tree IS NOT NULL
  UNION ALL SELECT tgrelid, 'trigger', CASE WHEN tgrelid IN (TABLE locked) THEN '{UNREADABLE}' ELSE pg_get_triggerdef(oid) END, false, true
  FROM pg_trigger WHERE NOT tgisinternal)
SELECT relation::int8 AS relation, what, text, reads, writes FROM written
WHERE relation >= 16384 AND text LIKE '%(%' AND text !~ '^nextval[(][^()]*[)]$' ORDER BY 1, 2, 3"""  # noqa: S608  constants of this file

# Relations that a change of another one changes, by ON DELETE and ON UPDATE of foreign keys.
CASCADES: Final = """
SELECT DISTINCT confrelid::int8 AS relation, conrelid::int8 AS changed FROM pg_constraint
WHERE contype = 'f' AND (confdeltype IN ('c', 'n', 'd') OR confupdtype IN ('c', 'n', 'd')) ORDER BY 1, 2"""

# Functions that making or converting a value of a type runs, with all types made of it and the relations that hold them.
# A cast counts for its user-made ends; one between two types of the server for both. Context o: of a type's default order, not in
# the languages c and internal, which nobody but a superuser or an extension gives an order.
CONVERSIONS: Final = """
WITH RECURSIVE part(whole, part) AS (
  SELECT oid, typbasetype FROM pg_type WHERE typbasetype <> 0
  UNION ALL SELECT oid, typelem FROM pg_type WHERE typelem <> 0
  UNION ALL SELECT rngtypid, rngsubtype FROM pg_range
  UNION ALL SELECT rngmultitypid, rngtypid FROM pg_range
  UNION ALL SELECT t.oid, a.atttypid FROM pg_type t JOIN pg_attribute a ON a.attrelid = t.typrelid WHERE t.typrelid <> 0),
start(type, function, target, context) AS (
  SELECT c.contypid, d.refobjid, NULL::text, 'e' FROM pg_constraint c JOIN pg_depend d ON d.objid = c.oid
    AND d.classid = 'pg_constraint'::regclass AND d.refclassid = 'pg_proc'::regclass WHERE c.contypid <> 0
  UNION SELECT objid, refobjid, NULL, 'e' FROM pg_depend
    WHERE classid = 'pg_type'::regclass AND refclassid = 'pg_proc'::regclass
  UNION SELECT o.opcintype, p.amproc::oid, NULL, 'e' FROM pg_opclass o JOIN pg_amproc p ON p.amprocfamily = o.opcfamily
    WHERE o.opcintype >= 16384
  UNION SELECT o.opcintype, f.oid, NULL, 'o' FROM pg_opclass o JOIN pg_proc f ON f.oid >= 16384 AND f.oid IN (
      SELECT amproc::oid FROM pg_amproc WHERE amprocfamily = o.opcfamily
      UNION SELECT n.oprcode::oid FROM pg_amop a JOIN pg_operator n ON n.oid = a.amopopr WHERE a.amopfamily = o.opcfamily)
    JOIN pg_language l ON l.oid = f.prolang WHERE o.opcdefault AND l.lanname NOT IN ('c', 'internal')
  UNION SELECT r.rngtypid, p.amproc::oid, NULL, 'e' FROM pg_range r JOIN pg_opclass o ON o.oid = r.rngsubopc
    JOIN pg_amproc p ON p.amprocfamily = o.opcfamily
  UNION SELECT x.type, c.castfunc, t.typname::text, c.castcontext::text FROM pg_cast c JOIN pg_type t ON t.oid = c.casttarget
    CROSS JOIN LATERAL (VALUES (c.castsource), (c.casttarget)) x(type)
    WHERE c.oid >= 16384 AND c.castfunc <> 0
    AND (x.type >= 16384 OR (c.castsource < 16384 AND c.casttarget < 16384))),
used AS (SELECT * FROM start WHERE function >= 16384),
whole(start, type) AS (
  SELECT DISTINCT type, type FROM used UNION SELECT w.start, p.whole FROM whole w JOIN part p ON p.part = w.type)
SELECT u.function::int8 AS function, u.target, u.context,
       ARRAY(SELECT t.typname::text FROM whole w JOIN pg_type t ON t.oid = w.type WHERE w.start = u.type ORDER BY 1) AS types,
       ARRAY(SELECT a.attrelid::int8 FROM whole w JOIN pg_attribute a ON a.atttypid = w.type AND a.attnum > 0
             WHERE w.start = u.type
             UNION SELECT t.typrelid::int8 FROM whole w JOIN pg_type t ON t.oid = w.type
             WHERE w.start = u.type AND t.typrelid <> 0 ORDER BY 1) AS relations
FROM used u ORDER BY 1, 2, 3"""


def _summary(table: str, row: str, condition: str) -> str:
    """A text that differs when any row of a catalog table that meets the condition has changed."""
    digest = f"pg_catalog.sum(pg_catalog.hashtextextended(pg_catalog.concat({row}), 0))"
    return f"(SELECT pg_catalog.concat(pg_catalog.count(*), ':', {digest}) FROM pg_catalog.{table} x WHERE {condition})"  # noqa: S608  constants of this file


_USER_MADE: Final = "x.oid OPERATOR(pg_catalog.>=) 16384"  # FirstNormalObjectId, transam.h

FINGERPRINT: Final = "SELECT pg_catalog.md5(pg_catalog.concat_ws(',', {}))".format(
    ", ".join(
        (
            _summary(
                "pg_class",
                "x.oid, '/', x.xmin",
                f"{_USER_MADE} AND x.relkind OPERATOR(pg_catalog.=) ANY ('{{r,p,v,m,f,S}}')",
            ),
            _summary(
                "pg_attribute", "x.attrelid, '/', x.attnum, '/', x.xmin", "x.attrelid OPERATOR(pg_catalog.>=) 16384"
            ),
            _summary("pg_namespace", "x.oid, '/', x.xmin", "x.nspname OPERATOR(pg_catalog.!~) '^pg_(toast|temp)'"),
            _summary("pg_index", "x.indexrelid, '/', x.xmin", "x.indexrelid OPERATOR(pg_catalog.>=) 16384"),
            _summary("pg_inherits", "x.inhrelid, '/', x.inhparent", "true"),
            *(
                _summary(table, "x.oid, '/', x.xmin", _USER_MADE)
                for table in (
                    "pg_attrdef",
                    "pg_constraint",
                    "pg_proc",
                    "pg_rewrite",
                    "pg_operator",
                    "pg_cast",
                    "pg_trigger",
                    "pg_type",
                    "pg_extension",
                    "pg_policy",
                    "pg_attrdef",
                    "pg_opclass",
                    "pg_amproc",
                    "pg_amop",
                    "pg_statistic_ext",
                )
            ),
        )
    )
)
"""One text value that differs when anything that a Catalog holds has changed; a few milliseconds."""
