import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.Date;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Time;
import java.sql.Timestamp;
import java.sql.Types;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Properties;
import java.util.Set;

/** Trino's own JDBC driver against a server: rows, parameters, scratch tables, transactions and metadata. */
class Check {
    public static void main(String[] arguments) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", "check");
        try (Connection connection =
                DriverManager.getConnection("jdbc:trino://" + arguments[0] + "/depthlake/normalized", properties)) {
            require(connection.isValid(10), "the connection is valid");
            rows(connection);
            parameters(connection);
            nulls(connection);
            descriptions(connection);
            scratchTable(connection);
            transactions(connection);
            failures(connection);
            metadata(connection.getMetaData());
        }
    }

    static void rows(Connection connection) throws SQLException {
        String sql = "SELECT 42 AS n, DECIMAL '1.50' AS d, DOUBLE '2' AS x, CAST(NULL AS varchar) AS t, ARRAY[1, 2] AS a, DATE '2026-01-31' AS day";
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            ResultSetMetaData told = rows.getMetaData();
            require(told.getColumnType(1) == Types.INTEGER && told.getColumnType(2) == Types.DECIMAL, "types of columns");
            require(rows.next() && rows.getInt("n") == 42 && rows.getBigDecimal("d").equals(new BigDecimal("1.50")), "numbers");
            require(rows.getDouble("x") == 2.0 && rows.getString("t") == null, "doubles and nulls");
            require(rows.getDate("day").toString().equals("2026-01-31") && !rows.next(), "dates");
        }
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT n FROM UNNEST(sequence(1, 9999)) AS t(n)")) {
            long sum = 0;
            while (rows.next()) {
                sum += rows.getLong(1);
            }
            require(sum == 9999L * 10000 / 2, "all rows of many");
        }
    }

    static void parameters(Connection connection) throws SQLException {
        Timestamp time = Timestamp.valueOf("2026-01-02 03:04:05.123");
        String sql = "SELECT ? AS s, ? AS i, ? AS l, ? AS d, ? AS x, ? AS r, ? AS b, ? AS t, ? AS day, ? AS clock, ? AS bytes, ? AS tiny, ? AS small, ? AS nan";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setString(1, "it's ü?");
            statement.setInt(2, -7);
            statement.setLong(3, Long.MIN_VALUE);
            statement.setBigDecimal(4, new BigDecimal("-123.45600000"));
            statement.setDouble(5, 0.1);
            statement.setFloat(6, 0.5f);
            statement.setBoolean(7, true);
            statement.setTimestamp(8, time);
            statement.setDate(9, Date.valueOf("2026-01-02"));
            statement.setTime(10, Time.valueOf("03:04:05"));
            statement.setBytes(11, new byte[] {0, (byte) 255});
            statement.setByte(12, Byte.MIN_VALUE);
            statement.setShort(13, (short) 300);
            statement.setDouble(14, Double.NaN);
            try (ResultSet rows = statement.executeQuery()) {
                require(rows.next() && rows.getString("s").equals("it's ü?") && rows.getInt("i") == -7, "texts and integers as parameters");
                require(rows.getLong("l") == Long.MIN_VALUE && rows.getByte("tiny") == Byte.MIN_VALUE && rows.getShort("small") == 300, "integers of all sizes as parameters");
                require(rows.getBigDecimal("d").equals(new BigDecimal("-123.45600000")), "a decimal as parameter");
                require(rows.getDouble("x") == 0.1 && rows.getFloat("r") == 0.5f && Double.isNaN(rows.getDouble("nan")), "floating points as parameters");
                require(rows.getBoolean("b") && rows.getTimestamp("t").equals(time), "a truth and a time as parameters");
                require(rows.getDate("day").toString().equals("2026-01-02") && rows.getTime("clock").toString().equals("03:04:05"), "a day and a time of day as parameters");
                require(Arrays.equals(rows.getBytes("bytes"), new byte[] {0, (byte) 255}) && !rows.next(), "bytes as parameter");
            }
        }
        String filtered = "SELECT count(*) FROM trades WHERE symbol = ? AND price > ? AND event_time < ? LIMIT ?";
        try (PreparedStatement statement = connection.prepareStatement(filtered)) {
            for (String symbol : new String[] {"BTCUSDT", "ETHUSDT"}) {
                statement.setString(1, symbol);
                statement.setBigDecimal(2, new BigDecimal("0.01"));
                statement.setTimestamp(3, Timestamp.valueOf("2100-01-01 00:00:00"));
                statement.setLong(4, 1);
                try (ResultSet rows = statement.executeQuery()) {
                    require(rows.next() && rows.getLong(1) > 0, "trades of " + symbol + " by parameters");
                }
            }
        }
    }

    static void nulls(Connection connection) throws SQLException {
        int[] types = {
            Types.VARCHAR, Types.INTEGER, Types.BIGINT, Types.DECIMAL, Types.DOUBLE, Types.REAL, Types.BOOLEAN, Types.TIMESTAMP, Types.DATE, Types.TIME, Types.VARBINARY
        };
        String marks = String.join(", ", java.util.Collections.nCopies(types.length, "?"));
        try (PreparedStatement statement = connection.prepareStatement("SELECT " + marks)) {
            for (int index = 1; index <= types.length; index++) {
                statement.setNull(index, types[index - 1]);
            }
            try (ResultSet rows = statement.executeQuery()) {
                boolean areNull = rows.next();
                for (int index = 1; index <= types.length; index++) {
                    areNull &= rows.getObject(index) == null && rows.getMetaData().getColumnType(index) == types[index - 1];
                }
                require(areNull, "nulls of all types as parameters");
            }
        }
    }

    static void descriptions(Connection connection) throws SQLException {
        String sql = "SELECT symbol, price, event_time FROM trades WHERE symbol = ? AND price > ?";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            ResultSetMetaData told = statement.getMetaData();
            require(told.getColumnCount() == 3 && told.getColumnName(2).equals("price"), "columns before a statement runs");
            require(told.getPrecision(2) == 18 && told.getScale(2) == 8, "precision and scale before a statement runs");
            require(statement.getParameterMetaData().getParameterCount() == 2, "parameters before a statement runs");
            require(statement.getParameterMetaData().getParameterTypeName(1).equals("varchar"), "types of parameters");
        }
    }

    static void scratchTable(Connection connection) throws SQLException {
        String table = "memory.default.jdbc_check";
        try (Statement statement = connection.createStatement()) {
            statement.executeUpdate("DROP TABLE IF EXISTS " + table);
            statement.executeUpdate("CREATE TABLE " + table + " (n bigint, t varchar, d decimal(18, 4), at timestamp(6), day date, x double, b varbinary)");
        }
        try (PreparedStatement statement = connection.prepareStatement("INSERT INTO " + table + " VALUES (?, ?, ?, ?, ?, ?, ?)")) {
            for (int n = 0; n < 3; n++) {
                statement.setLong(1, n);
                statement.setString(2, "row " + n);
                statement.setBigDecimal(3, new BigDecimal("1.5"));
                statement.setTimestamp(4, Timestamp.valueOf("2026-01-02 03:04:05.123456"));
                statement.setDate(5, Date.valueOf("2026-01-02"));
                statement.setNull(6, Types.DOUBLE);
                statement.setBytes(7, new byte[] {1});
                statement.addBatch();
            }
            require(Arrays.equals(statement.executeBatch(), new int[] {1, 1, 1}), "a batch of rows");
        }
        try (Statement statement = connection.createStatement()) {
            require(statement.executeUpdate("UPDATE " + table + " SET t = 'other' WHERE n = 1") == 1, "a row is changed");
            require(statement.executeUpdate("DELETE FROM " + table + " WHERE n = 2") == 1, "a row is deleted");
            try (ResultSet rows = statement.executeQuery("SELECT t, d, at, x FROM " + table + " ORDER BY n DESC")) {
                require(rows.next() && rows.getString("t").equals("other") && rows.getBigDecimal("d").equals(new BigDecimal("1.5000")), "what was written is read");
                require(rows.getTimestamp("at").getNanos() / 1_000_000 == 123 && rows.getObject("x") == null, "times and nulls that were written");
            }
            require(statement.executeLargeUpdate("CREATE TABLE " + table + "_copy AS SELECT * FROM " + table) == 2, "a table of a query");
            require(all(connection.getMetaData().getTables("memory", "default", "jdbc\\_check%", null), "TABLE_NAME").size() == 2, "scratch tables are listed");
            statement.executeUpdate("DROP TABLE " + table + "_copy");
            statement.executeUpdate("DROP TABLE " + table);
        }
    }

    static void transactions(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            require(statement.execute("SELECT count(*) FROM trades"), "a query in a transaction");
            connection.commit();
            require(statement.execute("SELECT 1"), "a query in the next transaction");
            connection.rollback();
        } finally {
            connection.setAutoCommit(true);
        }
        connection.setSchema("marts");
        require(connection.getSchema().equals("marts"), "another schema");
        connection.setSchema("normalized");
        try (Statement statement = connection.createStatement()) {
            statement.setMaxRows(5);
            statement.setQueryTimeout(60);
            try (ResultSet rows = statement.executeQuery("SELECT n FROM UNNEST(sequence(1, 1000)) AS t(n)")) {
                int count = 0;
                while (rows.next()) {
                    count++;
                }
                require(count == 5, "no more rows than wanted");
            }
        }
    }

    static void failures(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.executeQuery("SELECT nothing FROM trades");
            throw new AssertionError("an unknown column is found");
        } catch (SQLException failed) {
            require(failed.getErrorCode() == 47 && failed.getMessage().contains("nothing"), "an unknown column is told");
        }
    }

    static void metadata(DatabaseMetaData metadata) throws SQLException {
        require(all(metadata.getCatalogs(), "TABLE_CAT").containsAll(Set.of("depthlake", "memory", "system")), "catalogs");
        require(all(metadata.getSchemas(), "TABLE_SCHEM").contains("normalized"), "schemas of all catalogs");
        require(all(metadata.getSchemas("depthlake", "mar%"), "TABLE_SCHEM").equals(Set.of("marts")), "schemas by pattern");
        require(all(metadata.getTableTypes(), "TABLE_TYPE").equals(Set.of("TABLE", "VIEW")), "types of tables");
        require(all(metadata.getTables("depthlake", "normalized", "%", null), "TABLE_NAME").contains("trades"), "tables");
        require(all(metadata.getTables("depthlake", "norm%", "book\\_ticker", new String[] {"TABLE"}), "TABLE_NAME").equals(Set.of("book_ticker")), "tables by pattern");
        require(all(metadata.getTables("depthlake", null, "%", new String[] {"VIEW"}), "TABLE_TYPE").equals(Set.of("VIEW")), "views");
        try (ResultSet columns = metadata.getColumns("depthlake", "normalized", "trades", "price")) {
            require(columns.next() && columns.getInt("DATA_TYPE") == Types.DECIMAL && columns.getInt("DECIMAL_DIGITS") == 8, "columns");
            require(columns.getInt("COLUMN_SIZE") == 18 && columns.getString("TYPE_NAME").equals("decimal(18,8)") && !columns.next(), "sizes of columns");
        }
        require(all(metadata.getTypeInfo(), "TYPE_NAME").containsAll(Set.of("bigint", "varchar", "decimal", "timestamp")), "types");
        for (ResultSet none : new ResultSet[] {
            metadata.getPrimaryKeys("depthlake", "normalized", "trades"),
            metadata.getImportedKeys("depthlake", "normalized", "trades"),
            metadata.getProcedures(null, null, "%"),
            metadata.getProcedureColumns(null, null, "%", "%"),
            metadata.getUDTs(null, null, "%", null),
            metadata.getSuperTypes(null, null, "%"),
            metadata.getSuperTables(null, null, "%"),
            metadata.getAttributes(null, null, "%", "%"),
            metadata.getPseudoColumns("depthlake", "normalized", "trades", "%")
        }) {
            try (none) {
                require(!none.next(), "none of " + none.getMetaData().getColumnLabel(none.getMetaData().getColumnCount()));
            }
        }
        require(metadata.getDatabaseProductName().equals("Trino") && !metadata.getDatabaseProductVersion().isEmpty(), "the version of the product");
    }

    static Set<String> all(ResultSet rows, String column) throws SQLException {
        Set<String> values = new HashSet<>();
        try (rows) {
            while (rows.next()) {
                values.add(rows.getString(column));
            }
        }
        return values;
    }

    static void require(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
        System.out.println("ok " + what);
    }
}
