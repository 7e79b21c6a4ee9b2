from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Final, Iterator, Literal, final, overload

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEVELS", "Board", "Book", "Counters", "Features", "Trade", "BoardError", "Slot", "Touch"]

LEVELS: Final[int]
"""The levels that a board shows of each side."""

_State = Literal["waiting", "live", "resyncing", "stale", "halted"]

class BoardError(Exception):
    """A board that cannot be read, and why."""

@final
class Board:
    """The live books of a running depthlake, e.g. ``Board("depthlake-data/board")``.

    A mapping from symbols to slots that is read from shared memory, without locks and without slowing the writer down.
    When the writer has been restarted, its new board is taken up by itself.

    Raises FileNotFoundError where there is no board, and BoardError where it is not one that this version reads.
    """

    def __new__(cls, path: str | PathLike[str]) -> Board: ...
    @property
    def path(self) -> Path: ...
    @property
    def symbols(self) -> list[str]:
        """All symbols, in the order of the board."""
    @property
    def is_alive(self) -> bool:
        """Whether somebody still writes this board, or the one that a restarted writer has put in its place."""
    @property
    def writer_pid(self) -> int:
        """The process that writes the board."""
    @property
    def heartbeat(self) -> int:
        """When the writer last said that it is alive, in nanoseconds since 1970 UTC."""
    def close(self) -> None:
        """Lets go of the board. Slots got from it stay readable."""
    def __getitem__(self, key: str, /) -> Slot: ...
    def __contains__(self, key: str, /) -> bool: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Slot]:
        """All slots, in the order of the board."""
    def __enter__(self) -> Board: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

@final
class Slot:
    """One symbol's live book, through restarts of its writer.

    Every method that reads copies what it gives out of shared memory, for only a copy can be checked to be of one write.
    Where even a new array is too much, ``ladder(out=...)`` copies into yours.
    """

    @property
    def symbol(self) -> str: ...
    def touch(self) -> Touch:
        """The best bid and ask: the cheapest thing to read."""
    def read(self) -> Book:
        """Everything, of one and the same write."""
    def bids(self) -> NDArray[np.int64]:
        """Exact bids, best first: a new array of shape (levels, 2) with price and quantity in units."""
    def asks(self) -> NDArray[np.int64]:
        """Exact asks, best first: a new array of shape (levels, 2) with price and quantity in units."""
    def bids_float(self) -> NDArray[np.float64]:
        """Bids, best first: a new array of shape (levels, 2) with price and quantity."""
    def asks_float(self) -> NDArray[np.float64]:
        """Asks, best first: a new array of shape (levels, 2) with price and quantity."""
    @overload
    def ladder(self, out: None = None) -> NDArray[np.int64]: ...
    @overload
    def ladder(self, out: NDArray[np.int64]) -> NDArray[np.int64]: ...
    @overload
    def ladder(self, out: NDArray[np.float64]) -> NDArray[np.float64]:
        """Both sides of one and the same write, in an array of shape (2, LEVELS, 2): side, level, price and quantity.

        Fills ``out``, if given, and returns it: exact units if it is int64, numbers if it is float64. It must be contiguous.
        A level that is not there has quantity 0, and price 0 or nan.
        """
    def wait(self, timeout: float | None = None, *, spin: bool = False) -> bool:
        """Waits until there is something newer than what was last read through this object; True if there is.

        False after ``timeout`` seconds, also when the writer is gone (see ``Board.is_alive``). A restarted writer's board is
        taken up here, and counts as newer. Other Python threads run meanwhile. With ``spin`` the wait takes a whole core and
        ends within some microseconds of the change; without, mostly within a fraction of a millisecond.
        """
    def refresh(self) -> bool:
        """Takes up the board of a restarted writer, if there is one; True if there was. For those who read without ``wait``."""

@final
class Touch:
    """The best bid and ask of one moment. A side that is empty is None."""

    @property
    def state(self) -> _State:
        """"live" if the book equals the venue's at ``update_id``."""
    @property
    def update_id(self) -> int:
        """The venue's id of the last update applied."""
    @property
    def publish_time(self) -> int:
        """When the book with the last update was written to the board, in nanoseconds since 1970 UTC."""
    @property
    def price_scale(self) -> int:
        """Decimal places of prices: ``bid_price == bid_price_units / 10**price_scale``."""
    @property
    def quantity_scale(self) -> int:
        """Decimal places of quantities."""
    @property
    def bid_price(self) -> float | None: ...
    @property
    def bid_quantity(self) -> float | None: ...
    @property
    def ask_price(self) -> float | None: ...
    @property
    def ask_quantity(self) -> float | None: ...
    @property
    def bid_price_units(self) -> int | None:
        """The exact price, in units of ``10**-price_scale``."""
    @property
    def bid_quantity_units(self) -> int | None:
        """The exact quantity, in units of ``10**-quantity_scale``."""
    @property
    def ask_price_units(self) -> int | None:
        """The exact price, in units of ``10**-price_scale``."""
    @property
    def ask_quantity_units(self) -> int | None:
        """The exact quantity, in units of ``10**-quantity_scale``."""

