-- The database that the cases of this folder are about. Hidden values hold the words that must never come out.
CREATE TYPE mood AS ENUM ('calm', 'cross');
CREATE TABLE users (
  id int PRIMARY KEY, name text NOT NULL, ssn varchar(11), city text, salary numeric(10, 2), born date, note text
);
CREATE TABLE orders (id int PRIMARY KEY, user_id int, total int, memo text);
CREATE TABLE payroll (id int PRIMARY KEY, amount numeric(10, 2), month text);
CREATE TABLE badges (number text PRIMARY KEY);
CREATE TABLE badge_uses (id int, number text REFERENCES badges);
CREATE TABLE guess (v text);
CREATE TABLE staff (id int, ssn text);
CREATE TABLE managers (bonus int) INHERITS (staff);
CREATE TABLE events (id int, region text, card text) PARTITION BY LIST (region);
CREATE TABLE events_north PARTITION OF events FOR VALUES IN ('north');
CREATE TABLE "Odd ""Name" (id int, "Secret Column" text);
CREATE VIEW user_list AS SELECT id, ssn AS code FROM users;
CREATE VIEW order_list AS SELECT id, total FROM orders;
CREATE VIEW list_of_list AS SELECT * FROM user_list;
CREATE MATERIALIZED VIEW kept_users AS SELECT * FROM users;
CREATE VIEW statistics AS SELECT schemaname, tablename, most_common_vals::text AS common FROM pg_catalog.pg_stats;
CREATE VIEW doors AS SELECT pg_catalog.query_to_xml('select * from users', true, false, '') AS all_users;
CREATE SCHEMA archive;
CREATE TABLE archive.users (id int, name text, ssn varchar(11));
CREATE TABLE archive.orders (id int, user_id int, total int);
CREATE FUNCTION leak(int) RETURNS text LANGUAGE sql AS 'SELECT ssn FROM public.users WHERE id = $1';
CREATE FUNCTION getssn(users) RETURNS text LANGUAGE sql AS 'SELECT $1.ssn';
CREATE FUNCTION double_it(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION eq(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM public.users WHERE id = $1)';
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = eq);
CREATE VIEW through_function AS SELECT leak(1) AS x;
CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION copy_ssn() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN NEW.memo := (SELECT ssn FROM public.users WHERE id = NEW.id); RETURN NEW; END $$;
CREATE TABLE watched (id int, memo text);
CREATE TRIGGER t BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION copy_ssn();
INSERT INTO users SELECT i, 'name' || i, 'HIDDEN-' || i, CASE WHEN i % 2 = 0 THEN 'Oslo' ELSE 'Bergen' END,
  77123.45, CASE WHEN i % 2 = 0 THEN date '1971-07-17' ELSE date '1966-06-06' END, 'HIDDENNOTE' FROM generate_series(1, 6) i;
INSERT INTO orders SELECT i, i % 6 + 1, i * 10, 'memo' || i FROM generate_series(1, 12) i;
INSERT INTO payroll VALUES (1, 77123.45, 'May');
INSERT INTO guess VALUES ('HIDDEN-1'), ('****');
INSERT INTO badges VALUES ('HIDDEN-badge');
INSERT INTO staff VALUES (1, 'HIDDEN-staff');
INSERT INTO managers VALUES (2, 'HIDDEN-boss', 5);
INSERT INTO events VALUES (1, 'north', 'HIDDEN-card');
INSERT INTO "Odd ""Name" VALUES (1, 'HIDDEN-odd');
INSERT INTO archive.users VALUES (1, 'old', 'open');
INSERT INTO archive.orders VALUES (1, 1, 1);
REFRESH MATERIALIZED VIEW kept_users;
ANALYZE;
