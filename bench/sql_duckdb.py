#!/usr/bin/env python3
"""Times the queries of sql_bench on DuckDB's reader of the same Iceberg tables, on as many threads.

usage: sql_duckdb.py FOLDER [--repeat N] [--threads N]      (needs duckdb with its iceberg and avro extensions)

Prints the table that `sql_bench run FOLDER` prints.
"""
import argparse
import datetime
import glob
import re
import sqlite3
import time
from pathlib import Path

import duckdb

QUERIES = Path(__file__).parent / "src/bin/sql_bench/queries.sql"


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


def queries():
    for part in QUERIES.read_text().split("-- ")[1:]:
        title, text = part.split("\n", 1)
        yield title, text.strip().rstrip(";")


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
    tickers = pointers["normalized.book_ticker"]
    (last,) = duck.execute(f"SELECT max(event_time) FROM iceberg_scan('{tickers}')").fetchone()
    end = last.astimezone(datetime.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    end += datetime.timedelta(days=1)
    day = end - datetime.timedelta(days=1)
    minute = day + datetime.timedelta(minutes=754)
    places = {
        "last_hour": end - datetime.timedelta(hours=1),
        "minute": minute,
        "minute_end": minute + datetime.timedelta(minutes=1),
        "day": day,
        "day_end": end,
    }
    print("| query | rows | first, ms | p50, ms | p95, ms |\n| --- | ---: | ---: | ---: | ---: |")
    for title, text in queries():
        for name, moment in places.items():
            text = text.replace(f"{{{name}}}", moment.strftime("%Y-%m-%d %H:%M:%S"))
        text = re.sub(r"(normalized|marts)\.\w+", lambda table: f"iceberg_scan('{pointers[table[0]]}')", text)
        times = []
        for _ in range(arguments.repeat + 1):
            begun = time.perf_counter()
            rows = len(duck.execute(text).fetchall())
            times.append((time.perf_counter() - begun) * 1e3)
        first, *times = times
        times.sort()
        p50, p95 = times[len(times) // 2], times[min(len(times) * 95 // 100, len(times) - 1)]
        print(f"| {title} | {rows} | {first:.2f} | {p50:.2f} | {p95:.2f} |")


main()
