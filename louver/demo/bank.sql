-- A small bank. All people in it are invented; the numbers only look like the real thing.

CREATE TABLE branches (
    id      integer PRIMARY KEY,
    name    text NOT NULL,
    city    text NOT NULL,
    region  text NOT NULL,
    address text NOT NULL,
    opened  date NOT NULL
);
COMMENT ON TABLE branches IS 'Branches of the bank; nothing here is sensitive';

CREATE TABLE employees (
    id         integer PRIMARY KEY,
    branch_id  integer NOT NULL REFERENCES branches (id),
    name       text NOT NULL,
    job        text NOT NULL,
    phone      varchar(20) NOT NULL,
    email      varchar(80) NOT NULL UNIQUE,
    birth_date date NOT NULL,
    salary     numeric(10, 2) NOT NULL CHECK (salary > 0),
    hired      date NOT NULL
);
COMMENT ON COLUMN employees.salary IS 'Monthly, before tax, CNY';

CREATE TABLE customers (
    id         integer PRIMARY KEY,
    branch_id  integer NOT NULL REFERENCES branches (id),
    region     text NOT NULL,
    name       text NOT NULL,
    phone      varchar(20) NOT NULL,
    email      varchar(80),
    id_card    char(18) NOT NULL UNIQUE,
    birth_date date NOT NULL,
    address    text NOT NULL,
    since      date NOT NULL
);
COMMENT ON COLUMN customers.region IS 'Region of the branch, kept here so that row conditions need no join';
COMMENT ON COLUMN customers.id_card IS 'Resident or permanent resident identity number, GB 11643';

CREATE TABLE accounts (
    id          integer PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers (id),
    card_number varchar(19) NOT NULL UNIQUE,
    kind        text NOT NULL CHECK (kind IN ('current', 'savings', 'credit')),
    balance     numeric(14, 2) NOT NULL,
    opened      date NOT NULL
);
COMMENT ON COLUMN accounts.card_number IS 'Passes the Luhn check';

CREATE TABLE transactions (
    id         bigint PRIMARY KEY,
    account_id integer NOT NULL REFERENCES accounts (id),
    booked     timestamptz NOT NULL,
    amount     numeric(12, 2) NOT NULL,
    kind       text NOT NULL,
    merchant   text NOT NULL
);

CREATE INDEX customers_branch_id ON customers (branch_id);
CREATE INDEX customers_name ON customers (name);
CREATE INDEX accounts_customer_id ON accounts (customer_id);
CREATE INDEX transactions_account_id_booked ON transactions (account_id, booked);

CREATE VIEW turnover AS
SELECT date_trunc('month', booked)::date AS month, kind, count(*) AS transactions, sum(amount) AS amount
FROM transactions
GROUP BY 1, 2;
COMMENT ON VIEW turnover IS 'Amounts by month and kind; reads nothing sensitive';
