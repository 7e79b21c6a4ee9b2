"""Trino's own Python client against a server: the DB-API, then SQLAlchemy."""

import datetime
import decimal
import sys
import urllib.parse

import sqlalchemy
import trino
from trino.exceptions import TrinoUserError

address = urllib.parse.urlparse(sys.argv[1])
place = {"host": address.hostname, "port": address.port}


def connect(**options):
    return trino.dbapi.connect(**place, user="check", catalog="depthlake", schema="normalized", **options)


def rows(sql, parameters=None, **options):
    cursor = connect(**options).cursor()
    cursor.execute(sql, parameters)
    return cursor.fetchall()


def check_types():
    utc = datetime.timezone.utc
    [[integer, exact, double, text, raw, day, moment, instant, array, mapping, row, nothing]] = rows(
        """SELECT 42, DECIMAL '1.50', 1e0, 'a"ü', X'00ff', DATE '2026-01-31',
                  TIMESTAMP '2026-01-31 12:30:00.123456', TIMESTAMP '2026-01-31 12:30:00.123456 UTC',
                  ARRAY[1, 2], MAP(ARRAY['k'], ARRAY[7]), ROW(1, 'x'), NULL"""
    )
    assert integer == 42 and exact == decimal.Decimal("1.50") and isinstance(double, float), (integer, exact, double)
    assert text == 'a"ü' and raw == b"\x00\xff" and day == datetime.date(2026, 1, 31), (text, raw, day)
    assert moment == datetime.datetime(2026, 1, 31, 12, 30, 0, 123456), moment
    assert instant == datetime.datetime(2026, 1, 31, 12, 30, 0, 123456, utc), instant
    assert array == [1, 2] and mapping == {"k": 7} and tuple(row) == (1, "x") and nothing is None, (array, mapping, row)


def check_pages():
    """More rows than fit into a page, all of them, in order."""
    got = rows("SELECT n FROM UNNEST(sequence(1, 9999)) AS t(n)")
    assert [n for [n] in got] == list(range(1, 10000)), len(got)
    wide = rows("SELECT rpad('x', 1000, 'y') FROM UNNEST(sequence(1, 5000)) AS t(n)")
    assert len(wide) == 5000 and all(len(text) == 1000 for [text] in wide)


def check_session():
    cursor = connect().cursor()
    cursor.execute("SELECT count(*) FROM trades")
    assert cursor.fetchone()[0] >= 0
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("USE tpch.tiny")
    cursor.fetchall()
    cursor.execute("SELECT count(*) FROM nation")
    assert cursor.fetchall() == [[25]]


def check_parameters():
    sql = "SELECT ? + 1, upper(?), ?"
    for option in ({}, {"legacy_prepared_statements": True}):
        got = rows(sql, [41, "a", decimal.Decimal("1.5")], **option)
        assert got == [[42, "A", decimal.Decimal("1.5")]], got
    cursor = connect().cursor()
    described = cursor.describe("SELECT count(*) AS n FROM depthlake.normalized.trades")
    assert described[0].name == "n", described


def check_errors():
    for sql, name in [
        ("SELEC 1", "SYNTAX_ERROR"),
        ("SELECT * FROM depthlake.normalized.nothing", "TABLE_NOT_FOUND"),
        ("SELECT nothing FROM depthlake.normalized.trades", "COLUMN_NOT_FOUND"),
        ("SELECT 1 / 0", "DIVISION_BY_ZERO"),
    ]:
        try:
            rows(sql)
        except TrinoUserError as error:
            assert error.error_name == name, (sql, error.error_name, error.message)
        else:
            raise AssertionError(f"{sql} was answered")


def check_cancelling():
    cursor = connect().cursor()
    cursor.execute("SELECT n FROM UNNEST(sequence(1, 10000)) AS t(n) CROSS JOIN UNNEST(sequence(1, 1000)) AS u(m)")
    cursor.fetchone()
    cursor.cancel()
    assert rows("SELECT 1") == [[1]]


def check_sqlalchemy():
    engine = sqlalchemy.create_engine(f"trino://check@{address.hostname}:{address.port}/depthlake/normalized")
    inspector = sqlalchemy.inspect(engine)
    assert {"normalized", "raw", "marts"} <= set(inspector.get_schema_names()), inspector.get_schema_names()
    assert "trades" in inspector.get_table_names(schema="normalized")
    columns = {column["name"]: str(column["type"]) for column in inspector.get_columns("trades", schema="normalized")}
    assert columns["price"] == "DECIMAL(18, 8)", columns
    with engine.connect() as connection:
        trades = sqlalchemy.Table("trades", sqlalchemy.MetaData(), schema="normalized", autoload_with=engine)
        counted = sqlalchemy.select(sqlalchemy.func.count()).select_from(trades)
        assert connection.execute(counted).scalar() >= 0
        few = sqlalchemy.select(trades.c.symbol).where(trades.c.price > 0).order_by(trades.c.symbol).limit(3)
        assert len(connection.execute(few).all()) == 3


for name, check in list(globals().items()):
    if name.startswith("check_"):
        check()
        print("ok", name)
