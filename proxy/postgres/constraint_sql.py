"""The SQL that reads what the server checks and computes when rows are written: constraints, indexes, defaults.

Constants only; `proxy.postgres.introspection` runs them with an empty search path. Columns that stand in a stored expression are
read off its text form (pg_node_tree), for dependencies do not tell those of a constraint's index.
"""

from __future__ import annotations

from typing import Final

from proxy.postgres.catalog_sql import LOCKED

CONSTRAINTS: Final = r"""
WITH part AS (
  SELECT i.indrelid AS relation, c.relname AS name, CASE WHEN i.indisexclusion THEN 'exclusion' WHEN i.indisunique THEN 'unique'
         ELSE 'expression' END AS kind, (i.indkey::int2[])[0:i.indnkeyatts - 1] AS key,
         (i.indisunique AND NOT coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false)) OR i.indisexclusion AS distinct_nulls,
         concat(i.indexprs, i.indpred) AS tree, true AS valid
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  WHERE i.indrelid >= 16384 AND c.relnamespace <> 'pg_toast'::regnamespace AND (i.indisunique OR i.indisexclusion OR i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
  UNION ALL
  SELECT conrelid, conname, 'check', conkey, false, conbin::text, convalidated
  FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0
  UNION ALL
  SELECT d.adrelid, a.attname, 'expression', ARRAY[d.adnum], false, d.adbin::text, true
  FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE a.attgenerated <> ''
  UNION ALL
  SELECT ev_class, rulename, 'rule', ARRAY(SELECT attnum FROM pg_attribute WHERE attrelid = ev_class AND attnum > 0), false, NULL, false
  FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE ev_type <> '1' AND c.relkind IN ('r', 'p', 'f', 'v')
  UNION ALL
  SELECT tgrelid, tgname, 'unchanged', ARRAY(SELECT attnum FROM pg_attribute WHERE attrelid = tgrelid AND attnum > 0), false, NULL, false
  FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE p.proname = 'suppress_redundant_updates_trigger' AND p.oid < 16384
  UNION ALL
  SELECT p.partrelid, 'partition key', 'partition', p.partattrs::int2[], false, p.partexprs::text, true
  FROM pg_partitioned_table p
  UNION ALL
  SELECT p.polrelid, p.polname, 'policy', ARRAY(SELECT d.refobjsubid::int2 FROM pg_depend d WHERE d.classid = 'pg_policy'::regclass
         AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = p.polrelid), false, NULL, false
  FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE c.relrowsecurity AND p.polcmd <> 'a'),
used AS (
  SELECT part.*, ARRAY(SELECT DISTINCT m[1]::int2 FROM regexp_matches(tree, ':varattno (\d+)', 'g') m) AS inside,
         ARRAY(SELECT DISTINCT m[1]::oid FROM regexp_matches(tree, ':(?:funcid|opfuncid) (\d+)', 'g') m) AS runs,
         ARRAY(SELECT DISTINCT lower(m[1]) FROM regexp_matches(tree, '\{(COERCEVIAIO|COERCETODOMAIN|SQLVALUEFUNCTION|ARRAYCOERCEEXPR)', 'g') m) AS forms
  FROM part)
SELECT u.relation::int8 AS relation, u.name::text AS name, u.kind,
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = u.relation AND a.attnum > 0 AND NOT a.attisdropped
             AND (0 = ANY (u.inside) OR a.attnum = ANY (u.key || u.inside)) ORDER BY a.attnum) AS columns,
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE u.distinct_nulls AND a.attrelid = u.relation AND a.attnum = ANY (u.key)
             AND a.attnum > 0 ORDER BY a.attnum) AS keys,
       u.valid AND NOT u.forms && '{coerceviaio,sqlvaluefunction}' AND NOT EXISTS (SELECT FROM pg_proc p WHERE p.oid = ANY (u.runs) AND p.provolatile <> 'i') AS settled,
       u.forms || ARRAY(SELECT CASE WHEN n.nspname = 'pg_catalog' THEN p.proname::text ELSE concat(n.nspname, '.', p.proname) END
             FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid = ANY (u.runs)) AS functions
FROM used u ORDER BY 1, 3, 2"""
"""Every unique index, exclusion and CHECK constraint, computed index, generated column, partition key, row policy, rule, and
trigger that suppresses updates without a change."""

FILLED: Final = rf"""
SELECT a.attrelid::int8 AS relation, array_agg(a.attname::text) AS columns,
       coalesce(array_agg(a.attname::text) FILTER (WHERE a.attidentity <> '' OR (d.oid IS NOT NULL
         AND CASE WHEN d.adrelid IN {LOCKED} THEN false ELSE pg_get_expr(d.adbin, d.adrelid) ~ '^nextval\(' END)),
         '{{}}') AS numbered
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped AND (a.attidentity <> '' OR t.typdefault IS NOT NULL
      OR (d.oid IS NOT NULL AND CASE WHEN d.adrelid IN {LOCKED} THEN true ELSE
           pg_get_expr(d.adbin, d.adrelid) !~ '^(NULL::.*|(gen_random_uuid|uuidv4|uuidv7)\(\))$' END))
GROUP BY 1"""  # noqa: S608  constants of the proxy
"""Columns that get something else than NULL or a random UUID when an INSERT leaves them out; and those that get a new number."""
