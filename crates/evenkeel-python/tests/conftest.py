"""What the tests share: networks, batches, and the Rust program to agree with."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
REQUIREMENTS = "crates/evenkeel-python/tests/requirements.txt"
sys.path.insert(0, str(ROOT / "scripts"))


NEEDS = {
    "torch": [
        "applied",
        "asynchronous",
        "loops",
        "never_stops",
        "optimizers",
        "same_networks",
        "sharded",
        "torch",
        "verdicts",
        "weights",
    ],
    "lightning": ["lightning"],
    "transformers": ["transformers"],
    "optax": ["contract", "optax"],
}
"""Packages, and the tests that need them; all but the first need that one too."""

missing = [package for package in NEEDS if importlib.util.find_spec(package) is None]
missing = list(NEEDS) if "torch" in missing else missing
collect_ignore = [f"test_{name}.py" for package in missing for name in NEEDS[package]]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not run, and why."""
    for package in missing:
        names = ", ".join(NEEDS[package])
        terminalreporter.write_line(f"not run, as there is no {package}: {names}; pip install -r {ROOT / REQUIREMENTS}")


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
