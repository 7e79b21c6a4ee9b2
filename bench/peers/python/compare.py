"""PyPI's `order_book` (cryptofeed's order book in C) on the recorded events.

    pip install order_book
    python compare.py [ROUNDS]

What is timed is what cryptofeed's users have: each level of an event is set or deleted on a side, one statement a level, then
the best five of both sides are read with `index`. Levels are parsed beforehand, once to `Decimal` (as cryptofeed does) and
once to `float`; the last figure has the parsing to `Decimal` in it. The book sorts its prices anew when it is read after a
change, so there are figures without the reading as well. depthlake has no Python book beside it here: its
Python package reads books that the engine keeps, it applies no updates, so only the cost of reading could be compared.

The recordings are found as everywhere: in the folder beside the checkout or the one that DEPTHLAKE_SHARED names.
"""

import gzip
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from order_book import OrderBook

FEW_EVENTS = 1_000
DEPTH = 5

Levels = list[tuple[str, str]]
Event = tuple[Levels, Levels]


class Track(NamedTuple):
    name: str
    snapshot: Event
    events: list[Event]


def messages(folder: Path) -> Iterator[tuple[str, dict]]:
    """Depth events and REST books of a recording, each with its symbol."""
    for path in sorted(folder.glob("*.gz")):
        symbol = ""
        books = []
        for line in gzip.open(path, "rt"):
            message = json.loads(line.split(" ", 1)[1])
            if "lastUpdateId" in message:
                books.append(message)
                continue
            event = message.get("data", message)
            symbol = event.get("s", symbol)
            yield from ((symbol, book) for book in books)
            books.clear()
            if event.get("e") == "depthUpdate":
                yield symbol, event
    if (folder / "ws.txt").exists():
        for line in (folder / "http.txt").open():
            address, _, rest = line.partition(" -> ")
            if "/depth?" in address:
                symbol = address.split("symbol=")[1].split("&")[0]
                yield symbol, json.loads(rest.split(": ", 1)[1])
        for line in (folder / "ws.txt").open():
            _, is_message, text = line.partition(": ")
            if not is_message:
                continue
            event = json.loads(text)["data"]
            if event.get("e") == "depthUpdate":
                yield event["s"], event


def tracks(folder: Path) -> list[Track]:
    """Each symbol's first book and the events that follow it."""
    books: dict[str, dict] = {}
    events: dict[str, list[dict]] = {}
    for symbol, message in messages(folder):
        if "lastUpdateId" in message:
            books.setdefault(symbol, message)
        else:
            events.setdefault(symbol, []).append(message)

    def follows(symbol: str, event: dict) -> bool:
        last = books[symbol]["lastUpdateId"]
        return event["u"] > last or ("pu" in event and event["u"] == last)

    def levels(message: dict, bids: str, asks: str) -> Event:
        return [tuple(level) for level in message[bids]], [tuple(level) for level in message[asks]]

    return [
        Track(
            f"{folder.name}/{symbol}",
            levels(books[symbol], "bids", "asks"),
            [levels(event, "b", "a") for event in events[symbol] if follows(symbol, event)],
        )
        for symbol in sorted(books.keys() & events.keys())
    ]


def parsed(event: Event, number: Callable) -> tuple[list, list]:
    bids, asks = ([(number(price), number(amount)) for price, amount in side] for side in event)
    return bids, asks


def apply(book: OrderBook, bids: list, asks: list) -> None:
    for side, levels in ((book.bids, bids), (book.asks, asks)):
        for price, amount in levels:
            if amount == 0:
                if price in side:
                    del side[price]
            else:
                side[price] = amount


def best_five(book: OrderBook) -> list:
    return [
        [side.index(place) for place in range(min(DEPTH, len(side)))] for side in (book.bids, book.asks)
    ]


def loaded(track: Track, number: Callable) -> OrderBook:
    book = OrderBook()
    apply(book, *parsed(track.snapshot, number))
    return book


def play_parsed(track: Track, number: Callable, reads: bool) -> float:
    book, events = loaded(track, number), [parsed(event, number) for event in track.events]
    begun = time.perf_counter()
    for bids, asks in events:
        apply(book, bids, asks)
        if reads:
            best_five(book)
    return time.perf_counter() - begun


def play_text(track: Track) -> float:
    book = loaded(track, Decimal)
    begun = time.perf_counter()
    for event in track.events:
        apply(book, *parsed(event, Decimal))
        best_five(book)
    return time.perf_counter() - begun


def check(track: Track) -> None:
    """The best five after the last event must be those of two dictionaries."""
    book, twin = loaded(track, Decimal), ({}, {})
    for event in [track.snapshot, *track.events]:
        for side, levels in zip(twin, parsed(event, Decimal), strict=True):
            side.update(levels)
        apply(book, *parsed(event, Decimal))
    bids, asks = ([(price, amount) for price, amount in side.items() if amount] for side in twin)
    assert best_five(book) == [sorted(bids, reverse=True)[:DEPTH], sorted(asks)[:DEPTH]], track.name


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    shared = os.environ.get("DEPTHLAKE_SHARED", Path(__file__).parents[4] / "shared")
    found = [track for folder in sorted(Path(shared, "data").iterdir()) if folder.is_dir() for track in tracks(folder)]
    large = [[track] for track in found if len(track.events) >= FEW_EVENTS]
    small = [track for track in found if len(track.events) < FEW_EVENTS]
    ways = {
        "Decimal, never read": lambda track: play_parsed(track, Decimal, reads=False),
        "float, never read": lambda track: play_parsed(track, float, reads=False),
        "Decimal": lambda track: play_parsed(track, Decimal, reads=True),
        "float": lambda track: play_parsed(track, float, reads=True),
        "text to Decimal": play_text,
    }
    print(f"order_book {version('order_book')}, Python {sys.version.split()[0]}, {rounds} rounds\n")
    print(f"Nanoseconds a level, median (shortest).\n\n| recording | {' | '.join(ways)} |\n| --- |{' ---: |' * len(ways)}")
    for played in [*large, small]:
        for track in played:
            check(track)
        count = sum(len(bids) + len(asks) for track in played for bids, asks in track.events)
        times = {way: [] for way in ways}
        for _ in range(rounds):
            for way, play in ways.items():
                times[way].append(sum(map(play, played)) / count * 1e9)
        name = played[0].name if len(played) == 1 else f"2021, {len(played)} small symbols"
        cells = " | ".join(f"{statistics.median(each):.0f} ({min(each):.0f})" for each in times.values())
        print(f"| {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
