import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.util.HashSet;
import java.util.Properties;
import java.util.Set;

/** Trino's own JDBC driver against a server: rows, metadata, parameters, errors, writing. */
class Check {
    public static void main(String[] arguments) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", "check");
        try (Connection connection =
                DriverManager.getConnection("jdbc:trino://" + arguments[0] + "/depthlake/normalized", properties)) {
            require(connection.isValid(10), "the connection is valid");
            rows(connection);
            metadata(connection.getMetaData());
            parameters(connection);
            errors(connection);
            writing(connection);
            connection.setCatalog("tpch");
            connection.setSchema("tiny");
            require(one(connection, "SELECT count(*) FROM nation").equals("25"), "catalog and schema");
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

    static void metadata(DatabaseMetaData metadata) throws SQLException {
        require(all(metadata.getCatalogs(), "TABLE_CAT").contains("depthlake"), "catalogs");
        require(all(metadata.getSchemas("depthlake", null), "TABLE_SCHEM").contains("marts"), "schemas");
        require(all(metadata.getTables("depthlake", "normalized", "%", null), "TABLE_NAME").contains("trades"), "tables");
        require(all(metadata.getColumns("depthlake", "normalized", "trades", "%"), "COLUMN_NAME").contains("price"), "columns");
        require(all(metadata.getTypeInfo(), "TYPE_NAME").contains("bigint"), "types");
        require(!metadata.getDatabaseProductVersion().isEmpty(), "the version of the product");
    }

    static void parameters(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("SELECT ? + 1, upper(?)")) {
            statement.setInt(1, 41);
            statement.setString(2, "a'b");
            try (ResultSet rows = statement.executeQuery()) {
                require(rows.next() && rows.getInt(1) == 42 && rows.getString(2).equals("A'B"), "parameters");
            }
        }
    }

    static void errors(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.executeQuery("SELECT 1 / 0").next();
        } catch (SQLException error) {
            require(error.getErrorCode() == 8, "the code of an error: " + error.getErrorCode() + " " + error.getMessage());
            return;
        }
        throw new AssertionError("a division by zero was answered");
    }

    static void writing(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.executeUpdate("CREATE TABLE memory.default.of_jdbc (n bigint, word varchar)");
            require(statement.executeUpdate("INSERT INTO memory.default.of_jdbc VALUES (1, 'one'), (2, 'two')") == 2, "rows written");
            require(one(connection, "SELECT word FROM memory.default.of_jdbc WHERE n = 2").equals("two"), "rows read again");
            statement.executeUpdate("DROP TABLE memory.default.of_jdbc");
        }
    }

    static String one(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            require(rows.next(), sql);
            return rows.getString(1);
        }
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
