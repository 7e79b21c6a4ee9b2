"""What is read of a slot, and waiting for it."""

from __future__ import annotations

import struct
import threading
import time

import depthlake
import numpy as np
import pytest
from conftest import PATIENCE, Writer
from layout import HEADER_SIZE, raw_slot
from numpy.testing import assert_array_equal


def test_what_is_read_is_what_lies_in_the_file(board: depthlake.Board, writer: Writer) -> None:
    writer.kill()
    raw, slot = raw_slot(writer.path, 1), board["ETHUSDT"]
    assert raw.sequence % 2 == 0 and raw.symbol == "ETHUSDT"
    book = slot.read()
    assert book.symbol == "ETHUSDT" and book.state == "live" and raw.state == 1
    assert (book.price_scale, book.quantity_scale) == (raw.price_scale, raw.quantity_scale) == (2, 5)
    assert (book.update_id, book.epoch) == (raw.update_id, raw.epoch)
    assert (book.event_time, book.receive_time) == (raw.event_time, raw.receive_time)
    assert book.publish_time == raw.publish_time
    assert (book.bid_horizon, book.ask_horizon) == (raw.bid_horizon, raw.ask_horizon)
    assert_array_equal(book.bids(), raw.bids)
    assert_array_equal(book.asks(), raw.asks)
    assert_array_equal(slot.bids(), raw.bids)
    assert_array_equal(slot.asks(), raw.asks)

    features = book.features
    assert features is not None
    whole = (features.mid, features.spread_bps, features.microprice)
    assert (*whole, *features.imbalance, *features.bid_depth, *features.ask_depth) == raw.doubles[:13]
    assert features.spread == (raw.asks[0][0] - raw.bids[0][0]) / 100
    assert book.order_flow_imbalance == raw.doubles[13]

    trade = book.last_trade
    assert trade is not None
    assert (trade.price_units, trade.quantity_units, trade.time) == raw.trade
    assert (trade.price, trade.quantity) == (raw.trade[0] / 1e2, raw.trade[1] / 1e5)
    assert trade.taker == {1: "buyer", 2: "seller"}[raw.trade_taker]
    counters = book.counters
    feed = (counters.events_applied, counters.gaps, counters.resyncs, counters.dead_letters)
    assert (*feed, counters.ticker_agreements, counters.ticker_disagreements) == raw.counters

    touch = slot.touch()
    assert (touch.bid_price_units, touch.bid_quantity_units) == raw.bids[0]
    assert (touch.ask_price_units, touch.ask_quantity_units) == raw.asks[0]
    assert (touch.bid_price, touch.bid_quantity) == (raw.bids[0][0] / 1e2, raw.bids[0][1] / 1e5)
    assert (touch.ask_price, touch.ask_quantity) == (raw.asks[0][0] / 1e2, raw.asks[0][1] / 1e5)
    assert (touch.state, touch.update_id, touch.publish_time) == ("live", raw.update_id, raw.publish_time)
    assert (touch.price_scale, touch.quantity_scale) == (2, 5)
    assert repr(touch).startswith("<Touch live: bid ") and repr(book) == "<Book ETHUSDT live: 20 bids, 20 asks>"


def test_what_is_unknown_is_none(board: depthlake.Board, writer: Writer) -> None:
    writer.kill()
    overwrite(writer, 704, struct.pack("=q", -(2**63)))
    overwrite(writer, 776, struct.pack("=d", float("nan")))
    overwrite(writer, 13, bytes([0]))
    book = board["BTCUSDT"].read()
    assert book.bid_horizon is not None and book.ask_horizon is None
    features = book.features
    assert features is not None
    assert [depth is None for depth in features.bid_depth] == [False, True, False]
    assert book.last_trade is None


def test_doubles_are_units_over_the_scale(board: depthlake.Board, writer: Writer) -> None:
    writer.kill()
    slot, scales = board["BTCUSDT"], [1e2, 1e5]
    book = slot.read()
    assert slot.bids().dtype == np.int64 and slot.bids_float().dtype == np.float64
    for exact, double in [(slot.bids, slot.bids_float), (slot.asks, slot.asks_float)]:
        assert_array_equal(double(), exact() / scales)
    for exact, double in [(book.bids, book.bids_float), (book.asks, book.asks_float)]:
        assert_array_equal(double(), exact() / scales)


