-- What an administrator adds to the bank over the years: views of views, partitions, a tree.
CREATE VIEW customer_directory AS SELECT id, name, phone, region, birth_date FROM customers;
CREATE VIEW rich AS SELECT a.id, a.customer_id, a.balance, c.name FROM accounts a JOIN customers c ON c.id = a.customer_id WHERE a.balance > 20000;
CREATE VIEW rich_directory (id, who, phone, balance) AS SELECT d.id, r.name, d.phone, r.balance FROM customer_directory d JOIN rich r ON r.customer_id = d.id;
CREATE VIEW by_region WITH (security_barrier) AS SELECT region, count(*) AS customers, min(birth_date) AS oldest, max(phone) AS last_phone FROM customers GROUP BY region;
CREATE VIEW mine WITH (security_invoker) AS SELECT * FROM employees;
CREATE TABLE notes (id int PRIMARY KEY, customer_id int, body text, made date);
INSERT INTO notes SELECT n, n % 12 + 1, 'note ' || n % 7, date '2025-01-01' + n FROM generate_series(1, 20) n;
CREATE TABLE guesses (t text, n numeric, d date);
INSERT INTO guesses VALUES ('****', 0, '1970-01-01'), ('138****0000', 1000, '1970-06-01'), ('east', 5000, '1985-01-01'), ('', -1500.50, '2000-01-01'), (NULL, NULL, NULL);
