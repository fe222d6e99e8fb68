SELECT * FROM people ORDER BY id
SELECT * FROM people
SELECT p.*, a.* FROM people p JOIN accounts a ON a.person = p.id ORDER BY p.id, a.id
SELECT count(*), count(name), count(salary), count(note) FROM people
SELECT id, name IS NULL, salary IS NOT NULL, note IS NULL FROM people ORDER BY id
SELECT id, coalesce(salary, -1), coalesce(email, 'none') FROM people ORDER BY id
SELECT grp, sum(salary), avg(salary), min(salary), max(salary), count(DISTINCT salary) FROM people GROUP BY grp ORDER BY grp
SELECT grp, min(born), max(born), min(seen), max(seen) FROM people GROUP BY 1 ORDER BY 1
SELECT ssn, count(*) FROM people GROUP BY ssn ORDER BY ssn NULLS FIRST
SELECT right(ssn, 4), count(*) FROM people GROUP BY right(ssn, 4) HAVING count(*) > 1 ORDER BY 1
SELECT grp, city, sum(score), grouping(grp, city) FROM people GROUP BY GROUPING SETS ((grp), (city), (grp, city), ()) ORDER BY 1, 2, 4
SELECT vip, grp, count(*) FROM people GROUP BY ROLLUP (vip, grp) ORDER BY 1, 2, 3
SELECT DISTINCT name, pin, vip FROM people ORDER BY 1, 2, 3
SELECT DISTINCT ON (ssn) ssn, id FROM people ORDER BY ssn, id
SELECT DISTINCT ref FROM people ORDER BY ref
SELECT ref, count(*), array_agg(id ORDER BY id) FROM people GROUP BY ref ORDER BY 2, 3
SELECT a.id, b.id FROM people a JOIN people b ON a.ref = b.ref AND a.id < b.id ORDER BY 1, 2
SELECT a.id, b.id FROM people a JOIN people b ON a.ssn = b.ssn AND a.id < b.id ORDER BY 1, 2
SELECT p.id, g.v FROM people p LEFT JOIN guess g ON g.v = p.ssn ORDER BY 1, 2
SELECT p.id, g.n FROM people p FULL JOIN guess g ON g.n = p.salary ORDER BY 1, 2
SELECT p.id, g.d FROM people p RIGHT JOIN guess g ON g.d = p.born ORDER BY 1, 2
SELECT count(*) FROM people CROSS JOIN accounts CROSS JOIN guess
SELECT p.id FROM people p WHERE EXISTS (SELECT FROM guess g WHERE g.v = p.ssn) ORDER BY 1
SELECT p.id FROM people p WHERE NOT EXISTS (SELECT FROM guess g WHERE g.d = p.born) ORDER BY 1
SELECT id FROM people WHERE ssn IN (SELECT v FROM guess WHERE v IS NOT NULL) ORDER BY 1
SELECT id FROM people WHERE salary NOT IN (SELECT n FROM guess WHERE n IS NOT NULL) ORDER BY 1
SELECT id FROM people WHERE salary > ALL (SELECT n FROM guess WHERE n IS NOT NULL) ORDER BY 1
SELECT id FROM people WHERE born = ANY (ARRAY(SELECT d FROM guess)) ORDER BY 1
SELECT g.v, (SELECT count(*) FROM people p WHERE p.ssn = g.v) FROM guess g ORDER BY 1
SELECT o.id, (SELECT p.name FROM people p WHERE p.id = o.person) FROM orders o ORDER BY 1
SELECT o.id, x.salary FROM orders o, LATERAL (SELECT salary FROM people p WHERE p.id = o.person) x ORDER BY 1
SELECT o.id, x.n FROM orders o LEFT JOIN LATERAL (SELECT count(*) n FROM accounts a WHERE a.balance < o.total * 10) x ON true ORDER BY 1
SELECT * FROM (SELECT name, score + id AS s FROM people) t WHERE s > 5 ORDER BY s
WITH t AS (SELECT * FROM people WHERE salary > 45000) SELECT id, salary FROM t ORDER BY id
WITH t AS MATERIALIZED (SELECT ssn, id FROM people) SELECT a.id FROM t a JOIN t b USING (ssn) ORDER BY 1
WITH RECURSIVE t(n, s) AS (SELECT 1, 0::numeric UNION ALL SELECT n + 1, s + (SELECT salary FROM people WHERE id = n) FROM t WHERE n < 5) SELECT * FROM t
WITH people AS (SELECT * FROM people WHERE id < 4) SELECT name, ssn FROM people ORDER BY id
SELECT name FROM people UNION SELECT v FROM guess ORDER BY 1
SELECT salary FROM people UNION ALL SELECT n FROM guess ORDER BY 1
SELECT v FROM guess EXCEPT SELECT ssn FROM people ORDER BY 1
SELECT ssn FROM people INTERSECT ALL SELECT v FROM guess ORDER BY 1
(SELECT id FROM people ORDER BY salary DESC NULLS LAST, id LIMIT 3) UNION ALL (SELECT id FROM accounts ORDER BY balance, id LIMIT 2)
SELECT id FROM people ORDER BY name, id
SELECT id FROM people ORDER BY salary DESC NULLS LAST, id
SELECT id FROM people ORDER BY score, big, ratio, born, vip, token, id
SELECT id FROM people ORDER BY ssn COLLATE "C" DESC, id
SELECT id FROM people ORDER BY length(name), length(note), id
SELECT id FROM people ORDER BY doc, tags, id
SELECT id, salary FROM people ORDER BY salary OFFSET 3 LIMIT 4
SELECT id FROM people ORDER BY salary / 2 FETCH FIRST 3 ROWS WITH TIES
SELECT id, rank() OVER (ORDER BY salary), dense_rank() OVER (ORDER BY vip), row_number() OVER (ORDER BY born, id) FROM people ORDER BY id
SELECT id, sum(salary) OVER (PARTITION BY grp ORDER BY id) FROM people ORDER BY id
SELECT id, lag(salary, 1, 0) OVER w, lead(name) OVER w, first_value(ssn) OVER w FROM people WINDOW w AS (ORDER BY id) ORDER BY id
SELECT id, count(*) OVER (ORDER BY salary RANGE BETWEEN 500 PRECEDING AND 500 FOLLOWING) FROM people ORDER BY id
SELECT id, count(*) OVER (ORDER BY born RANGE BETWEEN '300 days' PRECEDING AND CURRENT ROW) FROM people ORDER BY id
SELECT id, sum(score) OVER (ORDER BY vip GROUPS 1 PRECEDING) FROM people ORDER BY id
SELECT id, ntile(3) OVER (ORDER BY salary, id), cume_dist() OVER (ORDER BY salary), percent_rank() OVER (ORDER BY score) FROM people ORDER BY id
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY salary), mode() WITHIN GROUP (ORDER BY name) FROM people
SELECT string_agg(name, ',' ORDER BY id), array_agg(salary ORDER BY id), json_agg(ssn ORDER BY id) FROM people
SELECT bool_or(vip), bool_and(vip), every(score = 0), bit_or(score), stddev(salary), regr_slope(salary, id) FROM people
SELECT count(*) FILTER (WHERE salary > 45000), sum(score) FILTER (WHERE vip) FROM people
SELECT max(ROW(salary, name)::text) FROM people
SELECT id, name::int FROM people
SELECT ssn::int FROM people WHERE id = 1
SELECT ssn::bigint FROM people WHERE id = 2
SELECT email::date FROM people
SELECT id FROM people WHERE name::numeric > 5
SELECT 1 / score FROM people
SELECT 1 / (score + 42) FROM people
SELECT id / (salary - 43123.45) FROM people WHERE id = 3
SELECT sqrt(score), ln(abs(ratio) + 1) FROM people ORDER BY id
SELECT exp(ratio) FROM people
SELECT big * 2, big + 1 FROM people
SELECT score::smallint * 30000::smallint FROM people
SELECT salary::int, salary::bigint % 7, round(salary, -4), trunc(salary), mod(salary, 1000) FROM people ORDER BY id
SELECT CASE WHEN salary > 45000 THEN 1 / (id - id) ELSE 0 END FROM people
SELECT CASE WHEN name = 'SENTINELNAME1' THEN 1 / (id - 1) END FROM people
SELECT substring(name, 1, score) FROM people ORDER BY id
SELECT repeat('x', score), left(name, score), chr(score + 65) FROM people ORDER BY id
SELECT make_date(2000, 1, score + 1) FROM people
SELECT (ARRAY[1, 2, 3])[score + 1] FROM people ORDER BY id
SELECT name ~ 'S', name LIKE '%', name ILIKE 's%', name SIMILAR TO '_+', starts_with(name, 'S') FROM people ORDER BY id
SELECT regexp_matches(name, '(S)') FROM people
SELECT 'x' ~ name FROM people
SELECT regexp_replace(ssn, '[0-9]', '#', 'g'), translate(ssn, '0123', 'abcd'), reverse(ssn) FROM people ORDER BY id
SELECT upper(name), lower(name), initcap(name), length(name), md5(name), ascii(name), encode(name::bytea, 'base64') FROM people ORDER BY id
SELECT pin, length(pin), pin || '|', pin = '****', octet_length(pin) FROM people ORDER BY id
SELECT nick, length(nick), nick = 'someone' FROM people ORDER BY id
SELECT extract(year FROM born), born + 1, age(born, '2000-01-01'), to_char(born, 'DDMMYYYY') FROM people ORDER BY id
SELECT seen::date, date_trunc('month', seen), seen - born, extract(epoch FROM seen) FROM people ORDER BY id
SELECT id FROM people WHERE born BETWEEN '1961-01-01' AND '1963-06-01' ORDER BY id
SELECT id FROM people WHERE seen < '2004-06-01' ORDER BY id
SELECT doc, doc ->> 'k', doc ? 'k', jsonb_typeof(doc), doc || '{"a": 1}' FROM people ORDER BY id
SELECT doc @> '{"k": "SENTINELDOC1"}', doc = '{}' FROM people ORDER BY id
SELECT jsonb_path_query_array(doc, '$.*'), jsonb_set(doc, '{a}', '1') FROM people ORDER BY id
SELECT jsonb_array_length(doc) FROM people WHERE id = 2
SELECT k FROM people, jsonb_object_keys(doc) k
SELECT tags, array_length(tags, 1), cardinality(tags), tags || 'y', tags @> '{x}', 'x' = ANY (tags) FROM people ORDER BY id
SELECT id, t FROM people, unnest(tags) t
SELECT id, t FROM people LEFT JOIN LATERAL unnest(tags) t ON true ORDER BY id
SELECT array_to_string(tags, ','), tags[1], tags[2:3] FROM people ORDER BY id
SELECT token, token::text, token < '88888888-0000-0000-0000-000000000000' FROM people ORDER BY id
SELECT vip, NOT vip, vip::int, vip IS TRUE, vip IS UNKNOWN FROM people ORDER BY id
SELECT email, split_part(email, '@', 1), split_part(email, '@', 2), position('@' in email) FROM people ORDER BY id
SELECT phone, city, length(phone), phone LIKE '+47%' FROM people ORDER BY id
SELECT city, count(phone), min(phone), max(phone) FROM people GROUP BY city ORDER BY 1
SELECT id FROM people WHERE phone > '+47' ORDER BY id
SELECT p.phone, q.phone FROM people p JOIN people q ON p.phone = q.phone ORDER BY p.id, q.id
SELECT note, length(note), note || 'x', coalesce(note, 'hidden') FROM people ORDER BY id
SELECT id FROM people WHERE note LIKE '%SENT%' OR note IS NULL ORDER BY id
SELECT id FROM people WHERE length(note) > 100
SELECT balance, balance - floor(balance), card, left(card, 6), right(card, 5), length(card) FROM accounts ORDER BY id
SELECT kind, sum(balance), count(DISTINCT card) FROM accounts GROUP BY kind ORDER BY kind
SELECT p.city, sum(a.balance) FROM people p JOIN accounts a ON a.person = p.id GROUP BY p.city ORDER BY 1
SELECT p.id, a.card FROM people p LEFT JOIN accounts a ON a.person = p.id AND a.balance > p.salary / 100 ORDER BY 1, 2
SELECT id FROM accounts WHERE card = '4111****0001' OR card LIKE '4111SENT%' ORDER BY id
SELECT region, count(*), min(card), sum(amount) FROM events GROUP BY region ORDER BY 1
SELECT * FROM events_north ORDER BY id
SELECT * FROM ONLY events
SELECT n.id, s.id FROM events_north n JOIN events_south s ON n.card = s.card AND n.amount = s.amount ORDER BY 1, 2
SELECT id FROM events WHERE amount > 0 AND day > '2025-01-03'
SELECT * FROM staff ORDER BY id
SELECT * FROM ONLY staff ORDER BY id
SELECT * FROM managers ORDER BY id
SELECT s.ssn, m.bonus FROM staff s JOIN managers m USING (id) ORDER BY 2
SELECT * FROM archive.people ORDER BY id
SELECT p.id, q.name, p.name FROM people p JOIN archive.people q USING (id) ORDER BY 1
SELECT label, id FROM secrets ORDER BY id
SELECT count(*) FROM secrets
SELECT label FROM secrets ORDER BY code
SELECT p::text FROM people p ORDER BY id
SELECT row_to_json(p) FROM people p ORDER BY id
SELECT to_jsonb(p) - 'id' FROM people p ORDER BY id
SELECT (p).salary, (p).name FROM people p ORDER BY (p).id
SELECT count(p), count(p.*) FROM people p
SELECT p = q FROM people p, people q WHERE p.id = 1 AND q.id = 1
SELECT array_agg(p ORDER BY id)::text FROM people p
SELECT ROW(p.*) IS NULL, p IS NOT NULL FROM people p ORDER BY p.id
SELECT json_object_agg(id, name), xmlelement(name x, max(name)) FROM people WHERE id < 4
SELECT format('%s %s %L', name, ssn, salary) FROM people ORDER BY id
SELECT concat(name, ssn, NULL), concat_ws('-', name, pin) FROM people ORDER BY id
SELECT greatest(salary, 45000), least(name, 'B'), nullif(name, '****') FROM people ORDER BY id
SELECT generate_series(1, score + 2), id FROM people ORDER BY 2, 1
SELECT width_bucket(salary, 40000, 53000, 5), id FROM people ORDER BY 2
SELECT to_tsvector('simple', name), to_tsvector('simple', name) @@ 'sentinelname1'::tsquery FROM people ORDER BY id
SELECT id FROM people WHERE (salary, name) > (45000, 'A') ORDER BY id
SELECT id FROM people WHERE salary IS DISTINCT FROM 44000 ORDER BY id
SELECT id FROM people WHERE NOT (salary > 44000 AND vip) ORDER BY id
SELECT id FROM orders ORDER BY id LIMIT (SELECT count(*) FROM people WHERE name > 'A')
SELECT id FROM orders WHERE total > (SELECT max(score) FROM people) ORDER BY id
SELECT id FROM orders WHERE memo = (SELECT name FROM people LIMIT 2)
VALUES ((SELECT max(salary) FROM people), (SELECT min(name) FROM people))
TABLE people
SELECT id, name FROM people FOR UPDATE
SELECT p.id, p.salary FROM people p JOIN orders o ON o.id = p.id ORDER BY 1 FOR SHARE OF o
COPY (SELECT * FROM people ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER)
COPY people TO STDOUT
COPY accounts (id, card) TO STDOUT
COPY (SELECT name::int FROM people) TO STDOUT
INSERT INTO orders (id, total, memo) SELECT 100 + id, score, name FROM people ORDER BY id RETURNING *
INSERT INTO orders (id) SELECT score FROM people
INSERT INTO orders (id, memo) SELECT 200 + id, ssn FROM people WHERE salary > 45000 RETURNING memo
UPDATE orders SET memo = p.name, total = p.score FROM people p WHERE p.id = orders.person RETURNING orders.*
UPDATE orders SET total = total + 1 WHERE person IN (SELECT id FROM people WHERE salary > 45000)
DELETE FROM orders USING people p WHERE p.id = person AND p.salary > 45000 RETURNING orders.id
DELETE FROM orders WHERE memo < (SELECT max(name) FROM people)
MERGE INTO orders o USING people p ON o.id = p.id WHEN MATCHED AND p.salary > 45000 THEN DELETE WHEN MATCHED THEN UPDATE SET memo = p.ssn
WITH d AS (DELETE FROM orders WHERE id < 5 RETURNING person) SELECT p.name, p.salary FROM people p JOIN d ON d.person = p.id ORDER BY p.id
SELECT * FROM people_view ORDER BY id
SELECT c, count(*) FROM people_view_view GROUP BY c ORDER BY c NULLS FIRST
SELECT v.id FROM people_view v JOIN guess g ON g.v = v.code ORDER BY 1
SELECT * FROM people_recursive ORDER BY n
SELECT * FROM people_rich ORDER BY id, card
SELECT id, salary FROM people_oslo WHERE salary < 50000 ORDER BY id
SELECT id, 1 / (salary - 46000) FROM people_oslo ORDER BY id
SELECT name, ssn FROM people_renamed ORDER BY id
SELECT r.id FROM people_renamed r WHERE ssn = '****' ORDER BY 1
SELECT * FROM people_sums ORDER BY grp
SELECT (whole).salary, doc ->> 'ssn', whole::text FROM people_whole ORDER BY id
SELECT * FROM people_ranked ORDER BY id
SELECT * FROM people_joined ORDER BY 1, 2
SELECT q FROM people_failing ORDER BY id
SELECT region, count(*), min(card), sum(amount) FROM events_all GROUP BY region ORDER BY 1
SELECT id FROM people_kept_again ORDER BY id
SELECT * FROM secret_labels ORDER BY id
SELECT id FROM secret_codes ORDER BY id
SELECT p.id, (SELECT v.code FROM people_view v WHERE v.id = p.id) FROM people p ORDER BY 1
SELECT id, code FROM people_view ORDER BY code NULLS FIRST, id FOR UPDATE
WITH people_view AS (SELECT * FROM people_view WHERE id > 3) SELECT code FROM people_view ORDER BY id
SELECT nosuch FROM people_view
SELECT name FROM people_view
SELECT nosuch FROM people
SELECT name FROM people WHERE nosuch = 1
SELECT people.nosuch FROM people
SELECT name + 1 FROM people
SELECT sum(name) FROM people
SELECT name FROM people GROUP BY id
SELECT * FROM people GROUP BY id ORDER BY id
SELECT p.*, count(a.id) FROM people p LEFT JOIN accounts a ON a.person = p.id GROUP BY (p.id) HAVING p.vip OR count(*) > 1 ORDER BY p.ssn NULLS LAST, 1
SELECT "people"."id", "people"."phone", count(*) AS n FROM people INNER JOIN accounts ON accounts.person = people.id GROUP BY 1 ORDER BY n, people.ssn, 1
SELECT a.id, p.ssn, p.salary + a.balance FROM accounts a LEFT JOIN people p ON p.id = a.person AND p.id < 5 GROUP BY a.id, p.id ORDER BY 1
SELECT id, (SELECT max(o.memo || p.ssn) FROM orders o WHERE o.person = p.id) FROM people p GROUP BY p.id ORDER BY 1
SELECT id, rank() OVER (ORDER BY ssn), sum(sum(salary)) OVER (PARTITION BY city ORDER BY id) FROM people GROUP BY id ORDER BY 1
SELECT city, x.n FROM (SELECT p.id, p.city, p.ssn AS n FROM people p JOIN accounts USING (id) GROUP BY p.id) x ORDER BY 1, 2
SELECT DISTINCT ON (p.ssn) p.ssn, p.id FROM people p GROUP BY p.id ORDER BY p.ssn, p.id
SELECT max(salary) FROM people WHERE max(salary) > 1
SELECT attname, atttypid::regtype, attnotnull FROM pg_attribute WHERE attrelid = 'people'::regclass AND attnum > 0 ORDER BY attnum
SELECT column_name, data_type, column_default FROM information_schema.columns WHERE table_name = 'people' ORDER BY ordinal_position
SELECT indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'people'::regclass ORDER BY 1
SELECT n_live_tup >= 0, n_mod_since_analyze >= 0 FROM pg_stat_user_tables WHERE relname = 'people'
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'accounts'::regclass ORDER BY 1
EXPLAIN SELECT id FROM people WHERE name > 'A'
ANALYZE people
UPDATE people SET city = name, nick = left(ssn, 12) WHERE id < 5 RETURNING id, city, nick
UPDATE people SET grp = score + 1 WHERE salary >= 41000 AND name = '****' RETURNING id, grp, salary
UPDATE people p SET city = p.city, name = p.name, ssn = p.ssn, salary = p.salary, doc = p.doc, tags = p.tags RETURNING *
UPDATE people SET ssn = '****4001', salary = 41000.00, born = '1961-01-01', note = NULL WHERE id = 1 RETURNING ssn, salary, born, note
UPDATE people SET grp = o.total FROM orders o WHERE o.person = people.id AND people.ssn LIKE '****%' AND o.id < 7 RETURNING people.ssn, o.*
UPDATE people SET city = (SELECT max(p.ssn) FROM people p WHERE p.grp = people.grp AND p.name = people.name) RETURNING id, city
UPDATE accounts SET kind = left(card, 4) WHERE balance > 500 RETURNING id, kind, balance, card
UPDATE events SET day = day + 1 WHERE card = '****' RETURNING id, region, card
UPDATE staff SET id = id + 1 WHERE ssn = '****' RETURNING id, ssn
UPDATE cards SET holder = 1, number = '****', spent = 0, cap = 1000 WHERE number = '****' RETURNING *
UPDATE charges SET amount = amount * 2, number = number WHERE number LIKE '**%' RETURNING id, amount, number
DELETE FROM accounts WHERE card LIKE '____****____' AND balance >= 0 RETURNING *
DELETE FROM staff WHERE ssn = '****' RETURNING *
DELETE FROM charges USING cards c WHERE c.number = charges.number AND c.id = charges.id RETURNING charges.*, c.spent
INSERT INTO people (id, name, ssn) VALUES (1, '****', '****4001') ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, ssn = EXCLUDED.ssn, city = people.ssn RETURNING id, name, ssn, city
INSERT INTO people (id, name, city) SELECT id + 100, name, ssn FROM people WHERE id < 4 RETURNING id, city
INSERT INTO cards (id, holder, cap) VALUES (50, 1, 5) RETURNING *
INSERT INTO guess SELECT name || ssn, salary, born FROM people RETURNING *
MERGE INTO people p USING orders o ON p.id = o.id AND p.name = '****' WHEN MATCHED AND p.ssn < '****4005' THEN UPDATE SET city = p.ssn, ssn = p.ssn WHEN MATCHED THEN DO NOTHING RETURNING p.id, p.city, o.memo
MERGE INTO staff s USING orders o ON s.id = o.id WHEN NOT MATCHED BY SOURCE AND s.ssn = '****' THEN DELETE WHEN MATCHED THEN UPDATE SET id = s.id WHEN NOT MATCHED THEN INSERT (id) VALUES (o.id) RETURNING merge_action(), s.id
WITH u AS (UPDATE people SET grp = 5 WHERE name = '****' RETURNING id, ssn, salary) SELECT id, ssn, salary FROM u ORDER BY id
WITH d AS (DELETE FROM accounts WHERE card LIKE '%****%' RETURNING person, balance) SELECT p.id, p.ssn, sum(d.balance) FROM d JOIN people p ON p.id = d.person GROUP BY p.id, p.ssn ORDER BY 1
UPDATE people SET score = 1 / score
UPDATE people SET grp = name::int
DELETE FROM people WHERE id = 1
SELECT x1(a), x0(a) FROM (SELECT id AS x0, name AS x1 FROM people) a ORDER BY 2
SELECT c4(a), (a).c1 FROM people AS a (c1, c2, c3, c4) ORDER BY 2
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
SELECT profile ->> 'phone', profile #>> '{owner,name}', profile -> 'n', jsonb_typeof(profile -> 'phone'), profile @> '{"phone": "77"}' FROM members ORDER BY id
SELECT id, key, value FROM members, jsonb_each_text(CASE jsonb_typeof(profile) WHEN 'object' THEN profile END) ORDER BY id, key
SELECT id FROM members WHERE jsonb_path_exists(profile, '$.owner ? (@.name == "")') ORDER BY id
SELECT jsonb_array_length(profile) FROM members WHERE id = 6
SELECT m, m::text, to_jsonb(m), (m).mobile, kept(m) FROM members m ORDER BY id
SELECT encode(photo, 'hex'), get_byte(photo, 0), octet_length(photo), photo || 'x' FROM members WHERE octet_length(photo) > 0 ORDER BY id
SELECT get_byte(photo, 7) FROM members WHERE id = 1
SELECT host::inet FROM members WHERE id = 1
SELECT host::inet FROM members WHERE id = 3
SELECT digits::numeric FROM members WHERE id = 8
SELECT age(birth, joined), width_bucket(income, 0, 5000, 5), income::int % 7, regexp_replace(remark, '[0-9]', '#', 'g') FROM members ORDER BY id
SELECT sum(worth) OVER (ORDER BY income, id), rank() OVER (ORDER BY called), first_value(staff) OVER (ORDER BY kept, id) FROM members ORDER BY id
DELETE FROM members WHERE id = 1 RETURNING called, mobile, profile, photo
COPY members TO STDOUT
COPY (SELECT called, mobile, profile, photo FROM members ORDER BY id) TO STDOUT (FORMAT csv)
