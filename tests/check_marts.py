#!/usr/bin/env python3
"""Computes every mart of a lake again, in plain loops over the rows that DuckDB reads, and compares.

usage: check_marts.py CATALOG_DB      (needs duckdb with its iceberg and avro extensions)

Shares no code and no SQL with the project. Prints how many rows of each mart were compared; exit status 1 where one
differs, is missing, or is too many.
"""
import bisect
import glob
import math
import re
import sqlite3
import sys
from collections import defaultdict
from pathlib import Path

import duckdb
import duckdb_extension_avro
import duckdb_extension_iceberg

MINUTE = 60_000_000


class Lake:
    def __init__(self, catalog):
        self.duck = duckdb.connect(config={"allow_unsigned_extensions": "true"})
        self.duck.execute("SET TimeZone = 'UTC'")
        for name, package in (("avro", duckdb_extension_avro), ("iceberg", duckdb_extension_iceberg)):
            (file,) = glob.glob(f"{Path(package.__file__).parent}/**/{name}.duckdb_extension", recursive=True)
            self.duck.execute(f"INSTALL '{file}'")
            self.duck.execute(f"LOAD {name}")
        rows = sqlite3.connect(catalog).execute(
            "SELECT table_namespace || '.' || table_name, metadata_location FROM iceberg_tables"
        )
        self.locations = dict(rows.fetchall())

    def rows(self, query):
        for table in sorted(self.locations, key=len, reverse=True):
            query = re.sub(rf"\b{re.escape(table)}\b", f"iceberg_scan('{self.locations[table]}')", query)
        cursor = self.duck.execute(query)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor.fetchall()]


def ohlcv(lake):
    trades = lake.rows(
        "SELECT symbol, kind, trade_id, epoch_us(trade_time) AS time, price, quantity, taker_side,"
        " coalesce(last_trade_id - first_trade_id, 0) + 1 AS parts FROM normalized.trades ORDER BY trade_id"
    )
    kinds = defaultdict(dict)
    for trade in trades:
        key = (trade["symbol"], trade["time"] - trade["time"] % MINUTE)
        kinds[key].setdefault(trade["kind"], {}).setdefault(trade["trade_id"], trade)
    bars = {}
    for key, of_kind in kinds.items():
        parts = {kind: sum(trade["parts"] for trade in trades.values()) for kind, trades in of_kind.items()}
        kind = max(parts, key=lambda kind: (parts[kind], kind))
        chosen = list(of_kind[kind].values())
        prices = [trade["price"] for trade in chosen]
        bought = [trade for trade in chosen if trade["taker_side"] == "buy"]
        bars[key] = dict(
            open=prices[0], high=max(prices), low=min(prices), close=prices[-1], trades=len(chosen),
            volume=sum(trade["quantity"] for trade in chosen),
            quote_volume=sum(trade["price"] * trade["quantity"] for trade in chosen),
            taker_buy_volume=sum(trade["quantity"] for trade in bought),
            taker_buy_quote_volume=sum(trade["price"] * trade["quantity"] for trade in bought),
        )
        bars[key]["vwap"] = float(bars[key]["quote_volume"]) / float(bars[key]["volume"])
    # Only bars that the engine has closed are in the lake.
    closed = {(row["symbol"], row["minute"]) for row in lake.rows(
        "SELECT symbol, epoch_us(open_time) AS minute FROM normalized.ohlcv_1m WHERE is_current")}
    bars = {key: bar for key, bar in bars.items() if key in closed}
    by_symbol = defaultdict(list)
    for symbol, minute in sorted(bars):
        by_symbol[symbol].append(minute)
    for (symbol, minute), bar in bars.items():
        minutes = by_symbol[symbol]
        before = bisect.bisect_left(minutes, minute) - 1
        near = before >= 0 and minute - minutes[before] <= 60 * MINUTE
        growth = float(bar["close"]) / float(bars[symbol, minutes[before]]["close"]) if near else None
        bar["simple_return"] = growth - 1 if near else None
        bar["log_return"] = math.log(growth) if near else None
    for (symbol, minute), bar in bars.items():
        minutes = by_symbol[symbol]
        for window in (30, 60):
            inside = [m for m in minutes if minute - window * MINUTE < m <= minute]
            reaches = any(minute - 65 * MINUTE <= m <= minute - window * MINUTE for m in minutes)
            squares = [bars[symbol, m]["log_return"] ** 2 for m in inside if bars[symbol, m]["log_return"] is not None]
            year = math.sqrt(sum(squares) * 525_600 / window) if reaches and squares else None
            bar[f"realised_volatility_{window}m"] = year
    return bars


FEATURES = ["spread_bps", "imbalance", "microprice"] + [
    f"{side}_depth_{bps}bps" for side in ("bid", "ask") for bps in (5, 10, 25)
]


