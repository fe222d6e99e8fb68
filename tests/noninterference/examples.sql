SELECT * FROM customers ORDER BY id
SELECT * FROM accounts ORDER BY id
SELECT name, phone, id_card, email, balance FROM customers ORDER BY id
SELECT id FROM customers WHERE balance > 50000 ORDER BY id
SELECT id FROM customers WHERE phone LIKE '138%' OR id_card LIKE '%7' ORDER BY id
SELECT id FROM customers WHERE name = 'Li Na' OR email = 'lina@example.com' ORDER BY id
SELECT id FROM customers ORDER BY balance DESC, name, id
SELECT region, count(*), sum(balance), min(name), max(phone) FROM customers GROUP BY region ORDER BY region
SELECT max(balance), min(balance), avg(balance), count(DISTINCT name) FROM customers
SELECT c.name, a.amount, a.card_number FROM customers c JOIN accounts a ON a.customer_id = c.id ORDER BY a.id
SELECT c.id, a.id FROM customers c JOIN accounts a ON a.amount = c.balance ORDER BY 1, 2
SELECT x.id, y.id FROM customers x JOIN customers y ON x.id_card = y.id_card AND x.id < y.id ORDER BY 1, 2
SELECT currency, sum(amount), count(*) FROM accounts GROUP BY currency HAVING sum(amount) > 1000 ORDER BY 1
SELECT id, length(name), length(phone), length(id_card), length(email) FROM customers ORDER BY id
SELECT id, CASE WHEN balance > 100000 THEN 'rich' ELSE 'poor' END FROM customers ORDER BY id
SELECT id, rank() OVER (ORDER BY balance DESC), sum(balance) OVER (PARTITION BY region) FROM customers ORDER BY id
SELECT id FROM customers WHERE 1000 / (balance - 9000000) < 0 ORDER BY id
SELECT id FROM accounts WHERE 1 / (amount - 64000) > 0 AND currency = 'EUR' ORDER BY id
SELECT id FROM customers c WHERE EXISTS (SELECT 1 FROM accounts a WHERE a.customer_id = c.id AND a.amount > 10000) ORDER BY id
SELECT id, (SELECT max(a.card_number) FROM accounts a WHERE a.amount > c.balance) FROM customers c ORDER BY id
SELECT name FROM customers UNION SELECT card_number FROM accounts ORDER BY 1
WITH w AS (SELECT id, balance AS b FROM customers) SELECT count(*) FROM w WHERE b BETWEEN 1000 AND 70000
SELECT id FROM customers WHERE region = 'East' AND balance < 50000 ORDER BY id
SELECT id FROM customers WHERE region <> 'East' AND phone > '13' ORDER BY id
SELECT id FROM customers WHERE (balance < 50000) = (name <> 'private customer') ORDER BY id
SELECT region FROM customers WHERE phone NOT LIKE '%*%' ORDER BY id
SELECT count(*) FROM customers WHERE id_card LIKE '%19800101%' OR email LIKE 'zhang%'
UPDATE customers SET region = left(name, 9) WHERE id < 4
UPDATE customers SET name = name, phone = phone, balance = balance, id_card = id_card
UPDATE customers SET region = 'East' WHERE balance > 1000
UPDATE accounts SET currency = 'USD' WHERE amount > 1000
DELETE FROM accounts WHERE amount > 10000
DELETE FROM customers WHERE name LIKE 'L%'
INSERT INTO accounts SELECT id + 50, id, left(phone, 9), 'EUR', balance FROM customers
