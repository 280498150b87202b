#!/usr/bin/env python3
"""Trains over several seeds and prints a table in Markdown: mean, lowest and highest of each figure.

    python scripts/seeds.py [--seeds 5] [--controls A,B] [--evenkeel target/release/evenkeel] [--out DIR] [-- TRAIN OPTIONS]

Runs that are in DIR already are not trained again. Needs nothing but Python.
"""

import argparse
import json
import math
import pathlib
import statistics
import subprocess

CONTROLS = ["none", "linear:100", "critical", "rescale", "hold", "critical+hold"]
LAST = 20  # steps at the end over which the loss is averaged, as in evenkeel's own table


def lines(path: pathlib.Path) -> list:
    return [json.loads(line) for line in path.read_text().splitlines()]


def figures(folder: pathlib.Path) -> dict:
    """The figures of one run."""
    steps, evals = lines(folder / "steps.jsonl"), lines(folder / "evals.jsonl")
    decades = [step["spread_range"] / math.log(10) for step in steps]
    return {
        "spread at step 0": steps[0]["raw_spread_range"] / math.log(10),
        "median spread": statistics.median(decades),
        "capped steps": sum(step["lr"] < step["target_lr"] for step in steps),
        "final loss": statistics.fmean(step["loss"] for step in steps[-LAST:]),
        "test accuracy": evals[-1]["test_accuracy"],
    }


def cell(values: list) -> str:
    digits = 0 if all(value == int(value) for value in values) else 2
    mean, low, high = statistics.fmean(values), min(values), max(values)
    return f"{mean:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evenkeel", default="target/release/evenkeel")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/seeds"))
    parser.add_argument("--controls", default=",".join(CONTROLS), help="separated by commas")
    parser.add_argument("options", nargs="*", help="options of `evenkeel train`, after --")
    arguments = parser.parse_args()
    controls = arguments.controls.split(",")
    for seed in range(arguments.seeds):
        folder = arguments.out / str(seed)
        missing = [c for c in controls if not (folder / c.replace(":", "-") / "outcome.json").exists()]
        if missing:
            command = [arguments.evenkeel, "train", "--seed", str(seed), "--out", str(folder), "--overwrite"]
            command += ["--control", ",".join(missing), *arguments.options]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    head = None
    for control in controls:
        runs = [figures(arguments.out / str(seed) / control.replace(":", "-")) for seed in range(arguments.seeds)]
        if head is None:
            head = list(runs[0])
            print("| control | " + " | ".join(head) + " |\n|---" * 1 + "|---" * len(head) + "|")
        print(f"| `{control}` | " + " | ".join(cell([run[name] for run in runs]) for name in head) + " |")


if __name__ == "__main__":
    main()
