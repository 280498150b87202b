"""The same networks measured and trained here and by the Rust program."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable

import pytest
import torch
from networks import sgd
from rebuilt import Rebuilt

import evenkeel
from evenkeel.torch import ElrController, ElrProbe

NETWORKS = [
    "--model mlp --depth 50",
    "--model mlp --depth 10 --norm ln --activation gelu --init xavier",
    "--model mlp --depth 10 --norm rms --activation tanh",
    "--model conv --depth 7",
    "--model resnet --depth 20",
    "--model resnet --depth 8 --norm gn",
    "--model gpt-qk --depth 2 --width 64 --norm rms --batch-size 4",
    "--model gpt-normalized --depth 2 --width 64 --batch-size 4",
]


@pytest.mark.parametrize("network", NETWORKS)
def test_the_probe_measures_what_the_rust_probe_does(run: Callable[..., str], tmp_path: pathlib.Path, network: str) -> None:
    # A text that stays the same: a single batch of another can show a weight orthogonal to its gradient by chance.
    data = ["--data", "markov"] if "gpt" in network else []
    run("snapshot", *network.split(), *data, "--seed", 5, "--out", tmp_path / "net")
    theirs = evenkeel.read_snapshot(tmp_path / "net/snapshot.csv")
    model = Rebuilt(tmp_path / "net", torch.float64)
    model.loss().backward()
    reading = ElrProbe(model).measure()
    assert sorted(reading.names) == sorted(theirs.layers)
    found = dict(zip(reading.names, reading.elr, strict=True))
    assert [found[name] for name in theirs.layers] == pytest.approx(theirs.elr().tolist(), rel=1e-4)


def test_the_probe_agrees_in_32_bits(run: Callable[..., str], tmp_path: pathlib.Path) -> None:
    run("snapshot", "--model", "mlp", "--depth", 10, "--seed", 3, "--single", "--out", tmp_path / "net")
    theirs = evenkeel.read_snapshot(tmp_path / "net/snapshot.csv")
    model = Rebuilt(tmp_path / "net", torch.float32)
    model.loss().backward()
    assert ElrProbe(model).measure().elr == pytest.approx(theirs.elr(), rel=1e-4)


@pytest.mark.parametrize("control", ["critical", "critical:top-pair", "critical+hold"])
@pytest.mark.parametrize("network", ["--depth 4 --activation tanh", "--depth 6 --norm ln --activation gelu"])
def test_steps_are_those_of_the_program(run: Callable[..., str], tmp_path: pathlib.Path, network: str, control: str) -> None:
    """A batch is the whole training set, in whatever order: sums of 32 bits differ in rounding alone.

    Nothing here has a kink, as ReLU has, at which rounding would decide.
    """
    network = f"--model mlp {network} --width 64 --batch-size 1438 --seed 1".split()
    run("snapshot", *network, "--out", tmp_path / "net")
    run("train", *network, "--lr", 10, "--control", control, "--steps", 4, "--out", tmp_path / "runs")
    lines = (tmp_path / "runs" / control.replace(":", "-") / "steps.jsonl").read_text().splitlines()
    theirs = [json.loads(line) for line in lines]
    model = Rebuilt(tmp_path / "net", torch.float32)
    optimizer = sgd(model, 10.0)
    controller, ours = ElrController(optimizer, ElrProbe(model), control), []
    for _ in theirs:
        optimizer.zero_grad()
        value = model.loss()
        value.backward()
        optimizer.step()
        ours.append((value.item(), controller.last_lr()[0], controller.plan.critical))
    assert min(lr for _, lr, _ in ours) < 10 or control == "critical+hold"
    for mine, line in zip(ours, theirs, strict=True):
        assert mine == pytest.approx((line["loss"], line["lr"], line["critical_lr"]), rel=3e-4)
