"""The same numbers as the Rust program, bit for bit."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from collections.abc import Callable

import pytest

CSV = "layer,weight_norm,grad_norm,numel\na,1.5,0.3,100\nb,2.5,31.7,400\nc,1.1,0.0013,900\n"


@pytest.mark.parametrize(
    "arguments",
    [
        "forecast --lr 0.1 --steps 50",
        "forecast --lr 0.1 --steps 50 --warmup minimax --momentum 0.9 --weight-decay 5e-4",
        "forecast --lr 0.01 --steps 20 --optimizer adamw --control hold --schedule cosine",
        "advise --lr 0.1",
        "advise --lr 0.1 --optimizer adamw",
    ],
)
def test_json_is_the_program_s(run: Callable[..., str], tmp_path: pathlib.Path, arguments: str) -> None:
    path = tmp_path / "norms.csv"
    path.write_text(CSV)
    command, *rest = arguments.split()
    ours = [sys.executable, "-m", "evenkeel", command, str(path), *rest, "--json"]
    found = subprocess.run(ours, check=True, capture_output=True, text=True).stdout
    assert json.loads(found) == json.loads(run(command, path, *rest, "--json"))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [("forecast nothing.csv --lr 0.1 --steps 3", 3), ("forecast nothing.csv --lr -1 --steps 3", 2)],
)
def test_exit_codes_are_the_program_s(program: str, arguments: str, code: int) -> None:
    for command in ([program], [sys.executable, "-m", "evenkeel"]):
        assert subprocess.run([*command, *arguments.split()], capture_output=True).returncode == code


def test_a_reader_that_has_had_enough_is_no_error(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "norms.csv"
    path.write_text(CSV)
    command = [sys.executable, "-m", "evenkeel", "advise", str(path), "--lr", "0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 0
