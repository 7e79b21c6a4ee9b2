"""The queries of `sql_bench`, with the times of the table that they are asked of, and how they are timed."""
import datetime
import time
from pathlib import Path

TEXTS = Path(__file__).parent.parent / "src/bin/sql_bench/queries.sql"
LAST = "SELECT max(event_time) FROM normalized.book_ticker"


def queries(last):
    """Titles and texts, for a table whose last row is of this time: the last hour, a minute, and the last day."""
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
    for part in TEXTS.read_text().split("-- ")[1:]:
        title, text = part.split("\n", 1)
        for name, moment in places.items():
            text = text.replace(f"{{{name}}}", moment.strftime("%Y-%m-%d %H:%M:%S"))
        yield title, text.strip().rstrip(";")


def measure(last, ask, repeat):
    """Asks each query once, and then so often, and prints the table that `sql_bench run` prints."""
    print("| query | rows | first, ms | p50, ms | p95, ms |\n| --- | ---: | ---: | ---: | ---: |")
    for title, text in queries(last):
        times = []
        for _ in range(repeat + 1):
            begun = time.perf_counter()
            rows = len(ask(text))
            times.append((time.perf_counter() - begun) * 1e3)
        first, *times = times
        times.sort()
        p50, p95 = times[len(times) // 2], times[min(len(times) * 95 // 100, len(times) - 1)]
        print(f"| {title} | {rows} | {first:.2f} | {p50:.2f} | {p95:.2f} |")