@final
class Book:
    """One whole book at one moment: both sides, features, last trade and counters are of the same write."""

    @property
    def symbol(self) -> str: ...
    @property
    def state(self) -> _State:
        """"live" if the book equals the venue's at ``update_id``."""
    @property
    def epoch(self) -> int:
        """Counts the snapshots the book was built on."""
    @property
    def update_id(self) -> int:
        """The venue's id of the last update applied."""
    @property
    def event_time(self) -> int:
        """When the venue made the last update, in nanoseconds since 1970 UTC."""
    @property
    def receive_time(self) -> int:
        """When its frame was received, in nanoseconds since 1970 UTC."""
    @property
    def publish_time(self) -> int:
        """When the book with the last update was written to the board, in nanoseconds since 1970 UTC."""
    @property
    def price_scale(self) -> int:
        """Decimal places of all prices."""
    @property
    def quantity_scale(self) -> int:
        """Decimal places of all quantities."""
    @property
    def bid_horizon(self) -> int | None:
        """Below this price, in units, the bid side is unknown; None where all of it is known."""
    @property
    def ask_horizon(self) -> int | None:
        """Above this price, in units, the ask side is unknown; None where all of it is known."""
    @property
    def features(self) -> Features | None:
        """None while a side is empty."""
    @property
    def order_flow_imbalance(self) -> float:
        """Order-flow imbalance since the epoch began, in base currency."""
    @property
    def last_trade(self) -> Trade | None:
        """None before the first trade."""
    @property
    def counters(self) -> Counters: ...
    def bids(self) -> NDArray[np.int64]:
        """Exact bids, best first: a new array of shape (levels, 2) with price and quantity in units."""
    def asks(self) -> NDArray[np.int64]:
        """Exact asks, best first: a new array of shape (levels, 2) with price and quantity in units."""
    def bids_float(self) -> NDArray[np.float64]:
        """Bids, best first: a new array of shape (levels, 2) with price and quantity."""
    def asks_float(self) -> NDArray[np.float64]:
        """Asks, best first: a new array of shape (levels, 2) with price and quantity."""

@final
class Features:
    """Derived figures; None stands for what reaches beyond the part of the book that is known."""

    @property
    def mid(self) -> float:
        """(bid + ask) / 2, in quote currency."""
    @property
    def spread(self) -> float:
        """ask - bid, in quote currency."""
    @property
    def spread_bps(self) -> float:
        """Spread over mid, in basis points."""
    @property
    def microprice(self) -> float:
        """Mid weighted by the opposite side's quantity, in quote currency."""
    @property
    def imbalance(self) -> tuple[float | None, float | None, float | None, float | None]:
        """Of the best 1, 5, 10 and 20 levels, from -1 (only asks) to 1 (only bids)."""
    @property
    def bid_depth(self) -> tuple[float | None, float | None, float | None]:
        """What rests on the bid side within 5, 10 and 25 basis points of mid, in quote currency."""
    @property
    def ask_depth(self) -> tuple[float | None, float | None, float | None]:
        """The same of the ask side."""

@final
class Trade:
    """The last trade."""

    @property
    def price(self) -> float: ...
    @property
    def quantity(self) -> float: ...
    @property
    def price_units(self) -> int:
        """In units of ``10**-price_scale``."""
    @property
    def quantity_units(self) -> int:
        """In units of ``10**-quantity_scale``."""
    @property
    def taker(self) -> Literal["buyer", "seller"]:
        """Who crossed the spread."""
    @property
    def time(self) -> int:
        """When it was made, in nanoseconds since 1970 UTC."""

@final
class Counters:
    """What has happened to a symbol's feed since the writer started."""

    @property
    def events_applied(self) -> int: ...
    @property
    def gaps(self) -> int: ...
    @property
    def resyncs(self) -> int: ...
    @property
    def dead_letters(self) -> int: ...
    @property
    def ticker_agreements(self) -> int:
        """How often the book's best bid and ask equalled the venue's own at the same update id."""
    @property
    def ticker_disagreements(self) -> int:
        """How often they did not: any at all is a bug."""
