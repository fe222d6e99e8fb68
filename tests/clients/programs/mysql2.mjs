// What an application does by mysql2; prints one JSON object, a result for each part. Values come from LOUVER_TARGET:
// host, port, user, password, database and the path of the certificate to trust.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Readable } from "node:stream";

const { authority, auditor, modules, ...target } = JSON.parse(process.env.LOUVER_TARGET);
const mysql = createRequire(modules + "/")("mysql2/promise");
const tls = { ca: readFileSync(authority) };
const options = { ...target, ssl: tls, charset: "utf8mb4", supportBigNumbers: true, timezone: "Z" };
const open = (more = {}) => mysql.createConnection({ ...options, ...more });
const failure = async (promise) => {
  try {
    await promise;
    return "nothing failed";
  } catch (error) {
    return [error.code, error.errno ?? null, error.sqlState ?? null, error.message];
  }
};
const plain = (rows) => rows.map((row) => Object.values(row));

const parts = {
  async logins() {
    const encrypted = await open();
    const bare = await open({ ssl: undefined });
    const result = [encrypted, bare].map((each) => Boolean(each.connection.stream.encrypted));
    for (const each of [encrypted, bare]) {
      result.push((await each.query("SELECT phone FROM customers WHERE id = 1"))[0][0].phone);
      await each.end();
    }
    return [...result, (await failure(open({ password: "wrong" })))[1]];
  },
  async text(connection) {
    const [rows, fields] = await connection.query("SELECT * FROM kinds ORDER BY id");
    return { rows: plain(rows), names: fields.map((field) => field.name), types: fields.map((field) => field.columnType) };
  },
  async prepared(connection) {
    const [rows] = await connection.execute("SELECT * FROM kinds WHERE id < ? ORDER BY id", [3]);
    return plain(rows);
  },
  async parameters(connection) {
    const query = "SELECT id FROM customers WHERE phone = ? AND id < ?";
    const found = [];
    for (const phone of ["13812345678", "138****5678", null]) {
      found.push(plain((await connection.execute(query, [phone, 9]))[0]));
    }
    connection.config.namedPlaceholders = true;
    const named = await connection.execute("SELECT :a AS a, :b AS b, :a AS c", { a: "x", b: 2 });
    connection.config.namedPlaceholders = false;
    const statement = await connection.prepare("SELECT name, phone FROM customers WHERE id = ?");
    const twice = [plain((await statement.execute([1]))[0]), plain((await statement.execute([2]))[0])];
    await statement.close();
    const written = [Buffer.from([0, 255, 39]), new Date("2026-11-22T01:02:03.456Z"), true, { a: 1 }, "q'\\"];
    const text = await connection.query("SELECT HEX(?), ?, ?, ?, ? FROM customers LIMIT 1", [
      written[0], written[1], written[2], JSON.stringify(written[3]), written[4],
    ]);
    const [nested] = await connection.query({ sql: "SELECT c.id, phone AS p FROM customers c WHERE id = 1", nestTables: true });
    return { found, named: plain(named[0]), twice, text: plain(text[0]), nested };
  },
  async transactions(connection) {
    const seen = [];
    const count = async () => seen.push((await connection.query("SELECT count(*) AS n FROM notes"))[0][0].n);
    await connection.beginTransaction();
    await connection.execute("INSERT INTO notes (customer, body) VALUES (?, ?)", [1, "gone"]);
    await count();
    await connection.rollback();
    await count();
    await connection.beginTransaction();
    const [done] = await connection.execute("INSERT INTO notes (customer, body) VALUES (?, ?)", [2, "stays"]);
    await connection.commit();
    await count();
    await connection.query("DELETE FROM notes");
    return { seen, affected: done.affectedRows, id: done.insertId > 0 };
  },
  async errors(connection) {
    const told = [];
    for (const query of [
      "SELECT nonsense FROM customers", "SELEC", "INSERT INTO customers (id) VALUES (1)", "HANDLER customers OPEN",
      "UPDATE customers SET phone = '1' WHERE id = 1",
    ]) {
      told.push((await failure(connection.query(query))).slice(0, 3));
      told.push((await failure(connection.execute(query))).slice(0, 3));
    }
    return { told, after: plain((await connection.query("SELECT 1"))[0]) };
  },
  async several() {
    const connection = await open({ multipleStatements: true });
    const [results] = await connection.query("SELECT phone FROM customers WHERE id = 1; DO 1; SELECT 2 AS two");
    const [called] = await connection.query("CALL twice(21, @doubled)");
    const [doubled] = await connection.query("SELECT @doubled");
    await connection.end();
    return [results.map((each) => (Array.isArray(each) ? plain(each) : each.affectedRows)), plain(called[0]), plain(doubled)];
  },
  async large(connection) {
    const size = 2 ** 24 + 1000;
    const lengths = [];
    const value = "x".repeat(size);
    await connection.execute("INSERT INTO notes (customer, body) VALUES (?, ?)", [1, value]);
    const query = "SELECT body, phone FROM notes JOIN customers ON customer = customers.id WHERE length(body) > ?";
    const [[read]] = await connection.execute(query, [10]);
    const [[text]] = await connection.query(query, [10]);
    for (const each of [read, text]) lengths.push(each.body.length - size, each.body === value, each.phone);
    await connection.query("DELETE FROM notes");
    return lengths;
  },
  async long(connection) {
    const size = 2 ** 24 + 1000;
    const query = `SELECT length('${"x".repeat(size)}'), phone FROM customers WHERE id = ?`;
    const clear = await open(auditor);
    const found = [(await clear.query(query, [1]))[0], (await clear.execute(query, [1]))[0]].map(plain);
    await clear.end();
    const refused = (await failure(connection.query(query, [1])))[1];
    return [...found, refused, (await connection.query("SELECT phone FROM customers WHERE id = 1"))[0][0].phone];
  },
  async streamed(connection) {
    const rows = [];
    const source = connection.connection.query("SELECT id, phone FROM customers ORDER BY id").stream({ highWaterMark: 1 });
    for await (const row of source) rows.push(Object.values(row));
    const prepared = connection.connection.execute("SELECT id, phone FROM customers WHERE id > ? ORDER BY id", [1]).stream();
    for await (const row of prepared) rows.push(Object.values(row));
    return rows;
  },
  async files(connection) {
    const load = (table) => ({
      sql: `LOAD DATA LOCAL INFILE 'rows' INTO TABLE ${table}`,
      infileStreamFactory: () => Readable.from([Buffer.from("1\tone\n2\ttwo\n")]),
    });
    const [done] = await connection.query(load("notes (customer, body)"));
    await connection.query("DELETE FROM notes");
    return [done.affectedRows, (await failure(connection.query(load("customers (id, name)"))))[1]];
  },
  async pooled() {
    const pool = mysql.createPool({ ...options, connectionLimit: 2 });
    const query = "SELECT phone FROM customers WHERE id = ?";
    const found = await Promise.all([1, 2, 1, 2].map((id) => pool.execute(query, [id])));
    const connection = await pool.getConnection();
    await connection.query("SET @mine = 1");
    await connection.reset();
    const reset = plain((await connection.query("SELECT @mine"))[0]);
    await connection.ping();
    connection.release();
    await pool.end();
    return { found: found.map(([rows]) => rows[0].phone), reset };
  },
  async many(connection) {
    const rows = Array.from({ length: 200 }, (_, n) => [100 + n, `1380000${1000 + n}`]);
    const [done] = await connection.query("INSERT INTO customers (id, phone) VALUES ?", [rows]);
    const seen = plain((await connection.query("SELECT count(*), min(phone) FROM customers WHERE id >= 100"))[0]);
    const [gone] = await connection.query("DELETE FROM customers WHERE id >= ?", [100]);
    return [done.affectedRows, seen, gone.affectedRows];
  },
  async users(connection) {
    const told = await failure(connection.changeUser({ user: target.user, password: target.password }));
    return Array.isArray(told) ? told.slice(0, 2) : told;
  },
};

const results = {};
const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(parts);
for (const name of chosen) {
  const connection = await open();
  try {
    results[name] = await parts[name](connection);
  } catch (error) {
    results[name] = { failed: `${error.message} ${error.stack}` };
  }
  connection.destroy();
}
process.stdout.write(JSON.stringify(results));
