-- The bank of the twins: two databases that differ only in hidden values, and a third that holds what the clerk may see.
-- Every common type, every mask, partitions, inheritance, a second schema, and what an administrator may have left lying about.
CREATE SCHEMA archive;
CREATE TABLE people (
  id int PRIMARY KEY, city text, grp int, name text NOT NULL, ssn varchar(11), pin char(6), salary numeric(12, 2), score int,
  big bigint, ratio float8, born date, seen timestamp, doc jsonb, tags text[], token uuid, vip bool, email text, phone text,
  note text, nick varchar(12), ref text
);
CREATE INDEX people_ssn ON people (ssn);
CREATE TABLE secrets (id int PRIMARY KEY, label text, code text);
CREATE TABLE accounts (id int PRIMARY KEY, person int REFERENCES people, kind text, balance numeric(12, 2), card text);
CREATE TABLE events (id int, region text, day date, card text, amount int) PARTITION BY LIST (region);
CREATE TABLE events_north PARTITION OF events FOR VALUES IN ('north');
CREATE TABLE events_south PARTITION OF events FOR VALUES IN ('south');
CREATE TABLE staff (id int, ssn text);
CREATE TABLE managers (bonus int) INHERITS (staff);
CREATE TABLE archive.people (id int PRIMARY KEY, ssn text, name text);
CREATE TABLE orders (id int PRIMARY KEY, person int, total int, memo text);
CREATE TABLE guess (v text, n numeric, d date);
-- Constraints that look at hidden values; the masked world, where values are alike, is without those over `number`.
CREATE TABLE cards (
  id int PRIMARY KEY, holder int, region text, number text CONSTRAINT cards_number UNIQUE, spent int, cap int, CONSTRAINT cards_cap CHECK (spent <= cap)
);
CREATE UNIQUE INDEX cards_start ON cards (region, (left(number, 3)));
CREATE INDEX cards_rest ON cards ((cap / (spent + 1)));
CREATE TABLE charges (id int PRIMARY KEY, amount int, number text CONSTRAINT charges_number REFERENCES cards (number) ON DELETE CASCADE ON UPDATE CASCADE);
