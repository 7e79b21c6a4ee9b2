"""A second reader of the board's file, from its documentation alone, of a board that nobody writes any more."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

HEADER_SIZE = 128
SLOT_SIZE = 1024
HEAD = struct.Struct("=Q6B2xQq")
LEVEL = struct.Struct("=qq")
TAIL = struct.Struct("=qqQqq14d3q6Q24sI")


@dataclass
class RawSlot:
    sequence: int
    state: int
    price_scale: int
    quantity_scale: int
    trade_taker: int
    update_id: int
    publish_time: int
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]
    event_time: int
    receive_time: int
    epoch: int
    bid_horizon: int
    ask_horizon: int
    doubles: tuple[float, ...]
    trade: tuple[int, int, int]
    counters: tuple[int, ...]
    symbol: str


def raw_slot(path: Path, number: int) -> RawSlot:
    slot = path.read_bytes()[HEADER_SIZE + number * SLOT_SIZE :][:SLOT_SIZE]
    (sequence, state, price_scale, quantity_scale, bid_levels, ask_levels, taker, update_id, published) = HEAD.unpack_from(
        slot
    )
    levels = [LEVEL.unpack_from(slot, HEAD.size + rank * LEVEL.size) for rank in range(40)]
    tail = TAIL.unpack_from(slot, HEAD.size + 40 * LEVEL.size)
    (event, receive, epoch, bid_horizon, ask_horizon), tail = tail[:5], tail[5:]
    return RawSlot(
        sequence=sequence,
        state=state,
        price_scale=price_scale,
        quantity_scale=quantity_scale,
        trade_taker=taker,
        update_id=update_id,
        publish_time=published,
        bids=levels[0::2][:bid_levels],
        asks=levels[1::2][:ask_levels],
        event_time=event,
        receive_time=receive,
        epoch=epoch,
        bid_horizon=bid_horizon,
        ask_horizon=ask_horizon,
        doubles=tail[:14],
        trade=tail[14:17],
        counters=tail[17:23],
        symbol=tail[23].rstrip(b"\0").decode(),
    )
