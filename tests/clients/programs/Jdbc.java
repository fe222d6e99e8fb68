// What an application does by JDBC with MariaDB's driver; prints "PART: RESULT" in one line for each part. Arguments:
// host, port, user, password, database, further options of the URL, and the parts to run, all of them when not given.

import java.io.ByteArrayInputStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.*;
import java.util.*;

public class Jdbc {
    static String base;
    static String user;
    static String password;
    static String database;

    interface Part {
        Object run(Connection connection) throws Exception;
    }

    static Connection open(String... options) throws SQLException {
        return DriverManager.getConnection(base + "&" + String.join("&", options), user, password);
    }

    static List<List<Object>> rows(ResultSet found) throws SQLException {
        List<List<Object>> rows = new ArrayList<>();
        int columns = found.getMetaData().getColumnCount();
        while (found.next()) {
            List<Object> row = new ArrayList<>();
            for (int column = 1; column <= columns; column++) {
                Object value = found.getObject(column);
                row.add(value instanceof byte[] bytes ? HexFormat.of().formatHex(bytes) : value);
            }
            rows.add(row);
        }
        found.close();
        return rows;
    }

    static List<List<Object>> ask(Connection connection, String query, Object... values) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(query)) {
            for (int place = 0; place < values.length; place++) statement.setObject(place + 1, values[place]);
            return rows(statement.executeQuery());
        }
    }

    static int change(Connection connection, String query, Object... values) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(query)) {
            for (int place = 0; place < values.length; place++) statement.setObject(place + 1, values[place]);
            return statement.executeUpdate();
        }
    }

    static String failure(Callback callback) {
        try {
            callback.run();
            return "nothing failed";
        } catch (SQLException error) {
            return error.getErrorCode() + "/" + error.getSQLState() + "/" + error.getClass().getSimpleName();
        }
    }

    interface Callback {
        void run() throws SQLException;
    }

    static final Map<String, Part> PARTS = new LinkedHashMap<>();

    static {
        PARTS.put("tls", connection -> ask(open(), "SELECT phone FROM customers WHERE id = 1"));
        PARTS.put("wrong password", connection -> failure(() -> DriverManager.getConnection(base, user, "wrong")));
        PARTS.put("types", connection -> {
            try (Statement statement = connection.createStatement()) {
                return rows(statement.executeQuery("SELECT * FROM kinds ORDER BY id"));
            }
        });
        PARTS.put("types, prepared", connection -> ask(open("useServerPrepStmts=true"), "SELECT * FROM kinds WHERE id < ? ORDER BY id", 3));
        PARTS.put("described", connection -> {
            List<String> columns = new ArrayList<>();
            try (PreparedStatement statement = connection.prepareStatement("SELECT id, phone AS p FROM customers c WHERE id = ?")) {
                ResultSetMetaData told = statement.getMetaData();
                for (int column = 1; column <= told.getColumnCount(); column++) {
                    columns.add(told.getColumnLabel(column) + " " + told.getColumnName(column) + " " + told.getTableName(column));
                }
            }
            try (Statement statement = connection.createStatement()) {
                ResultSetMetaData told = statement.executeQuery("SELECT * FROM kinds").getMetaData();
                for (int column = 1; column <= told.getColumnCount(); column++) {
                    columns.add(told.getColumnLabel(column) + " " + told.getColumnTypeName(column) + " " + told.getPrecision(column) + " " + told.getTableName(column));
                }
                return columns;
            }
        });
        PARTS.put("parameters", connection -> {
            List<Object> found = new ArrayList<>();
            for (String prepared : List.of("useServerPrepStmts=true", "useServerPrepStmts=false")) {
                try (Connection own = open(prepared)) {
                    String query = "SELECT id FROM customers WHERE phone = ? AND id < ?";
                    for (String phone : Arrays.asList("13812345678", "138****5678", null)) found.add(ask(own, query, phone, 9));
                    found.add(ask(own, "SELECT HEX(?), ?, ? FROM customers LIMIT 1", new byte[] {0, -1, 39}, new BigDecimal("1.50"), "q'\\"));
                }
            }
            return found;
        });
        PARTS.put("transactions", connection -> {
            connection.setAutoCommit(false);
            connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
            change(connection, "INSERT INTO notes (customer, body) VALUES (1, 'first')");
            Savepoint point = connection.setSavepoint("here");
            change(connection, "INSERT INTO notes (customer, body) VALUES (2, 'second')");
            connection.rollback(point);
            List<Object> seen = new ArrayList<>(ask(connection, "SELECT body FROM notes"));
            connection.rollback();
            seen.addAll(ask(connection, "SELECT count(*) FROM notes"));
            connection.setAutoCommit(true);
            connection.setReadOnly(true);
            seen.add(connection.getTransactionIsolation() == Connection.TRANSACTION_READ_COMMITTED);
            connection.setReadOnly(false);
            return seen;
        });
        PARTS.put("keys", connection -> {
            String insert = "INSERT INTO notes (customer, body) VALUES (?, ?)";
            try (PreparedStatement statement = connection.prepareStatement(insert, Statement.RETURN_GENERATED_KEYS)) {
                statement.setInt(1, 1);
                statement.setString(2, "one");
                statement.executeUpdate();
                int given = rows(statement.getGeneratedKeys()).size();
                return List.of(given, change(connection, "UPDATE notes SET body = 'one'"), change(connection, "DELETE FROM notes"));
            }
        });
        for (String way : List.of("rewriteBatchedStatements=true", "useBatchMultiSend=true", "useBulkStmts=true&useServerPrepStmts=true", "useServerPrepStmts=true")) {
            PARTS.put("batch, " + way, connection -> {
                try (Connection own = open(way)) {
                    try (PreparedStatement statement = own.prepareStatement("INSERT INTO customers (id, phone, name) VALUES (?, ?, ?)")) {
                        for (int row = 0; row < 300; row++) {
                            statement.setInt(1, 100 + row);
                            statement.setString(2, "1380000" + (1000 + row));
                            statement.setString(3, row % 3 == 0 ? null : "name " + row);
                            statement.addBatch();
                        }
                        statement.executeBatch();
                    }
                    Object seen = ask(own, "SELECT count(*), min(phone), max(name) FROM customers WHERE id >= 100");
                    try (PreparedStatement statement = own.prepareStatement("UPDATE customers SET name = ? WHERE id = ?")) {
                        for (int row = 0; row < 3; row++) {
                            statement.setString(1, "other");
                            statement.setInt(2, 100 + row);
                            statement.addBatch();
                        }
                        statement.executeBatch();
                    }
                    Object named = ask(own, "SELECT count(*) FROM customers WHERE name = 'other'");
                    return List.of(seen, named, change(own, "DELETE FROM customers WHERE id >= 100"));
                }
            });
        }
        PARTS.put("errors", connection -> {
            List<String> told = new ArrayList<>();
            for (String query : List.of("SELECT nonsense FROM customers", "SELEC", "INSERT INTO customers (id) VALUES (1)", "HANDLER customers OPEN", "UPDATE customers SET phone = '1' WHERE id = 1")) {
                told.add(failure(() -> connection.createStatement().execute(query)));
                try (Connection own = open("useServerPrepStmts=true")) {
                    told.add(failure(() -> own.prepareStatement(query).execute()));
                }
            }
            return told;
        });
        PARTS.put("several", connection -> {
            List<Object> found = new ArrayList<>();
            try (Connection own = open("allowMultiQueries=true"); Statement statement = own.createStatement()) {
                boolean rows = statement.execute("SELECT phone FROM customers WHERE id = 1; DO 1; SELECT 2");
                while (rows || statement.getUpdateCount() >= 0) {
                    found.add(rows ? rows(statement.getResultSet()) : statement.getUpdateCount());
                    rows = statement.getMoreResults();
                }
            }
            return found;
        });
        PARTS.put("procedure", connection -> {
            try (CallableStatement call = connection.prepareCall("{call twice(?, ?)}")) {
                call.setInt(1, 21);
                call.registerOutParameter(2, Types.INTEGER);
                call.execute();
                return List.of(rows(call.getResultSet()), call.getInt(2));
            }
        });
        PARTS.put("large", connection -> {
            byte[] value = new byte[(1 << 24) + 1000];
            Arrays.fill(value, (byte) 'x');
            String text = new String(value, StandardCharsets.US_ASCII);
            List<Object> seen = new ArrayList<>();
            try (Connection own = open("useServerPrepStmts=true")) {
                change(own, "INSERT INTO notes (customer, body) VALUES (?, ?)", 1, text);
                try (PreparedStatement statement = own.prepareStatement("UPDATE notes SET body = ? WHERE customer = 1")) {
                    statement.setAsciiStream(1, new ByteArrayInputStream(value));
                    seen.add(statement.executeUpdate());
                }
                for (List<Object> row : ask(own, "SELECT body, phone FROM notes JOIN customers ON customer = customers.id")) {
                    seen.add(row.get(0).equals(text));
                    seen.add(row.get(1));
                }
                change(own, "DELETE FROM notes");
            }
            return seen;
        });
        PARTS.put("streamed", connection -> {
            List<Object> seen = new ArrayList<>();
            for (String way : List.of("useServerPrepStmts=false", "useServerPrepStmts=true&useCursorFetch=true")) {
                try (Connection own = open(way); PreparedStatement statement = own.prepareStatement("SELECT id, phone FROM customers ORDER BY id")) {
                    statement.setFetchSize(1);
                    seen.add(rows(statement.executeQuery()));
                    statement.setMaxRows(2);
                    seen.add(rows(statement.executeQuery()).size());
                }
            }
            return seen;
        });
        PARTS.put("limits", connection -> {
            try (Statement statement = connection.createStatement()) {
                statement.setQueryTimeout(20);
                List<Object> seen = new ArrayList<>(rows(statement.executeQuery("SELECT phone FROM customers WHERE id = 1")));
                statement.setMaxRows(1);
                seen.add(rows(statement.executeQuery("SELECT id, phone FROM customers ORDER BY id")));
                return seen;
            }
        });
        PARTS.put("cancelled", connection -> {
            Statement statement = connection.createStatement();
            Thread other = new Thread(() -> {
                try {
                    Thread.sleep(1500);
                    statement.cancel();
                } catch (Exception error) {
                    throw new IllegalStateException(error);
                }
            });
            other.start();
            long begun = System.nanoTime();
            String told;
            try {
                told = "" + rows(statement.executeQuery("SELECT sleep(60) FROM customers WHERE id = 1"));
            } catch (SQLException error) {
                told = "" + error.getErrorCode();
            }
            other.join();
            return List.of((System.nanoTime() - begun) / 1e9 < 45, ask(connection, "SELECT 1"), told.equals("1317") || told.equals("[[1]]"));
        });
        PARTS.put("files", connection -> {
            List<Object> seen = new ArrayList<>();
            try (Connection own = open("allowLocalInfile=true"); Statement statement = own.createStatement()) {
                for (String table : List.of("notes (customer, body)", "customers (id, name)")) {
                    statement.unwrap(org.mariadb.jdbc.MariaDbStatement.class).setLocalInfileInputStream(new ByteArrayInputStream("1\tone\n2\ttwo\n".getBytes()));
                    try {
                        seen.add(statement.executeUpdate("LOAD DATA LOCAL INFILE 'rows' INTO TABLE " + table));
                    } catch (SQLException error) {
                        seen.add(error.getErrorCode());
                    }
                }
                change(own, "DELETE FROM notes");
            }
            return seen;
        });
        PARTS.put("scrolled", connection -> {
            try (Statement statement = connection.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_READ_ONLY)) {
                ResultSet found = statement.executeQuery("SELECT id, phone FROM customers ORDER BY id");
                found.last();
                int last = found.getInt(1);
                found.absolute(1);
                return List.of(last, found.getString("phone"));
            }
        });
        PARTS.put("tables", connection -> {
            DatabaseMetaData told = connection.getMetaData();
            List<Object> seen = new ArrayList<>();
            try (ResultSet found = told.getTables(database, null, "%", new String[] {"TABLE", "VIEW", "BASE TABLE"})) {
                while (found.next()) seen.add(found.getString("TABLE_NAME"));
            }
            return seen;
        });
        PARTS.put("columns", connection -> {
            List<Object> seen = new ArrayList<>();
            try (ResultSet found = connection.getMetaData().getColumns(database, null, "customers", "%")) {
                while (found.next()) seen.add(found.getString("COLUMN_NAME") + " " + found.getString("TYPE_NAME") + " " + found.getString("COLUMN_SIZE") + " " + found.getString("IS_NULLABLE"));
            }
            return seen;
        });
        PARTS.put("constraints", connection -> {
            DatabaseMetaData told = connection.getMetaData();
            List<Object> seen = new ArrayList<>();
            try (ResultSet found = told.getPrimaryKeys(database, null, "customers")) {
                while (found.next()) seen.add(found.getString("COLUMN_NAME"));
            }
            try (ResultSet found = told.getIndexInfo(database, null, "customers", false, true)) {
                while (found.next()) seen.add(found.getString("INDEX_NAME") + " " + found.getString("COLUMN_NAME"));
            }
            try (ResultSet found = told.getImportedKeys(database, null, "notes")) {
                while (found.next()) seen.add(found.getString("FK_NAME") + " " + found.getString("PKTABLE_NAME"));
            }
            try (ResultSet found = told.getExportedKeys(database, null, "customers")) {
                while (found.next()) seen.add(found.getString("FKTABLE_NAME"));
            }
            try (ResultSet found = told.getProcedures(database, null, "%")) {
                while (found.next()) seen.add(found.getString("PROCEDURE_NAME"));
            }
            try (ResultSet found = told.getProcedureColumns(database, null, "twice", "%")) {
                while (found.next()) seen.add(found.getString("COLUMN_NAME"));
            }
            return seen;
        });
        PARTS.put("server", connection -> {
            DatabaseMetaData told = connection.getMetaData();
            rows(told.getTypeInfo());
            rows(told.getTableTypes());
            List<Object> seen = new ArrayList<>();
            try (ResultSet found = told.getCatalogs()) {
                while (found.next()) if (found.getString(1).equals(database)) seen.add("here");
            }
            rows(told.getColumnPrivileges(database, null, "customers", "%"));
            rows(told.getTablePrivileges(database, null, "customers"));
            rows(told.getBestRowIdentifier(database, null, "customers", DatabaseMetaData.bestRowSession, true));
            rows(told.getFunctions(database, null, "%"));
            rows(told.getClientInfoProperties());
            seen.add(told.getSQLKeywords().isEmpty() ? "no words" : "words");
            return seen;
        });
        PARTS.put("session", connection -> {
            List<Object> seen = new ArrayList<>();
            connection.setCatalog("information_schema");
            seen.add(connection.getCatalog());
            connection.setCatalog(database);
            seen.add(connection.isValid(5));
            connection.setClientInfo("ApplicationName", "tests");
            try (Statement statement = connection.createStatement()) {
                rows(statement.executeQuery("SELECT CAST('12x' AS signed)"));
                SQLWarning warning = statement.getWarnings();
                seen.add(warning == null ? 0 : warning.getErrorCode());
            }
            return seen;
        });
        PARTS.put("pool", connection -> {
            List<Object> seen = new ArrayList<>();
            try (var pool = new org.mariadb.jdbc.MariaDbPoolDataSource(base + "&user=" + user + "&password=" + password + "&maxPoolSize=2&useResetConnection=true")) {
                for (int turn = 0; turn < 3; turn++) {
                    try (Connection own = pool.getConnection()) {
                        seen.add(ask(own, "SELECT @mine, phone FROM customers WHERE id = 1"));
                        own.createStatement().execute("SET @mine = 1");
                    }
                }
            }
            return seen;
        });
    }

    public static void main(String[] arguments) throws Exception {
        user = arguments[2];
        password = arguments[3];
        database = arguments[4];
        base = "jdbc:mariadb://" + arguments[0] + ":" + arguments[1] + "/" + database + "?" + arguments[5];
        Set<String> chosen = arguments.length > 6 ? Set.of(arguments[6].split(";")) : PARTS.keySet();
        for (var part : PARTS.entrySet()) {
            if (!chosen.contains(part.getKey())) continue;
            Object result;
            try (Connection connection = open()) {
                result = part.getValue().run(connection);
            } catch (Exception error) {
                result = "failed: " + error;
            }
            System.out.println(part.getKey() + ": " + String.valueOf(result).replace("\n", " "));
        }
    }
}
