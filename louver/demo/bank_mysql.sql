-- The same small bank for MySQL and MariaDB, as far as the tour goes.

CREATE TABLE employees (
    id int PRIMARY KEY, branch_id int NOT NULL, name varchar(80) NOT NULL, job varchar(20) NOT NULL,
    phone varchar(20) NOT NULL, email varchar(80) NOT NULL UNIQUE, birth_date date NOT NULL,
    salary decimal(10, 2) NOT NULL, hired date NOT NULL
);

CREATE TABLE customers (
    id int PRIMARY KEY, branch_id int NOT NULL, region varchar(20) NOT NULL, name varchar(80) NOT NULL,
    phone varchar(20) NOT NULL, email varchar(80), id_card char(18) NOT NULL UNIQUE, birth_date date NOT NULL,
    address varchar(200) NOT NULL, since date NOT NULL, KEY (name)
);

CREATE TABLE accounts (
    id int PRIMARY KEY, customer_id int NOT NULL, card_number varchar(19) NOT NULL UNIQUE, kind varchar(10) NOT NULL,
    balance decimal(14, 2) NOT NULL, opened date NOT NULL, FOREIGN KEY (customer_id) REFERENCES customers (id)
);