def test_a_ladder_fills_the_array_it_is_given(board: depthlake.Board, writer: Writer) -> None:
    writer.kill()
    slot = board["BTCUSDT"]
    units = np.full((2, depthlake.LEVELS, 2), -1, np.int64)
    assert slot.ladder(out=units) is units
    assert_array_equal(units, [slot.bids(), slot.asks()])
    assert_array_equal(slot.ladder(), units)
    doubles = np.empty((2, depthlake.LEVELS, 2))
    assert slot.ladder(doubles) is doubles
    assert_array_equal(doubles, [slot.bids_float(), slot.asks_float()])


def test_levels_that_are_not_there_have_no_quantity(board: depthlake.Board, writer: Writer) -> None:
    writer.kill()
    overwrite(writer, 11, bytes([3, 0]))
    slot = board["BTCUSDT"]
    units, doubles = slot.ladder(), slot.ladder(np.empty((2, depthlake.LEVELS, 2)))
    assert slot.bids().shape == (3, 2) and slot.asks().shape == (0, 2)
    assert_array_equal(units[0, :3], slot.bids())
    assert not units[0, 3:].any() and not units[1].any()
    assert np.isnan(doubles[0, 3:, 0]).all() and np.isnan(doubles[1, :, 0]).all()
    assert_array_equal(doubles[..., 1], units[..., 1] / 1e5)
    touch, book = slot.touch(), slot.read()
    assert (touch.ask_price, touch.ask_quantity, touch.ask_price_units, touch.ask_quantity_units) == (None,) * 4
    assert book.features is None and "ask nothing" in repr(touch)


@pytest.mark.parametrize(
    ("out", "error"),
    [
        (np.zeros((2, 20, 2), np.int32), TypeError),
        (np.zeros((2, 20), np.int64), TypeError),
        ([], TypeError),
        (np.zeros((2, 19, 2), np.int64), ValueError),
        (np.zeros((2, 40, 2), np.int64)[:, ::2], ValueError),
        (np.broadcast_to(np.float64(), (2, 20, 2)), ValueError),
    ],
)
def test_other_arrays_are_refused(board: depthlake.Board, out: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="out"):
        board["BTCUSDT"].ladder(out=out)  # type: ignore[call-overload]


def test_both_sides_are_of_one_write(board: depthlake.Board) -> None:
    slot, seen = board["BTCUSDT"], set()
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        book = slot.read()
        bids, asks, features = book.bids(), book.asks(), book.features
        assert features is not None
        assert features.mid == (bids[0, 0] + asks[0, 0]) / 200
        assert (np.diff(bids[:, 0]) == -1).all() and (np.diff(asks[:, 0]) == 1).all()
        seen.add(book.update_id)
    assert len(seen) > 5


@pytest.mark.parametrize("spin", [False, True])
def test_each_wait_ends_with_something_newer(board: depthlake.Board, spin: bool) -> None:
    slot = board["BTCUSDT"]
    last = slot.touch().update_id
    for _ in range(30):
        assert slot.wait(PATIENCE, spin=spin)
        newer = slot.touch().update_id
        assert newer > last
        last = newer
    assert slot.wait() and slot.wait(), "what is new stays so until it is read"


def test_a_wait_without_change_times_out(board: depthlake.Board, writer: Writer) -> None:
    slot = board["BTCUSDT"]
    assert slot.wait(0), "all is new before the first read"
    writer.pause()
    time.sleep(0.05)
    slot.read()
    try:
        begun = time.monotonic()
        assert not slot.wait(0.15)
        assert time.monotonic() - begun >= 0.15
        assert not slot.wait(0) and not slot.wait(0.001, spin=True)
    finally:
        writer.resume()
    assert slot.wait(PATIENCE)
    for timeout in [-1.0, float("nan")]:
        with pytest.raises(ValueError, match="timeout"):
            slot.wait(timeout)


def test_other_threads_run_and_read_during_a_wait(board: depthlake.Board, writer: Writer) -> None:
    slot = board["BTCUSDT"]
    writer.pause()
    time.sleep(0.05)
    slot.touch()
    outcome: list[bool] = []
    waiting = threading.Thread(target=lambda: outcome.append(slot.wait(PATIENCE)))
    waiting.start()
    try:
        for _ in range(1000):
            slot.touch()
            slot.ladder()
        assert waiting.is_alive()
    finally:
        writer.resume()
    waiting.join(PATIENCE)
    assert outcome == [True]


def overwrite(writer: Writer, offset: int, content: bytes) -> None:
    """Writes into the first slot of a board whose writer is dead."""
    with writer.path.open("r+b") as file:
        file.seek(HEADER_SIZE + offset)
        file.write(content)
