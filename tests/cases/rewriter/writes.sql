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
