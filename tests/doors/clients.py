"""Asks a running depthlake by each door, with the clients that people use, and prints the last bar that each shows as JSON.

usage: clients.py HTTP POSTGRES SYMBOL       (as 127.0.0.1:8080)
"""

import datetime
import decimal
import glob
import json
import sys
from pathlib import Path

import adbc_driver_flightsql.dbapi
import duckdb
import duckdb_extension_avro
import duckdb_extension_httpfs
import duckdb_extension_iceberg
import psycopg
import sqlalchemy
import trino
from pyiceberg.catalog.rest import RestCatalog

LAST = "SELECT open_time, close FROM marts.mart_ohlcv WHERE symbol = {} ORDER BY open_time DESC LIMIT 1"


def bar(row):
    """A bar as every client must show it."""
    time, close = row
    assert isinstance(time, datetime.datetime) and isinstance(close, decimal.Decimal), row
    return [time.astimezone(datetime.timezone.utc).isoformat(), str(close.normalize())]


def by_trino(http, symbol):
    host, port = http.split(":")
    with trino.dbapi.connect(host=host, port=int(port), user="ana", catalog="depthlake") as connection:
        cursor = connection.cursor()
        return bar(cursor.execute(LAST.format("?"), (symbol,)).fetchone())


def by_psycopg(postgres, symbol, binary):
    host, port = postgres.split(":")
    with psycopg.connect(host=host, port=port, user="ana", dbname="depthlake", autocommit=True) as connection:
        with connection.cursor(binary=binary) as cursor:
            return bar(cursor.execute(LAST.format("%s"), (symbol,)).fetchone())


def by_sqlalchemy(postgres, symbol):
    engine = sqlalchemy.create_engine(f"postgresql+psycopg://ana@{postgres}/depthlake")
    inspector = sqlalchemy.inspect(engine)
    assert "marts" in inspector.get_schema_names()
    assert "mart_ohlcv" in inspector.get_table_names("marts")
    assert not inspector.has_table("nothing", schema="marts")
    (comment,) = inspector.get_table_comment("mart_ohlcv", schema="marts").values()
    assert comment
    assert inspector.get_pk_constraint("mart_ohlcv", schema="marts")["constrained_columns"] == []
    assert inspector.get_foreign_keys("mart_ohlcv", schema="marts") == []
    assert inspector.get_indexes("mart_ohlcv", schema="marts") == []
    assert inspector.get_domains(schema="marts") == []
    everything = sqlalchemy.MetaData()
    everything.reflect(engine, schema="intermediate", views=True)
    assert "intermediate.int_bars_of_trades" in everything.tables
    bars = sqlalchemy.Table("mart_ohlcv", sqlalchemy.MetaData(), schema="marts", autoload_with=engine)
    types = {column.name: column.type for column in bars.columns}
    assert types["open_time"].timezone and (types["close"].precision, types["close"].scale) == (18, 8), types
    last = sqlalchemy.select(bars.c.open_time, bars.c.close).where(bars.c.symbol == symbol)
    with engine.connect() as connection:
        return bar(connection.execute(last.order_by(bars.c.open_time.desc()).limit(1)).one())


def by_flight(http, symbol):
    with adbc_driver_flightsql.dbapi.connect(f"grpc://{http}") as connection, connection.cursor() as cursor:
        assert "mart_ohlcv" in str(connection.adbc_get_objects(depth="tables").read_all().to_pylist())
        cursor.execute(LAST.format("?"), (symbol,))
        table = cursor.fetch_arrow_table()
        return bar(tuple(column[0].as_py() for column in table.columns))


def by_pyiceberg(http, symbol):
    catalog = RestCatalog("depthlake", uri=f"http://{http}/iceberg")
    bars = catalog.load_table("marts.mart_ohlcv").scan(f"symbol == '{symbol}'").to_arrow().sort_by("open_time")
    return bar((bars["open_time"][-1].as_py(), bars["close"][-1].as_py()))


def by_duckdb(http, symbol):
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    extensions = {"httpfs": duckdb_extension_httpfs, "avro": duckdb_extension_avro, "iceberg": duckdb_extension_iceberg}
    for name, package in extensions.items():
        (file,) = glob.glob(f"{Path(package.__file__).parent}/**/{name}.duckdb_extension", recursive=True)
        connection.execute(f"INSTALL '{file}'")
        connection.execute(f"LOAD {name}")
    connection.execute(f"ATTACH '' AS depthlake (TYPE iceberg, ENDPOINT 'http://{http}/iceberg', AUTHORIZATION_TYPE 'none')")
    # Without its time zones DuckDB gives the time as seconds.
    query = LAST.format("?").replace("FROM ", "FROM depthlake.").replace("open_time, close", "epoch_us(open_time), close")
    microseconds, close = connection.execute(query, (symbol,)).fetchone()
    return bar((datetime.datetime.fromtimestamp(microseconds / 1e6, datetime.timezone.utc), close))


def main():
    http, postgres, symbol = sys.argv[1:]
    answers = {
        "trino": by_trino(http, symbol),
        "psycopg": by_psycopg(postgres, symbol, False),
        "psycopg, binary": by_psycopg(postgres, symbol, True),
        "sqlalchemy": by_sqlalchemy(postgres, symbol),
        "flight": by_flight(http, symbol),
        "pyiceberg": by_pyiceberg(http, symbol),
        "duckdb": by_duckdb(http, symbol),
    }
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
