"""Draws the live ladder of one symbol: cumulative depth to both sides of the mid, and the microprice over time.

    python live_ladder.py depthlake-data/board BTCUSDT

With --save FILE.png it watches for some seconds and saves one picture instead of opening a window.
"""

from __future__ import annotations

import argparse
from collections import deque

import depthlake
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.axes import Axes
from numpy.typing import NDArray

BID, ASK = "#1a9850", "#d73027"
FRAMES_PER_SECOND = 20


class LiveLadder:
    """Two plots and what they show."""

    def __init__(self, slot: depthlake.Slot) -> None:
        self._slot = slot
        self._times: deque[np.datetime64] = deque(maxlen=600)
        self._mids: deque[float] = deque(maxlen=600)
        self._microprices: deque[float] = deque(maxlen=600)
        self.figure, (self._depth, self._history) = plt.subplots(2, 1, figsize=(9, 7), height_ratios=(2, 1), layout="constrained")

    def update(self) -> None:
        """Reads the book, if there is something newer, and draws it."""
        if not self._slot.wait(1 / FRAMES_PER_SECOND):
            return
        book = self._slot.read()
        title = f"{book.symbol}: {book.state} at update {book.update_id}"
        if book.features is not None:
            self._times.append(np.datetime64(book.publish_time, "ns"))
            self._mids.append(book.features.mid)
            self._microprices.append(book.features.microprice)
            title += f", spread {book.features.spread:g} ({book.features.spread_bps:.3f} bp)"
        self._draw_depth(title, book)
        self._draw_history()

    def _draw_depth(self, title: str, book: depthlake.Book) -> None:
        axes = cleared(self._depth)
        for side, colour, name in [(book.bids_float(), BID, "bids"), (book.asks_float(), ASK, "asks")]:
            prices, quantities = side.T
            axes.bar(prices, quantities, width=step(prices), color=colour, alpha=0.8, label=name)
            axes.step(prices, np.cumsum(quantities), where="mid", color=colour, label=f"{name}, cumulative")
        axes.set(title=title, xlabel="price", ylabel="quantity")
        axes.legend(loc="upper center", ncols=2)

    def _draw_history(self) -> None:
        axes = cleared(self._history)
        axes.plot(self._times, self._mids, color="0.6", label="mid")
        axes.plot(self._times, self._microprices, color="tab:blue", linewidth=1, label="microprice")
        axes.set(ylabel="price")
        axes.legend(ncols=2)


def cleared(axes: Axes) -> Axes:
    axes.clear()
    axes.ticklabel_format(useOffset=False, style="plain")
    axes.grid(alpha=0.3)
    return axes


def step(prices: NDArray[np.float64]) -> float:
    """The smallest distance of two prices; 1 where there are not two."""
    return float(np.abs(np.diff(prices)).min()) if len(prices) > 1 else 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("board", help="e.g. depthlake-data/board")
    parser.add_argument("symbol", help="e.g. BTCUSDT")
    parser.add_argument("--save", metavar="FILE.png", help="save a picture instead of opening a window")
    arguments = parser.parse_args()

    with depthlake.Board(arguments.board) as board:
        ladder = LiveLadder(board[arguments.symbol])
        if arguments.save:
            for _ in range(3 * FRAMES_PER_SECOND):
                ladder.update()
            ladder.figure.savefig(arguments.save, dpi=100)
        else:
            interval = 1000 // FRAMES_PER_SECOND
            animation = FuncAnimation(ladder.figure, lambda _: ladder.update(), interval=interval, cache_frame_data=False)
            plt.show()
            del animation


if __name__ == "__main__":
    main()
