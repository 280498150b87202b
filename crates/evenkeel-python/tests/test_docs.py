"""The guides' code runs as it is written, and the reference is what docstrings say."""

from __future__ import annotations

import csv
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, missing

import evenkeel


def cells(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)


@pytest.mark.skipif(bool(missing), reason=f"not installed: {missing}")
def test_the_guide_runs() -> None:
    names: dict[str, object] = {}
    found = cells("tutorials/pytorch.md", "python")
    assert len(found) >= 5
    for cell in found:
        exec(cell, names)
    assert names["warmup"].get_last_lr()[0] <= 1.0
    assert names["probe"].reading.spread.decades < 1e-3


@pytest.mark.parametrize("tracker", ["wandb", "tensorboard"])
def test_the_way_from_a_log_to_a_diagnosis_runs(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tracker: str
) -> None:
    shutil.copytree(ROOT / "docs/logs", tmp_path / "logs")
    monkeypatch.chdir(tmp_path)
    found = cells("from-a-log.md", "python")
    if tracker == "tensorboard":
        as_tensorboard(tmp_path / "logs/wandb.csv", tmp_path / "tensorboard")
        found = [cell.replace('"logs/wandb.csv"', 'sorted(__import__("glob").glob("tensorboard/*.csv"))') for cell in found]
    names: dict[str, object] = {}
    for cell in found:
        exec(cell, names)
    assert "32 layers" in capsys.readouterr().out
    for command in cells("from-a-log.md", "sh")[0].splitlines():
        done = subprocess.run([sys.executable, *command.split()[1:]], check=True, capture_output=True, text=True)
        assert "decades" in done.stdout


def as_tensorboard(table: pathlib.Path, folder: pathlib.Path) -> None:
    """The same numbers as TensorBoard downloads them: a file for each tag."""
    folder.mkdir()
    rows = list(csv.DictReader(table.open()))
    for tag in rows[0]:
        if tag != "_step":
            lines = ["Wall time,Step,Value", *(f"1.7e9,{row['_step']},{row[tag]}" for row in rows)]
            (folder / f"run-digits-tag-{tag.replace('/', '_')}.csv").write_text("\n".join(lines))


@pytest.mark.skipif(bool(missing), reason=f"not installed: {missing}")
def test_the_reference_is_what_docstrings_say() -> None:
    subprocess.run([sys.executable, ROOT / "scripts/python_api.py", "--check"], check=True)


def test_the_norms_of_a_log_are_read_by_step_and_by_any_name(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "chart.csv"
    path.write_text(
        '"Step","run - a/w","run - a/w__MIN","run - a/g","run - b/w","run - b/g"\n10,2,9,1,,\n20,4,9,1,2,1\n30,4,9,2,2,3\n'
    )
    log = evenkeel.read_log(path, weight="w", gradient="g")
    assert log.layers == ["a", "b"] and log.elr().tolist() == [0.25, 0.5]
    assert evenkeel.read_log([path], step=30, weight="w", gradient="g", skip=["a"]).elr().tolist() == [1.5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step,grad_norm/a\n0,1\n", "`a` has no weight_norm"),
        ("step,loss\n0,1\n", "no tag is grad_norm/LAYER.*there are `loss`"),
        ("loss\n1\n", "no column counts steps"),
        ("step,grad_norm/a,weight_norm/a\n0,1,\n1,,2\n", "norms of all 1 layers are not there at one step"),
        ("step,grad_norm/a,weight_norm/a\n0,1,-2\n", "`weight_norm` is `-2.0`"),
        ("", "is empty"),
    ],
)
def test_logs_that_say_too_little_are_refused(tmp_path: pathlib.Path, text: str, message: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(evenkeel.ElrError, match=message):
        evenkeel.read_log(path)
