#!/usr/bin/env python3
"""Reads the events of runs with TensorBoard itself, while they are written and after a kill.

Development only: pip install tensorboard==2.21.0, build evenkeel, then

    python scripts/check_tensorboard.py [--evenkeel target/release/evenkeel]

One reader stays open over a run that is killed and resumed, as a TensorBoard that watches does; a
fresh one reads the result, and another what `evenkeel report` makes of a run without events. All
must find every number of the logs once, as the nearest 32-bit float.
"""

import argparse
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import time
import tomllib

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

STEPS = 400
RUN = f"--depth 8 --width 16 --batch-size 32 --steps {STEPS} --eval-every 50 --checkpoint-every 90 --control hold"


def single(number: float) -> float:
    """The nearest 32-bit float."""
    return struct.unpack("<f", struct.pack("<f", number))[0]


def lines(run: pathlib.Path, name: str) -> list:
    return [json.loads(line) for line in (run / name).read_text().splitlines()]


def called_for(run: pathlib.Path) -> dict:
    """(step, value) by tag, as the logs have them."""
    layers = [layer["name"] for layer in tomllib.loads((run / "run.toml").read_text())["layers"]]
    tags: dict = {}

    def put(tag: str, step: int, value: float) -> None:
        tags.setdefault(tag, []).append((step, single(value)))

    for line, elrs in zip(lines(run, "steps.jsonl"), lines(run, "layers.jsonl"), strict=True):
        step = line["step"]
        put("loss", step, line["loss"])
        put("lr", step, line["lr"])
        put("elr/critical_lr", step, line["critical_lr"])
        for layer, elr in zip(layers, elrs["elr"], strict=True):
            put(f"elr/{layer}", step, elr)
    for line in lines(run, "evals.jsonl"):
        for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy"):
            put(f"eval/{name}", line["step"], line[name])
    return tags


def reader(run: pathlib.Path) -> EventAccumulator:
    return EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})


def check(what: str, accumulator: EventAccumulator, run: pathlib.Path) -> bool:
    accumulator.Reload()
    found = {
        tag: [(event.step, event.value) for event in accumulator.Scalars(tag)]
        for tag in accumulator.Tags()["scalars"]
    }
    spread = found.pop("elr/spread_decades", [])
    expected = called_for(run)
    same = found == expected and [step for step, _ in spread] == [step for step, _ in found["loss"]]
    values = sum(map(len, found.values())) + len(spread)
    print(f"{what}: {len(found) + 1} tags, {values} values, {'as logged' if same else 'NOT AS LOGGED'}")
    return same


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evenkeel", default="target/release/evenkeel")
    evenkeel = parser.parse_args().evenkeel
    with tempfile.TemporaryDirectory() as folder:
        watched, plain = pathlib.Path(folder) / "watched", pathlib.Path(folder) / "plain"
        train = [evenkeel, "train", *RUN.split(), "--out"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        run, watching = watched / "hold", reader(watched / "hold")
        child = subprocess.Popen([*train, str(watched), "--tensorboard"], **quiet)
        seen = 0
        while seen < STEPS // 2 and child.poll() is None:
            time.sleep(0.01)
            if (run / "tensorboard").exists():
                watching.Reload()
                seen = len(watching.Scalars("loss")) if "loss" in watching.Tags()["scalars"] else 0
        child.kill()
        child.wait()
        print(f"killed when {seen} of {STEPS} steps had been seen")
        subprocess.run([evenkeel, "train", "--resume", "--out", str(watched)], check=True, **quiet)
        subprocess.run([*train, str(plain)], check=True, **quiet)
        report = [evenkeel, "report", str(plain / "hold"), "--format", "tensorboard"]
        subprocess.run(report, check=True, **quiet)
        alike = [
            check("watching over kill and resumption", watching, run),
            check("reading afterwards", reader(run), run),
            check("made by a report", reader(plain / "hold"), plain / "hold"),
        ]
    return int(not all(alike))


if __name__ == "__main__":
    sys.exit(main())
