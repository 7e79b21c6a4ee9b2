"""The board as a mapping, and through the deaths of its writers."""

from __future__ import annotations

from pathlib import Path

import depthlake
import pytest
from conftest import PATIENCE, SYMBOLS, Writer


def test_a_board_is_a_mapping_of_symbols_to_slots(board: depthlake.Board, writer: Writer) -> None:
    assert board.symbols == SYMBOLS
    assert [slot.symbol for slot in board] == SYMBOLS
    assert len(board) == 2
    assert "btcusdt" in board and "SOLUSDT" not in board and "not a symbol" not in board
    assert board["ethusdt"].symbol == "ETHUSDT"
    assert board.path == writer.path
    assert board.is_alive and board.writer_pid == writer.pid and board.heartbeat > 0
    assert repr(board) == f"<Board {writer.path}: 2 symbols, writer alive>"
    for unknown in ["SOLUSDT", "not a symbol"]:
        with pytest.raises(KeyError, match=unknown):
            board[unknown]


def test_what_is_no_board_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no board at"):
        depthlake.Board(tmp_path / "none")
    with pytest.raises(OSError, match="cannot open the board"):
        depthlake.Board(tmp_path / ("x" * 300))
    (tmp_path / "other").write_bytes(b"DEPTHBRD" + (1).to_bytes(4, "little") + bytes(116))
    with pytest.raises(depthlake.BoardError, match="layout version 1, this program reads version 2"):
        depthlake.Board(str(tmp_path / "other"))


def test_a_closed_board_is_of_no_more_use_but_its_slots_are(writer: Writer) -> None:
    with depthlake.Board(writer.path) as board:
        slot = board["BTCUSDT"]
    with pytest.raises(ValueError, match="closed"):
        board["BTCUSDT"]
    with pytest.raises(ValueError, match="closed"):
        len(board)
    assert slot.touch().state == "live"


def test_a_restarted_writer_is_picked_up(board: depthlake.Board, writer: Writer, write_board: Path) -> None:
    waiting, polling = board["ETHUSDT"], board["ETHUSDT"]
    writer.kill()
    assert not board.is_alive
    assert "writer dead" in repr(board)
    last = waiting.read()
    polling.touch()
    assert not waiting.wait(0.01) and not polling.refresh()
    assert waiting.read().update_id == last.update_id, "what was known stays readable"

    successor = Writer(write_board, writer.path, ["SOLUSDT", "ETHUSDT"])
    try:
        assert waiting.wait(PATIENCE)
        assert waiting.read().publish_time > last.publish_time
        assert polling.refresh() and not polling.refresh()
        assert polling.touch().publish_time > last.publish_time
        assert board.symbols == ["SOLUSDT", "ETHUSDT"]
        assert board.is_alive and board.writer_pid == successor.pid
    finally:
        successor.kill()
