-- A column for each mask that finds something to keep in a value; members.py has the rows.
CREATE TABLE members (
  id int PRIMARY KEY, person int, called varchar(20), mobile text, idno varchar(20), passport text, bank varchar(30), home text, host text,
  remark text, staff varchar(20), kept text, photo bytea, income numeric(12, 2), joined date, birth date, profile jsonb,
  pseudonym varchar(24), digits varchar(24), worth int
);
