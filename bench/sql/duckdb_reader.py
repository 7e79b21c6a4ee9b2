#!/usr/bin/env python3
"""Times the queries of sql_bench on DuckDB's reader of the same Iceberg tables, on as many threads.

usage: duckdb_reader.py FOLDER [--repeat N] [--threads N]      (needs duckdb with its iceberg and avro extensions)

Prints the table that `sql_bench run FOLDER` prints.
"""
import argparse
import glob
import re
import sqlite3
from pathlib import Path

import duckdb

from queries import LAST, measure


def connect(threads):
    duck = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    for name in ("avro", "iceberg"):
        try:
            duck.execute(f"LOAD {name}")
        except duckdb.Error:
            package = __import__(f"duckdb_extension_{name}")
            (file,) = glob.glob(f"{Path(package.__file__).parent}/**/{name}.duckdb_extension", recursive=True)
            duck.execute(f"INSTALL '{file}'")
            duck.execute(f"LOAD {name}")
    duck.execute(f"SET TimeZone = 'UTC'; SET threads = {threads}")
    return duck


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    pointers = dict(
        sqlite3.connect(arguments.folder / "catalog.db").execute(
            "SELECT table_namespace || '.' || table_name, metadata_location FROM iceberg_tables"
        )
    )
    duck = connect(arguments.threads)

    def ask(text):
        text = re.sub(r"(normalized|marts)\.\w+", lambda table: f"iceberg_scan('{pointers[table[0]]}')", text)
        return duck.execute(text).fetchall()

    ((last,),) = ask(LAST)
    measure(last, ask, arguments.repeat)


main()
