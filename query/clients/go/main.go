// Trino's own Go client against a server: rows, parameters, errors, metadata.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/trinodb/trino-go-client/trino"
)

func main() {
	address := strings.Replace(os.Args[1], "://", "://check@", 1) + "?catalog=depthlake&schema=normalized"
	database, err := sql.Open("trino", address)
	must(err)
	defer database.Close()
	must(database.Ping())

	var number int64
	var text string
	var exact string
	row := database.QueryRow("SELECT 42, 'a\"ü', DECIMAL '1.50'")
	must(row.Scan(&number, &text, &exact))
	require(number == 42 && text == "a\"ü" && exact == "1.50", "values of several types")

	rows, err := database.Query("SELECT n FROM UNNEST(sequence(1, 9999)) AS t(n)")
	must(err)
	var sum, n int64
	for rows.Next() {
		must(rows.Scan(&n))
		sum += n
	}
	must(rows.Err())
	require(sum == 9999*10000/2, "all rows of many")

	must(database.QueryRow("SELECT ? + 1", 41).Scan(&number))
	require(number == 42, "parameters")

	must(database.QueryRow("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'normalized' AND table_name = 'trades'").Scan(&number))
	require(number == 1, "the tables of a schema")

	var failed *trino.ErrQueryFailed
	err = database.QueryRow("SELECT * FROM nothing_at_all").Scan(&number)
	require(errors.As(err, &failed), fmt.Sprintf("an error of the query's own: %v", err))

	_, err = database.ExecContext(context.Background(), "CREATE TABLE memory.default.of_go AS SELECT 1 AS n")
	must(err)
	must(database.QueryRow("SELECT n FROM memory.default.of_go").Scan(&number))
	_, err = database.Exec("DROP TABLE memory.default.of_go")
	must(err)
	require(number == 1, "a table that was made")
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func require(holds bool, what string) {
	if !holds {
		fmt.Fprintln(os.Stderr, "failed:", what)
		os.Exit(1)
	}
	fmt.Println("ok", what)
}
