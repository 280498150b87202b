"""A table of runs in Markdown, in which those that differ by their seed alone are one row."""

import argparse
import collections
import pathlib
import statistics
import tomllib
from math import nan

from seeds import lines

KEYS = ("model", "depth", "width", "no_shortcut", "control", "lr")


def mean(numbers) -> float:
    """The geometric mean of those above zero."""
    positive = [x for x in numbers if x > 0]
    return statistics.geometric_mean(positive) if positive else nan


def accuracy(run: pathlib.Path) -> float:
    """On the test set, at the end."""
    return lines(run / "evals.jsonl")[-1].get("test_accuracy", nan)


def tabulate(about: str, names: list, row) -> None:
    """Asks for folders with runs in them, and writes what `row` makes of the runs of each kind."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=pathlib.Path, help="folders with runs in them")
    groups = collections.defaultdict(list)
    for folder in parser.parse_args().folders:
        for outcome in folder.glob("*/outcome.json"):
            spec = tomllib.loads((outcome.parent / "run.toml").read_text())["spec"]
            groups[tuple(spec.get(key, "–") for key in KEYS)].append(outcome.parent)
    table = [[*KEYS, "runs", *names], ["---"] * (len(KEYS) + 1 + len(names))]
    table += [[*key, len(runs), *row(runs)] for key, runs in sorted(groups.items(), key=str)]
    for cells in table:
        print("| " + " | ".join(map(str, cells)) + " |")
