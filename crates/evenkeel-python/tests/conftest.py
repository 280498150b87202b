"""What the tests share: networks, batches, and the Rust program to agree with."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))


@pytest.fixture(scope="session")
def program() -> str:
    """The Rust program."""
    path = pathlib.Path(os.environ.get("EVENKEEL", ROOT / "target/release/evenkeel"))
    if not path.exists():
        pytest.skip(f"there is no {path}: build it with cargo build --release")
    return str(path)


@pytest.fixture
def run(program: str) -> Callable[..., str]:
    """Runs the program and returns what it prints."""

    def call(*arguments: Any) -> str:
        command = [program, *map(str, arguments)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    return call
