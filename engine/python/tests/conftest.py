"""Boards to read, written by the example program `write_board` of the engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import depthlake
import pytest

ROOT = Path(__file__).resolve().parents[3]
SYMBOLS = ["BTCUSDT", "ETHUSDT"]
PATIENCE = 20.0


class Writer:
    """A process that writes a board of markets which change a hundred times a second."""

    def __init__(self, program: Path, path: Path, symbols: list[str]) -> None:
        self.path = path
        self._process = subprocess.Popen([program, path, *symbols])
        deadline = time.monotonic() + PATIENCE
        while not self._is_ready():
            assert time.monotonic() < deadline, "no board"
            time.sleep(0.01)

    @property
    def pid(self) -> int:
        return self._process.pid

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _is_ready(self) -> bool:
        try:
            board = depthlake.Board(self.path)
        except FileNotFoundError:
            return False
        return board.writer_pid == self.pid and all(slot.touch().state == "live" for slot in board)


@pytest.fixture(scope="session")
def write_board() -> Path:
    """The program that writes boards: that of DEPTHLAKE_WRITE_BOARD, or built here."""
    if given := os.environ.get("DEPTHLAKE_WRITE_BOARD"):
        return Path(given)
    build = ["cargo", "build", "--quiet", "-p", "depthlake-engine", "--example", "write_board", "--message-format=json"]
    messages = subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    found = [json.loads(message).get("executable") for message in messages]
    return Path(next(path for path in found if path is not None))


@pytest.fixture
def writer(write_board: Path, tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(write_board, tmp_path / "board", SYMBOLS)
    yield writer
    writer.kill()


@pytest.fixture
def board(writer: Writer) -> depthlake.Board:
    return depthlake.Board(writer.path)
