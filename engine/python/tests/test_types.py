"""The type hints say what is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def test_hints_and_module_agree() -> None:
    run("mypy.stubtest", "depthlake")


def test_tests_and_examples_are_typed_as_the_hints_say() -> None:
    run("mypy", "--strict", "--config-file", str(PACKAGE / "pyproject.toml"), "tests", "examples")


def run(module: str, *arguments: str) -> None:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
