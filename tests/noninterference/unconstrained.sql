-- What the masked world cannot have.
ALTER TABLE charges DROP CONSTRAINT charges_number;
ALTER TABLE cards DROP CONSTRAINT cards_number;
DROP INDEX cards_start;
