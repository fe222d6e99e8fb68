-- What the cases of writing need besides: a table with every kind of constraint over hidden values, and types of all sorts.
CREATE DOMAIN digits AS text;
CREATE TABLE members (
  id int PRIMARY KEY, tenant int, name varchar(20), email text, code varchar(8), phone digits, tags text[], doc json,
  place point, level mood, pad char(6), amount numeric(10, 2), least numeric(10, 2), seen timestamptz(0), token uuid DEFAULT gen_random_uuid(),
  region text DEFAULT 'north', pin text, note text DEFAULT 'none'
);
CREATE TABLE visits (id int PRIMARY KEY, member int, email text, place text);
CREATE TABLE tickets (code int PRIMARY KEY, holder int);
CREATE TABLE stalls (id int PRIMARY KEY, ticket int);
CREATE TABLE halls (id int, kind text, floor int, secret text) PARTITION BY LIST (kind);
CREATE TABLE halls_a PARTITION OF halls FOR VALUES IN ('a');
CREATE TABLE halls_b PARTITION OF halls FOR VALUES IN ('b');
CREATE TABLE boards (id int, topic text, secret text, words text GENERATED ALWAYS AS (lower(topic || secret)) STORED,
  size int GENERATED ALWAYS AS (id / length(secret)) STORED);
CREATE TABLE rooms (id int, door text);
CREATE TABLE seats (id int, label text);
CREATE TABLE desks (id int, secret text);
INSERT INTO desks VALUES (1, 'HIDDEN');
INSERT INTO rooms VALUES (1, 'HIDDEN'), (2, 'HIDDEN');
INSERT INTO seats VALUES (1, 'HIDDEN'), (2, 'HIDDEN');
INSERT INTO members SELECT i, i % 2, 'member' || i, 'HIDDEN' || i || '@x', 'HIDDEN' || i, '7712' || i, ARRAY['HIDDEN' || i],
  json_build_object('k', 'HIDDEN' || i), point(77123, i), 'calm', 'H' || i, 77123 + i, 10 + i, timestamptz '1966-06-06 00:00:00+00' + i * interval '1 day',
  gen_random_uuid(), CASE WHEN i % 2 = 0 THEN 'north' ELSE 'south' END, 'HIDDEN' || i, 'seen' FROM generate_series(1, 4) i;
INSERT INTO visits VALUES (1, 1, 'HIDDEN1@x', 'door'), (2, 2, 'HIDDEN2@x', 'gate');
INSERT INTO tickets VALUES (77123, 1), (77124, 2);
INSERT INTO stalls VALUES (1, 77123), (2, 77124);
INSERT INTO halls VALUES (1, 'a', 1, 'HIDDEN'), (2, 'b', 2, 'HIDDEN');
INSERT INTO boards (id, topic, secret) VALUES (1, 'x', 'HIDDEN'), (2, 'y', 'HIDDEN');
-- Views that the server updates by itself, and some that it does not.
CREATE VIEW user_cards AS SELECT id AS number, ssn AS code, name, city, upper(name) AS loud, left(ssn, 2) AS start, note FROM users;
CREATE VIEW user_deep AS SELECT x.code AS c, x.number AS n, x.loud, x.start FROM user_cards x WHERE x.number < 4;
CREATE VIEW user_oslo AS SELECT id, name, ssn, city FROM users WHERE city = 'Oslo' WITH CHECK OPTION;
CREATE VIEW user_births AS SELECT id, born, city AS town FROM users;
CREATE VIEW user_days AS SELECT id, born FROM users;
CREATE VIEW user_swapped (name, ssn, id) AS SELECT ssn, name, id FROM users;
CREATE VIEW user_twice AS SELECT id, ssn, ssn AS again FROM users;
CREATE VIEW user_orders AS SELECT id, name, ssn FROM users WHERE id IN (SELECT user_id FROM orders WHERE id < 4);
CREATE VIEW user_barred WITH (security_barrier) AS SELECT id, name, ssn FROM users WHERE id > 2;
CREATE VIEW user_known AS SELECT id, name FROM users WHERE ssn LIKE 'HIDDEN%';
CREATE VIEW user_known_deep AS SELECT id FROM user_known;
CREATE VIEW user_coded AS SELECT number FROM user_cards WHERE start = 'HI';
CREATE VIEW user_staffed AS SELECT id, name FROM users WHERE id IN (SELECT id FROM staff WHERE ssn LIKE 'HIDDEN%');
CREATE VIEW user_whole AS SELECT id, name, u AS whole, ctid AS place FROM users u;
CREATE VIEW user_rows AS SELECT id, name FROM users u WHERE u::text LIKE '%HIDDEN%';
CREATE VIEW user_first AS SELECT id, name FROM users LIMIT 1;
CREATE VIEW user_ruled AS SELECT id, name, ssn FROM users;
CREATE RULE user_ruled_log AS ON UPDATE TO user_ruled DO INSTEAD SELECT OLD.ssn;
CREATE VIEW user_triggered AS SELECT id, name, ssn FROM users;
CREATE FUNCTION tell_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', OLD; RETURN NEW; END $$;
CREATE TRIGGER tell INSTEAD OF UPDATE ON user_triggered FOR EACH ROW EXECUTE FUNCTION tell_row();
CREATE VIEW payments AS SELECT id, amount AS sum, month FROM payroll;
CREATE VIEW staff_all AS SELECT id, ssn AS s FROM staff;
CREATE VIEW halls_all WITH (security_invoker) AS SELECT id, kind AS k, floor, secret AS s FROM halls;
CREATE VIEW member_cards AS SELECT id, tenant AS house, email AS mail, code, least, amount, region FROM members;
CREATE VIEW member_filled AS SELECT id, email AS mail FROM members;
ALTER VIEW member_filled ALTER mail SET DEFAULT 'HIDDEN1@x';
CREATE VIEW member_filled_deep AS SELECT id FROM member_filled;
CREATE VIEW member_filled_wide AS SELECT id, mail FROM member_filled;
CREATE VIEW rooms_all AS SELECT id AS i FROM rooms;
