"""Live order books of a running depthlake, read from shared memory.

>>> import depthlake
>>> board = depthlake.Board("depthlake-data/board")
>>> book = board["BTCUSDT"]
>>> book.touch()
<Touch live: bid 0.34761 @ 60708.01, ask 2.11325 @ 60708.02>
>>> while book.wait(timeout=1.0):
...     print(book.read().features.microprice)

Prices and quantities are exact integers: a price of 6070801 at a ``price_scale`` of 2 is 60708.01. Methods and attributes that
give doubles say so. Times are nanoseconds since 1970 UTC; ``numpy.datetime64(time, "ns")`` turns them into dates.
"""

from ._depthlake import (
    LEVELS,
    Board,
    BoardError,
    Book,
    Counters,
    Features,
    Slot,
    Touch,
    Trade,
)

__all__ = [
    "LEVELS",
    "Board",
    "BoardError",
    "Book",
    "Counters",
    "Features",
    "Slot",
    "Touch",
    "Trade",
]