def liquidity(lake):
    states = defaultdict(list)
    for row in lake.rows(
        "SELECT *, imbalance_5 AS imbalance, epoch_us(event_time) AS since FROM normalized.book_ticker"
    ):
        states[row["symbol"]].append((row["since"], 1, row["update_id"], row))
    for row in lake.rows(
        "SELECT symbol, epoch_us(received_at) - not_live_ns // 1000 AS since FROM ops.feed_events"
        " WHERE kind = 'resync' AND symbol IS NOT NULL AND not_live_ns IS NOT NULL"
    ):
        states[row["symbol"]].append((row["since"], 0, 0, None))
    rows = {}
    for symbol, line in states.items():
        line.sort(key=lambda state: state[:3])
        pieces = defaultdict(list)
        updates, last = defaultdict(int), {}
        for index, (since, _, _, state) in enumerate(line):
            minute = since - since % MINUTE
            following = line[index + 1][0] if index + 1 < len(line) else None
            pieces[minute].append((state, min(following or minute + MINUTE, minute + MINUTE) - since))
            if following is not None and following - since <= 5 * MINUTE and following - following % MINUTE > since:
                pieces[following - following % MINUTE].append((state, following % MINUTE))
            if state is not None:
                updates[minute] += 1
                last[minute] = state["microprice"]
        for minute, count in updates.items():
            row = dict(updates=count, last_microprice=last[minute])
            row["covered_seconds"] = sum(length for state, length in pieces[minute] if state is not None) / 1e6
            for feature in FEATURES:
                known = [(state[feature], length) for state, length in pieces[minute]
                         if state is not None and state[feature] is not None]
                total = sum(length for _, length in known)
                row[feature] = sum(value * length for value, length in known) / total if total else None
            rows[symbol, minute] = row
    return rows


def percentile(values, fraction):
    if not values:
        return None
    values = sorted(values)
    place = (len(values) - 1) * fraction
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def health(lake, promised=10, gaps_per_hour=6.0):
    messages, lags, latest, heard = defaultdict(int), defaultdict(list), {}, defaultdict(set)
    for table in ("raw.orderbook_diffs", "raw.trades"):
        for row in lake.rows(
            f"SELECT symbol, epoch_us(received_at) AS received, epoch_us(event_time) AS event FROM {table}"
            " WHERE symbol IS NOT NULL"
        ):
            key = (row["symbol"], row["received"] // MINUTE)
            messages[key] += 1
            heard[row["symbol"]].add(row["received"] // 1_000_000)
            if row["event"] is not None:
                lags[key].append((row["received"] - row["event"]) / 1000)
                latest[key] = max(latest.get(key, row["event"]), row["event"])
    published = defaultdict(list)
    for table in ("normalized.book_ticker", "normalized.trades"):
        for row in lake.rows(
            f"SELECT symbol, epoch_us(received_at) AS received, epoch_us(published_at) - epoch_us(event_time) AS lag FROM {table}"
        ):
            published[row["symbol"], row["received"] // MINUTE].append(row["lag"] / 1000)
    events = defaultdict(int)
    for row in lake.rows("SELECT symbol, kind, epoch_us(received_at) AS received FROM ops.feed_events"):
        events[row["symbol"], row["received"] // MINUTE, row["kind"]] += 1
    observed = {minute for _, minute in messages}
    rows = {}
    recent = {(name, m + later) for name, m in messages for later in range(15)}
    expected = {minute: sum((name, minute) in recent for name in heard) for minute in observed}
    for symbol in heard:
        seconds = sorted(heard[symbol])
        of_symbol = {minute for name, minute in messages if name == symbol}
        for minute in observed:
            if not any(minute - 15 < m <= minute for m in of_symbol):
                continue
            stale_seconds = 0
            for second in range(minute * 60, minute * 60 + 60):
                index = bisect.bisect_right(seconds, second) - 1
                stale_seconds += index >= 0 and second - seconds[index] > promised
            key = (symbol, minute)
            times = [latest[symbol, m] for m in of_symbol if minute - 15 < m <= minute and (symbol, m) in latest]
            row = dict(
                messages=messages.get(key, 0), gaps=events[symbol, minute, "gap"],
                resyncs=events[symbol, minute, "resync"], seconds_stale=stale_seconds,
                watermark_lag_seconds=((minute + 1) * MINUTE - max(times)) / 1e6 if times else None,
                receive_lag_p50_ms=percentile(lags[key], 0.5), receive_lag_p99_ms=percentile(lags[key], 0.99),
                event_lag_p50_ms=percentile(published[key], 0.5), event_lag_p99_ms=percentile(published[key], 0.99),
            )
            gaps = sum(count for (_, m, kind), count in events.items() if kind == "gap" and minute - 5 < m <= minute)
            breached = stale_seconds > 0 or gaps * 12 / expected[minute] > gaps_per_hour
            row["sla_status"] = "no_data" if not row["messages"] else "breached" if breached else "ok"
            rows[symbol, minute * MINUTE] = row
    return rows


def same(ours, theirs):
    if isinstance(ours, float) and isinstance(theirs, (float, int)):
        return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-9)
    return ours == theirs


def compare(lake, mart, minute, expected):
    found = {(row["symbol"], row["at"]): row for row in lake.rows(f"SELECT *, epoch_us({minute}) AS at FROM {mart}")}
    wrong = [f"{mart} {key}: missing" for key in expected.keys() - found.keys()]
    wrong += [f"{mart} {key}: not expected" for key in found.keys() - expected.keys()]
    for key in expected.keys() & found.keys():
        for column, value in expected[key].items():
            if not same(found[key][column], value):
                wrong.append(f"{mart} {key} {column}: {found[key][column]}, expected {value}")
    print(f"{mart}: {len(found)} rows compared")
    return wrong


def main():
    lake = Lake(sys.argv[1])
    wrong = compare(lake, "marts.mart_ohlcv", "open_time", ohlcv(lake))
    wrong += compare(lake, "marts.mart_liquidity", "minute", liquidity(lake))
    wrong += compare(lake, "marts.mart_exchange_health", "minute", health(lake))
    print("\n".join(wrong[:50]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
