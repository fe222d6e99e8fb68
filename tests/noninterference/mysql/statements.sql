SELECT * FROM people ORDER BY id
SELECT * FROM people
TABLE people
SELECT p.*, a.* FROM people p JOIN accounts a ON a.person = p.id ORDER BY p.id, a.id
SELECT count(*), count(name), count(salary), count(note) FROM people
SELECT id, name IS NULL, salary IS NOT NULL, note IS NULL FROM people ORDER BY id
SELECT id, ISNULL(born), IFNULL(salary, -1), coalesce(email, 'none') FROM people ORDER BY id
SELECT grp, sum(salary), avg(salary), min(salary), max(salary), count(DISTINCT salary) FROM people GROUP BY grp ORDER BY grp
SELECT grp, min(born), max(born), min(seen), max(seen) FROM people GROUP BY 1 ORDER BY 1
SELECT ssn, count(*) FROM people GROUP BY ssn ORDER BY ssn
SELECT right(ssn, 4), count(*) FROM people GROUP BY right(ssn, 4) HAVING count(*) > 1 ORDER BY 1
SELECT vip, grp, count(*) FROM people GROUP BY vip, grp WITH ROLLUP
SELECT DISTINCT name, pin, vip FROM people ORDER BY 1, 2, 3
SELECT DISTINCT ref FROM people ORDER BY ref
SELECT ref, count(*), group_concat(id ORDER BY id) FROM people GROUP BY ref ORDER BY 2, 3
SELECT a.id, b.id FROM people a JOIN people b ON a.ref = b.ref AND a.id < b.id ORDER BY 1, 2
SELECT a.id, b.id FROM people a JOIN people b ON a.ssn = b.ssn AND a.id < b.id ORDER BY 1, 2
SELECT p.id, g.v FROM people p LEFT JOIN guess g ON g.v = p.ssn COLLATE utf8mb4_general_ci ORDER BY 1, 2
SELECT p.id, g.v FROM people p LEFT JOIN guess g ON g.v = p.name ORDER BY 1, 2
SELECT p.id, g.n FROM people p LEFT JOIN guess g ON g.n = p.salary ORDER BY 1, 2
SELECT p.id, g.d FROM people p RIGHT JOIN guess g ON g.d = p.born ORDER BY 1, 2
SELECT count(*) FROM people CROSS JOIN accounts CROSS JOIN guess
SELECT p.id FROM people p WHERE EXISTS (SELECT 1 FROM guess g WHERE g.v = p.name) ORDER BY 1
SELECT p.id FROM people p WHERE NOT EXISTS (SELECT 1 FROM guess g WHERE g.d = p.born) ORDER BY 1
SELECT id FROM people WHERE name IN (SELECT v FROM guess WHERE v IS NOT NULL) ORDER BY 1
SELECT id FROM people WHERE salary NOT IN (SELECT n FROM guess WHERE n IS NOT NULL) ORDER BY 1
SELECT id FROM people WHERE salary > ALL (SELECT n FROM guess WHERE n IS NOT NULL) ORDER BY 1
SELECT id FROM people WHERE born = ANY (SELECT d FROM guess) ORDER BY 1
SELECT g.v, (SELECT count(*) FROM people p WHERE p.name = g.v) FROM guess g ORDER BY 1
SELECT o.id, (SELECT p.name FROM people p WHERE p.id = o.person) FROM orders o ORDER BY 1
SELECT * FROM (SELECT name, score + id AS s FROM people) t WHERE s > 5 ORDER BY s
WITH t AS (SELECT * FROM people WHERE salary > 45000) SELECT id, salary FROM t ORDER BY id
WITH t AS (SELECT ssn, id FROM people) SELECT a.id FROM t a JOIN t b USING (ssn) ORDER BY 1
WITH RECURSIVE t(n, s) AS (SELECT 1, CAST(0 AS DECIMAL(12,2)) UNION ALL SELECT n + 1, s + (SELECT salary FROM people WHERE id = n) FROM t WHERE n < 5) SELECT * FROM t
WITH p AS (SELECT * FROM people WHERE id < 4) SELECT name, ssn FROM p ORDER BY id
WITH people AS (SELECT 1 AS id, 'x' AS name) SELECT name FROM people
SELECT name FROM people UNION SELECT v FROM guess ORDER BY 1
SELECT salary FROM people UNION ALL SELECT n FROM guess ORDER BY 1
SELECT v FROM guess EXCEPT SELECT name FROM people ORDER BY 1
SELECT name FROM people INTERSECT SELECT v FROM guess ORDER BY 1
(SELECT id FROM people ORDER BY salary DESC, id LIMIT 3) UNION ALL (SELECT id FROM accounts ORDER BY balance, id LIMIT 2)
SELECT id FROM people ORDER BY name, id
SELECT id FROM people ORDER BY salary DESC, id
SELECT id FROM people ORDER BY score, big, ratio, born, vip, mood, raw, wakes, id
SELECT id FROM people ORDER BY ssn COLLATE utf8mb4_bin DESC, id
SELECT id FROM people ORDER BY length(name), length(note), id
SELECT id FROM people ORDER BY phone, id
SELECT id, salary FROM people ORDER BY salary, id LIMIT 3, 4
SELECT id, rank() OVER (ORDER BY salary), dense_rank() OVER (ORDER BY vip), row_number() OVER (ORDER BY born, id) FROM people ORDER BY id
SELECT id, sum(salary) OVER (PARTITION BY grp ORDER BY id) FROM people ORDER BY id
SELECT id, lag(salary, 1) OVER w, lead(name) OVER w, first_value(ssn) OVER w FROM people WINDOW w AS (ORDER BY id) ORDER BY id
SELECT id, ntile(3) OVER (ORDER BY salary, id), cume_dist() OVER (ORDER BY salary), percent_rank() OVER (ORDER BY score) FROM people ORDER BY id
SELECT group_concat(name ORDER BY id), json_arrayagg(salary), group_concat(DISTINCT ssn ORDER BY ssn SEPARATOR '|') FROM people
SELECT bit_or(score), std(salary), variance(big), sum(vip), max(mood), min(raw) FROM people
SELECT id, name + 0 FROM people WHERE id = 1
SELECT CAST(ssn AS UNSIGNED) FROM people WHERE id = 1
SELECT CAST(ssn AS SIGNED) FROM people ORDER BY id
SELECT CAST(email AS DATE), CAST(name AS DECIMAL(5,2)) FROM people ORDER BY id
SELECT id FROM people WHERE name + 0 > 5
SELECT 1 / score, 5 DIV score, 5 % score FROM people
SELECT 1 / (score + 42) FROM people
SELECT id / (salary - 43123.45) FROM people WHERE id = 3
SELECT sqrt(score), ln(abs(ratio) + 1), exp(ratio), pow(10, score) FROM people ORDER BY id
SELECT big * 2, big + 1, big - 1 FROM people WHERE id = 1
SELECT score * 9223372036854775807 FROM people ORDER BY id
SELECT CASE WHEN name = 'SENTINELNAME1' THEN (SELECT 1 UNION SELECT 2) END FROM people
SELECT CASE WHEN name LIKE 'S%' THEN exp(800) ELSE 0 END FROM people
SELECT salary DIV 1, salary % 7, round(salary, -4), truncate(salary, 0), mod(salary, 1000) FROM people ORDER BY id
SELECT substring(name, 1, score), repeat('x', score), left(name, score), char(score + 65) FROM people ORDER BY id
SELECT name REGEXP 'S', name LIKE '%', name RLIKE '^S', name NOT LIKE '_' FROM people ORDER BY id
SELECT 'x' REGEXP name FROM people WHERE id = 5
SELECT regexp_replace(ssn, '[0-9]', '#'), reverse(ssn), insert(ssn, 1, 2, 'x') FROM people ORDER BY id
SELECT upper(name), lower(name), length(name), char_length(name), sha2(name, 256), ascii(name), to_base64(name), hex(name), soundex(name) FROM people ORDER BY id
SELECT pin, length(pin), concat(pin, '|'), pin = '****', octet_length(pin) FROM people ORDER BY id
SELECT nick, length(nick), nick = 'SOMEONE' FROM people ORDER BY id
SELECT extract(year FROM born), born + INTERVAL 1 DAY, datediff(born, '2000-01-01'), date_format(born, '%d%m%Y'), to_days(born) FROM people ORDER BY id
SELECT date(seen), time(seen), seen - INTERVAL 1 SECOND, unix_timestamp(seen), dayofyear(seen) FROM people ORDER BY id
SELECT moved, date(moved), unix_timestamp(moved), moved > '2005-06-01' FROM people ORDER BY id
SELECT id FROM people WHERE born BETWEEN '1961-01-01' AND '1963-06-01' ORDER BY id
SELECT id FROM people WHERE seen < '2004-06-01' ORDER BY id
SELECT id FROM people WHERE born = '1961-03-10' OR born = '1961-01-01' ORDER BY id
SELECT doc, json_extract(doc, '$.k'), json_type(doc), json_length(doc), json_keys(doc) FROM people ORDER BY id
SELECT json_contains(doc, '"SENTINELDOC1"', '$.k'), json_set(doc, '$.a', 1) FROM people ORDER BY id
SELECT p.id, j.k FROM people p, JSON_TABLE(p.doc, '$' COLUMNS (k varchar(30) PATH '$.k')) j ORDER BY p.id
SELECT vip, NOT vip, vip + 1, vip IS TRUE, vip IS UNKNOWN FROM people ORDER BY id
SELECT mood, mood + 0, mood = 'sad', length(mood) FROM people ORDER BY id
SELECT raw, hex(raw), length(raw), raw = '' FROM people ORDER BY id
SELECT wakes, hour(wakes), time_to_sec(wakes) FROM people ORDER BY id
SELECT email, substring_index(email, '@', 1), substring_index(email, '@', -1), locate('@', email), instr(email, 'S') FROM people ORDER BY id
SELECT phone, city, length(phone), phone LIKE '+47%' FROM people ORDER BY id
SELECT city, count(phone), min(phone), max(phone) FROM people GROUP BY city ORDER BY 1
SELECT id FROM people WHERE phone > '+47' ORDER BY id
SELECT p.phone, q.phone FROM people p JOIN people q ON p.phone = q.phone ORDER BY p.id, q.id
SELECT note, length(note), concat(note, 'x'), ifnull(note, 'hidden') FROM people ORDER BY id
SELECT id FROM people WHERE note LIKE '%SENT%' OR note IS NULL ORDER BY id
SELECT id FROM people WHERE length(note) > 100
SELECT balance, balance - floor(balance), card, left(card, 6), right(card, 5), length(card) FROM accounts ORDER BY id
SELECT kind, sum(balance), count(DISTINCT card) FROM accounts GROUP BY kind ORDER BY kind
SELECT p.city, sum(a.balance) FROM people p JOIN accounts a ON a.person = p.id GROUP BY p.city ORDER BY 1
SELECT p.id, a.card FROM people p LEFT JOIN accounts a ON a.person = p.id AND a.balance > p.salary / 100 ORDER BY 1, 2
SELECT id FROM accounts WHERE card = '4111****0001' OR card LIKE '4111SENT%' ORDER BY id
SELECT id, card, amount FROM events PARTITION (p0) ORDER BY id
SELECT count(*), min(card), sum(amount) FROM events
SELECT id FROM events WHERE amount > 0 AND day > '2025-01-03'
SELECT label, id FROM secrets ORDER BY id
SELECT count(*) FROM secrets
SELECT label FROM secrets ORDER BY code
SELECT * FROM secrets
SELECT concat(name, ssn, NULL), concat_ws('-', name, pin), elt(1, name), field('****', name), find_in_set('****', name) FROM people ORDER BY id
SELECT greatest(salary, 45000), least(name, 'B'), nullif(name, '****'), if(name > 'A', 1, 0) FROM people ORDER BY id
SELECT id FROM people WHERE (salary, name) > (45000, 'A') ORDER BY id
SELECT id FROM people WHERE (salary, name) IN ((44000, '****'), (45000, 'x')) ORDER BY id
SELECT id FROM people WHERE NOT salary <=> 44000 ORDER BY id
SELECT id FROM people WHERE NOT (salary > 44000 AND vip) ORDER BY id
SELECT id FROM people WHERE salary XOR vip ORDER BY id
SELECT id FROM orders WHERE total > (SELECT max(score) FROM people) ORDER BY id
SELECT id FROM orders ORDER BY (SELECT name FROM people p WHERE p.id = orders.person), id
SELECT code, salary FROM people_view ORDER BY id
SELECT c FROM people_view_view ORDER BY id
SELECT * FROM people_oslo ORDER BY id
SELECT id FROM people_oslo WHERE exp(1000 * (salary - 44000)) > 0 ORDER BY id
SELECT * FROM people_rich ORDER BY id, card
SELECT balance FROM people_rich WHERE name LIKE 'S%'
SELECT * FROM people_sums ORDER BY grp
SELECT * FROM people_invoker ORDER BY id
SELECT * FROM order_view ORDER BY id
SELECT {s}.people.name FROM {s}.people WHERE {s}.people.id = 1
SELECT p.name FROM {s}.people AS p WHERE p.id = 1
SELECT leak(1)
SELECT leak_by(id) FROM orders
SELECT twice(id), twice(salary) FROM people ORDER BY id
SELECT count_orders()
SELECT l FROM leak_view
CALL tell()
CALL tell_orders()
SELECT SQL_CALC_FOUND_ROWS id FROM people WHERE salary > 45000 LIMIT 1
SELECT HIGH_PRIORITY STRAIGHT_JOIN id FROM people ORDER BY id
SELECT id FROM people FORCE INDEX (ssn) WHERE ssn = '901-01-4001'
SELECT id FROM people USE INDEX FOR ORDER BY (salary) ORDER BY salary, id
SELECT id, name FROM people WHERE id = 3 FOR UPDATE
SELECT id, name FROM people WHERE id = 3 LOCK IN SHARE MODE
SELECT /*+ NO_MERGE() */ id, name FROM people ORDER BY id
SELECT id, name FROM people NATURAL JOIN (SELECT 1 AS id) x
SELECT id FROM people JOIN orders USING (id) ORDER BY id
SELECT people.name FROM people, orders WHERE people.id = orders.person ORDER BY orders.id
SELECT MAX(name), ANY_VALUE(ssn) FROM people
SELECT @x := name FROM people WHERE id = 1
SELECT name INTO @x FROM people WHERE id = 1
DO (SELECT max(name) FROM people)
SET @y = (SELECT max(ssn) FROM people)
VALUES ROW((SELECT name FROM people WHERE id = 1))
EXPLAIN SELECT id FROM orders
INSERT INTO log (t) SELECT name FROM people ORDER BY id
INSERT INTO log (t) VALUES ((SELECT ssn FROM people WHERE id = 1))
INSERT INTO log SET t = (SELECT concat(pin, salary) FROM people WHERE id = 2)
INSERT INTO orders SELECT id + 100, score, salary, left(email, 40) FROM people WHERE salary IS NOT NULL
REPLACE INTO orders SELECT id, score, vip, name FROM people WHERE score IS NOT NULL
INSERT INTO people (id, name) VALUES (100, 'new')
INSERT INTO people (id, name, salary) VALUES (1, 'x', 5) ON DUPLICATE KEY UPDATE grp = grp + 1
INSERT INTO people (id, name) VALUES (2, 'x') ON DUPLICATE KEY UPDATE city = name
INSERT IGNORE INTO people (id, name) VALUES (1, 'y')
UPDATE people SET grp = 7 WHERE name = 'SENTINELNAME1'
UPDATE people SET grp = 7 WHERE name = '****' AND id < 4
UPDATE people SET grp = 7 WHERE salary > 45000 ORDER BY salary DESC, id LIMIT 2
UPDATE people SET city = name WHERE id = 1
UPDATE people SET city = left(concat(ssn, pin), 20) WHERE id < 5
UPDATE people SET name = '****' WHERE id = 1
UPDATE people SET name = 'new', salary = salary + 1 WHERE id = 2
UPDATE orders SET memo = (SELECT name FROM people p WHERE p.id = orders.person)
UPDATE orders o JOIN people p ON p.id = o.person SET o.memo = p.name WHERE p.salary > 45000
UPDATE orders o, people p SET o.total = p.score WHERE p.id = o.person
DELETE FROM accounts WHERE balance > 800 AND card LIKE '4111SENT%'
DELETE FROM accounts WHERE balance > 800
DELETE FROM orders WHERE memo IN (SELECT name FROM people)
DELETE o FROM orders o JOIN people p ON p.id = o.person WHERE p.name > 'A'
DELETE FROM people WHERE name = 'SENTINELNAME1'
SELECT id FROM people
SELECT id, ssn FROM people
SELECT id FROM people FORCE INDEX (ssn)
SELECT max(name), min(ssn) FROM people INTO @x, @y
SELECT 1 << score, big >> 1 FROM people ORDER BY id
SELECT x, i, count(*) FROM (SELECT name x, id i FROM people GROUP BY name, id WITH ROLLUP) t GROUP BY x, i ORDER BY 1, 2
UPDATE people SET grp = 7 WHERE BINARY ssn = '****4001'
UPDATE people SET grp = 7 WHERE BINARY ssn = '901-01-4001'
SELECT grp AS city, count(*) FROM people GROUP BY city ORDER BY 1
SELECT p.id AS n, count(*) FROM people p JOIN guess ON guess.d = p.born GROUP BY n ORDER BY 1
UPDATE people SET city = left(doc ->> '$.k', 9) WHERE id < 4
SELECT * FROM members ORDER BY id
SELECT called, length(called), called = '张**', called LIKE '欧阳%', reverse(called) FROM members ORDER BY id
SELECT mobile, length(mobile), mobile LIKE '138%', left(mobile, 7), replace(mobile, '*', '') FROM members ORDER BY id
SELECT idno, passport, bank, length(idno), length(passport), length(bank) FROM members ORDER BY id
SELECT home, length(home), home = '北京市****', upper(host), left(host, 6), host FROM members ORDER BY id
SELECT remark, length(remark), remark LIKE '%SENTINEL%', staff, kept, length(kept) FROM members ORDER BY id
SELECT income, income * 2, income > 999, worth, worth - 1, worth > 100000, worth = 100000 FROM members ORDER BY id
SELECT joined, birth, joined > '2001-03-04', birth = '1980-01-01', extract(day FROM joined), extract(year FROM birth) FROM members ORDER BY id
SELECT pseudonym, length(pseudonym), digits, length(digits), digits = '13812345678' FROM members ORDER BY id
SELECT photo, length(photo), md5(photo) FROM members ORDER BY id
SELECT profile FROM members ORDER BY id
SELECT id FROM members WHERE called > '李' ORDER BY called, id
SELECT id FROM members WHERE mobile = '13899995678' OR idno LIKE '%9991' OR host = '10.0.0.1' ORDER BY id
SELECT id FROM members WHERE photo = (SELECT min(photo) FROM members WHERE id > 2) ORDER BY id
SELECT called, count(*) FROM members GROUP BY called ORDER BY 2, 1
SELECT birth, count(*), max(joined), min(income), sum(worth) FROM members GROUP BY birth ORDER BY birth
SELECT pseudonym, count(*), min(id) FROM members GROUP BY pseudonym ORDER BY 3
SELECT DISTINCT staff, kept FROM members ORDER BY 1, 2
SELECT m.id, n.id FROM members m JOIN members n ON m.digits = n.digits AND m.id < n.id ORDER BY 1, 2
SELECT m.id, n.id FROM members m JOIN members n ON m.worth = n.worth AND m.home <> n.home ORDER BY 1, 2
SELECT m.id, p.id FROM members m JOIN people p ON p.born = m.birth OR p.salary = m.income ORDER BY 1, 2
SELECT id, (SELECT max(n.remark) FROM members n WHERE n.home < m.home) FROM members m ORDER BY id
SELECT id FROM members WHERE 100 / (income - 1000) > 0 ORDER BY id
SELECT passport FROM members UNION SELECT bank FROM members ORDER BY 1
SELECT max(called), min(mobile), max(idno), min(passport), max(bank), min(home), max(host), min(staff), max(kept) FROM members
UPDATE members SET person = length(remark) WHERE staff LIKE 'K%'
UPDATE members SET called = called, mobile = mobile, home = home, profile = profile, worth = worth, joined = joined
DELETE FROM members WHERE income = 5000
SELECT json_extract(profile, '$.phone'), json_extract(profile, '$.owner.name'), json_type(profile), json_length(profile), json_keys(profile) FROM members ORDER BY id
SELECT json_contains(profile, '"77"', '$.phone'), json_unquote(json_extract(profile, '$.phone')) = '****' FROM members ORDER BY id
SELECT hex(photo), ord(photo), concat(photo, 'x'), length(photo) FROM members ORDER BY id
SELECT concat_ws('-', called, mobile, idno), group_concat(staff ORDER BY id) FROM members GROUP BY 1 ORDER BY 1
SELECT inet_aton(host), cast(digits AS unsigned), datediff(joined, birth), income DIV 7, truncate(worth, -2) FROM members ORDER BY id
SELECT sum(worth) OVER (ORDER BY income, id), rank() OVER (ORDER BY called), first_value(staff) OVER (ORDER BY kept, id) FROM members ORDER BY id
UPDATE members m JOIN people p ON p.id = m.id SET p.city = left(m.called, 1) WHERE m.home LIKE '广东%'
INSERT INTO orders (id, memo) SELECT id + 200, left(remark, 40) FROM members WHERE staff = 'K****'
