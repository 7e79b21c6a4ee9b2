#!/usr/bin/env python3
"""Compares a lake with the rows it should hold, in DuckDB, which shares no code with the project.

usage: judge.py CATALOG_DB EXPECTED_CSV

EXPECTED_CSV has a line a row: table, partition, offset, content. Prints the first rows that are missing or too many, and
exits with 1 where there are any, or where PyIceberg counts other rows than DuckDB.
"""
import glob
import sqlite3
import sys
from pathlib import Path

import duckdb
import duckdb_extension_avro
import duckdb_extension_iceberg
from pyiceberg.table import StaticTable

RAW = """select '{name}' as name, partition::int as part, "offset"::bigint as place,
    symbol || ' ' || decode(payload) as content from {scan}"""
TABLES = {
    "raw.orderbook_diffs": RAW,
    "raw.trades": RAW,
    "normalized.trades": """select '{name}', source_partition::int, source_offset::bigint,
        concat_ws(' ', symbol, trade_id, price, quantity, taker_side) from {scan}""",
    "ops.dead_letters": """select '{name}', source_partition::int, source_offset::bigint, decode(payload)
        from {scan}""",
}


def duck():
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    for name, package in (("avro", duckdb_extension_avro), ("iceberg", duckdb_extension_iceberg)):
        (file,) = glob.glob(f"{Path(package.__file__).parent}/**/{name}.duckdb_extension", recursive=True)
        connection.execute(f"install '{file}'")
        connection.execute(f"load {name}")
    return connection


def main() -> int:
    catalog, expected = sys.argv[1:]
    pointers = dict(
        sqlite3.connect(catalog).execute(
            "select table_namespace || '.' || table_name, metadata_location from iceberg_tables"
        )
    )
    connection = duck()
    connection.execute(
        "create table expected as from read_csv(?, header = false, delim = ',', quote = '', columns ="
        " {name: 'varchar', part: 'int', place: 'bigint', content: 'varchar'})",
        [expected],
    )
    scans = [sql.format(name=name, scan=f"iceberg_scan('{pointers[name]}')") for name, sql in TABLES.items()]
    connection.execute("create table found as " + " union all ".join(scans))
    wrong = 0
    for what, left, right in (("missing", "expected", "found"), ("too many", "found", "expected")):
        rows = connection.execute(f"from {left} except all from {right} order by all").fetchall()
        wrong += len(rows)
        for row in rows[:20]:
            print(what, row)
    for name in TABLES:
        table = StaticTable.from_metadata(pointers[name])
        by_pyiceberg = table.scan().count() if table.current_snapshot() else 0
        (by_duckdb,) = connection.execute("select count(*) from found where name = ?", [name]).fetchone()
        if by_pyiceberg != by_duckdb:
            wrong += 1
            print(f"{name}: PyIceberg counts {by_pyiceberg} rows, DuckDB {by_duckdb}")
    (rows,) = connection.execute("select count(*) from found").fetchone()
    print(f"DuckDB: {rows} rows, {wrong} differences")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
