-- What administrators leave lying about: views, functions, operators, rules, triggers, extensions over the protected tables.
CREATE EXTENSION dblink;
CREATE EXTENSION postgres_fdw;
CREATE EXTENSION tablefunc;
CREATE EXTENSION pageinspect;
CREATE EXTENSION file_fdw;
CREATE EXTENSION hstore;
CREATE EXTENSION pgcrypto;
CREATE EXTENSION lo;
CREATE VIEW people_view AS SELECT id, ssn AS code FROM people;
CREATE VIEW people_view_view AS SELECT code AS c FROM people_view;
CREATE MATERIALIZED VIEW people_kept AS SELECT id, ssn, name FROM people;
CREATE VIEW statistics_view AS SELECT tablename::text, most_common_vals::text, histogram_bounds::text FROM pg_stats;
CREATE RECURSIVE VIEW people_recursive (n, s) AS
  SELECT 1, ''::varchar UNION ALL SELECT n + 1, (SELECT ssn FROM people WHERE id = n) FROM people_recursive WHERE n < 5;
CREATE FUNCTION leak_sql(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT name FROM public.people WHERE id = $1';
CREATE FUNCTION leak_plpgsql(n int) RETURNS text LANGUAGE plpgsql AS
  $$ DECLARE found text; BEGIN EXECUTE 'SELECT name FROM public.people WHERE id = $1' INTO found USING n; RETURN found; END $$;
CREATE FUNCTION leak_set() RETURNS SETOF people LANGUAGE sql AS 'SELECT * FROM public.people';
CREATE FUNCTION leak_notice(n int) RETURNS int LANGUAGE plpgsql AS
  $$ BEGIN RAISE NOTICE '%', (SELECT name FROM public.people WHERE id = n); RETURN 1; END $$;
CREATE FUNCTION leak_error(n int) RETURNS int LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION '%', (SELECT name FROM public.people WHERE id = n); END $$;
CREATE FUNCTION leak_cursor() RETURNS refcursor LANGUAGE plpgsql AS
  $$ DECLARE c refcursor := 'leaked'; BEGIN OPEN c FOR SELECT name FROM public.people; RETURN c; END $$;
CREATE FUNCTION full_name(people) RETURNS text LANGUAGE sql AS 'SELECT p.name FROM public.people p WHERE p.id = $1.id';
CREATE FUNCTION run(text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE $1; END $$;
CREATE FUNCTION same_person(int, int) RETURNS boolean LANGUAGE sql AS
  'SELECT EXISTS (SELECT FROM public.people WHERE id = $1 AND name LIKE ''SENTINEL%'')';
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = same_person);
CREATE TYPE box_of_id AS (id int);
CREATE FUNCTION open_box(box_of_id) RETURNS name LANGUAGE sql AS 'SELECT name::name FROM public.people WHERE id = $1.id';
CREATE CAST (box_of_id AS name) WITH FUNCTION open_box(box_of_id) AS ASSIGNMENT;
CREATE FUNCTION leak_state(text, int) RETURNS text LANGUAGE sql AS
  'SELECT coalesce($1, '''') || (SELECT name FROM public.people WHERE id = $2)';
CREATE AGGREGATE leak_all(int) (SFUNC = leak_state, STYPE = text);
CREATE FUNCTION knows_name(text) RETURNS boolean LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM public.people WHERE name = $1)';
CREATE DOMAIN known_name AS text CHECK (knows_name(VALUE));
CREATE FUNCTION nosy_order(int, int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
  RAISE NOTICE '%', (SELECT name FROM public.people WHERE id = $1); RETURN $1 - $2; END $$;
CREATE OPERATOR CLASS nosy_ops FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=,
  OPERATOR 5 >, FUNCTION 1 nosy_order(int, int);
CREATE TYPE nosy_range AS RANGE (subtype = int, subtype_opclass = nosy_ops, multirange_type_name = nosy_ranges);
CREATE FUNCTION cry_out(text) RETURNS text LANGUAGE internal AS 'upper';
CREATE FUNCTION run_query(text, boolean, boolean, text) RETURNS xml LANGUAGE internal AS 'query_to_xml';
CREATE FUNCTION put_setting(text, text, boolean) RETURNS text LANGUAGE internal AS 'set_config_by_name';
CREATE PROCEDURE leak_procedure(INOUT found text) LANGUAGE sql AS 'SELECT name FROM public.people WHERE id = 1';
CREATE TABLE watched (id int, memo text);
CREATE FUNCTION copy_name() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN NEW.memo := (SELECT name FROM public.people WHERE id = NEW.id); RETURN NEW; END $$;
CREATE TRIGGER copy_name BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION copy_name();
CREATE TABLE ruled (id int);
CREATE TABLE ruled_log (memo text);
CREATE RULE show AS ON INSERT TO ruled DO INSTEAD SELECT name FROM people;
CREATE RULE keep AS ON DELETE TO ruled DO ALSO INSERT INTO ruled_log SELECT name FROM people;
CREATE TABLE defaulted (id int, memo text DEFAULT leak_plpgsql(1));
CREATE TABLE lookups (id int, memo text, CHECK (knows_name(memo)));
CREATE TABLE filtered (id int, memo text);
INSERT INTO filtered SELECT i, 'open' FROM generate_series(1, 12) i;
ALTER TABLE filtered ENABLE ROW LEVEL SECURITY;
ALTER TABLE filtered FORCE ROW LEVEL SECURITY;
CREATE POLICY sentinels ON filtered USING (same_person(id, id));
CREATE VIEW through_function AS SELECT id, leak_sql(id) AS found FROM orders;
CREATE VIEW over_function AS SELECT found FROM through_function;
CREATE VIEW through_operator AS SELECT id FROM orders WHERE id === id;
CREATE VIEW over_operator AS SELECT count(*) FROM through_operator;
CREATE VIEW over_kept AS SELECT name AS n FROM people_kept;
CREATE VIEW over_statistics AS SELECT s.* FROM statistics_view s;
CREATE VIEW people_rich AS SELECT p.id, p.name, p.salary, a.card, a.balance FROM people p LEFT JOIN accounts a ON a.person = p.id
  AND a.balance > p.salary / 100 WHERE p.salary > 45000;
CREATE VIEW people_oslo WITH (security_barrier) AS SELECT id, ssn, salary, phone FROM people WHERE city = 'Oslo' AND salary > 42000;
CREATE VIEW people_renamed (name, ssn, id) AS SELECT city, name, id FROM people;
CREATE VIEW people_sums AS SELECT grp, sum(salary) AS total, max(name) AS last, array_agg(ssn ORDER BY id) AS all_of_them FROM people
  GROUP BY grp HAVING sum(score) > -1000;
CREATE VIEW people_whole AS SELECT p.id, p AS whole, to_jsonb(p) AS doc FROM people p;
CREATE VIEW people_ranked AS SELECT id, rank() OVER (ORDER BY salary), lag(name) OVER (ORDER BY id) AS before FROM people;
CREATE VIEW people_joined AS SELECT a.id, b.id AS other FROM people a JOIN people b ON a.ssn = b.ssn AND a.id < b.id;
CREATE VIEW people_failing AS SELECT id, 1 / (score + 42) AS q FROM people;
CREATE VIEW events_all AS SELECT region, card, amount FROM events UNION ALL SELECT 'boss', ssn, bonus FROM managers;
CREATE VIEW people_kept_again AS SELECT p.id FROM people p WHERE p.name IN (SELECT v FROM guess) OR EXISTS (
  SELECT FROM people_view v WHERE v.code LIKE '9%' AND v.id = p.id);
CREATE VIEW secret_labels AS SELECT id, label FROM secrets;
CREATE VIEW secret_codes AS SELECT id, code FROM secrets;
CREATE SERVER here FOREIGN DATA WRAPPER file_fdw;
CREATE SCHEMA "Mixed Case";
-- Functions in all dress, and harmless ones beside them.
CREATE FUNCTION leak_default(a text DEFAULT leak_sql(1)) RETURNS text LANGUAGE sql AS 'SELECT a';
CREATE FUNCTION leak_variadic(VARIADIC int[]) RETURNS text LANGUAGE sql AS 'SELECT name FROM public.people WHERE id = $1[1]';
CREATE FUNCTION leak_any(anyelement) RETURNS anyelement LANGUAGE sql AS
  'SELECT $1 WHERE EXISTS (SELECT FROM public.people WHERE name LIKE ''SENTINEL%'')';
CREATE FUNCTION leak_atomic() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT name FROM people WHERE id = 1; END;
CREATE FUNCTION leak_return() RETURNS text LANGUAGE sql RETURN (SELECT name FROM people WHERE id = 1);
CREATE FUNCTION leak_path() RETURNS text LANGUAGE sql SET search_path = public AS 'SELECT name FROM people WHERE id = 1';
CREATE FUNCTION leak_definer() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT name FROM people WHERE id = 1';
CREATE FUNCTION leak_nested() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN leak_path(); END $$;
CREATE FUNCTION leak_view() RETURNS text LANGUAGE sql AS 'SELECT code FROM people_view WHERE id = 1';
CREATE FUNCTION leak_cast() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN ROW(1)::box_of_id::name; END $$;
CREATE FUNCTION leak_operator() RETURNS boolean LANGUAGE sql AS 'SELECT 1 === 1';
CREATE FUNCTION leak_declare() RETURNS text LANGUAGE plpgsql AS
  $$ DECLARE x text := (SELECT name FROM people WHERE id = 1); BEGIN RETURN x; END $$;
CREATE FUNCTION leak_into() RETURNS text LANGUAGE plpgsql AS
  $$ DECLARE x text; BEGIN SELECT name INTO STRICT x FROM people WHERE id = 1; RETURN x; END $$;
CREATE FUNCTION leak_constant() RETURNS text LANGUAGE plpgsql AS
  $$ DECLARE x text; BEGIN EXECUTE 'SELECT name FROM people WHERE id = 1' INTO x; RETURN x; END $$;
CREATE FUNCTION leak_handler() RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN RETURN 1 / 0; EXCEPTION WHEN division_by_zero THEN RETURN (SELECT name FROM people WHERE id = 1); END $$;
CREATE FUNCTION leak_loop() RETURNS SETOF text LANGUAGE plpgsql AS
  $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM people LOOP RETURN NEXT r.name; END LOOP; END $$;
CREATE FUNCTION leak_recursive(n int) RETURNS text LANGUAGE plpgsql AS
  $$ BEGIN IF n > 0 THEN RETURN leak_recursive(n - 1); END IF; RETURN (SELECT name FROM people WHERE id = 1); END $$;
CREATE FUNCTION mixed(int) RETURNS text LANGUAGE sql AS 'SELECT ''seven''';
CREATE FUNCTION mixed(text) RETURNS text LANGUAGE sql AS 'SELECT name FROM public.people WHERE id = 1';
CREATE FUNCTION grasp(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION archive.grasp(text) RETURNS text LANGUAGE sql AS 'SELECT name FROM public.people WHERE id = 1';
CREATE FUNCTION greet(text) RETURNS text LANGUAGE sql AS 'SELECT ''hello '' || $1';
CREATE FUNCTION shout(t text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'it is %', t; RETURN upper(t); END $$;
CREATE FUNCTION first_memo() RETURNS text LANGUAGE sql AS 'SELECT memo FROM orders ORDER BY 1 LIMIT 1';
CREATE FUNCTION longer(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS
  'SELECT CASE WHEN length($1) >= length($2) THEN $1 ELSE $2 END';
CREATE AGGREGATE longest(text) (SFUNC = longer, STYPE = text);
CREATE PROCEDURE note_down(t text) LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'noted %', t; END $$;
CREATE TABLE stamped (id int, memo text, stamp text);
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.stamp := 'by ' || NEW.memo; RETURN NEW; END $$;
CREATE TRIGGER stamp BEFORE INSERT ON stamped FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TABLE counted (id int, memo text DEFAULT first_memo());
CREATE VIEW watched_view AS SELECT id, memo FROM watched;
CREATE VIEW watched_again AS SELECT memo, id FROM watched_view;
CREATE VIEW defaulted_view AS SELECT id, memo FROM defaulted;
CREATE VIEW lookups_view AS SELECT id, memo FROM lookups;
CREATE VIEW orders_told AS SELECT id, memo FROM orders;
ALTER VIEW orders_told ALTER memo SET DEFAULT leak_plpgsql(1);
CREATE TABLE ruled_parent (id int PRIMARY KEY);
CREATE TABLE ruled_child (id int REFERENCES ruled_parent ON DELETE CASCADE);
CREATE RULE keep AS ON DELETE TO ruled_child DO ALSO INSERT INTO ruled_log SELECT name FROM people;
CREATE VIEW ruled_view AS SELECT id FROM ruled_child;
