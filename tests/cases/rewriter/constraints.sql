-- What only the real database has: in the masked world many of these could not be.
ALTER DOMAIN digits ADD CHECK (VALUE ~ '^[0-9]+$');
ALTER TABLE members ADD CONSTRAINT members_email UNIQUE (email);
ALTER TABLE members ADD CONSTRAINT members_code UNIQUE (tenant, code);
ALTER TABLE members ADD CONSTRAINT members_amount CHECK (amount < 100000);
ALTER TABLE members ADD CONSTRAINT members_least CHECK (least < amount);
ALTER TABLE members ADD CONSTRAINT members_name CHECK (name <> '');
CREATE INDEX members_words ON members (lower(name || pin));
CREATE UNIQUE INDEX members_seen ON members (seen) WHERE pin IS NOT NULL AND seen IS NOT NULL;
ALTER TABLE visits ADD CONSTRAINT visits_email FOREIGN KEY (email) REFERENCES members (email) ON DELETE CASCADE;
ALTER TABLE visits ADD CONSTRAINT visits_member FOREIGN KEY (member) REFERENCES members (id);
ALTER TABLE stalls ADD CONSTRAINT stalls_ticket FOREIGN KEY (ticket) REFERENCES tickets (code) ON UPDATE CASCADE;
ALTER TABLE boards ADD CONSTRAINT boards_topic CHECK (topic <> '' OR secret > 'A') NOT VALID;
CREATE RULE rooms_log AS ON UPDATE TO rooms DO ALSO SELECT OLD.door;
CREATE TRIGGER seats_same BEFORE UPDATE ON seats FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
ALTER TABLE halls ENABLE ROW LEVEL SECURITY;
CREATE POLICY halls_open ON halls USING (floor > 0);
ALTER TABLE desks ENABLE ROW LEVEL SECURITY;
CREATE POLICY desks_own ON desks USING (secret > 'A');
