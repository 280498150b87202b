"""A table of runs in Markdown, in which those that differ by their seed alone are one row."""

import argparse
import collections
import itertools
import pathlib
import statistics
import tomllib
from math import nan

from seeds import lines


def mean(numbers) -> float:
    """The geometric mean of those above zero."""
    positive = [x for x in numbers if x > 0]
    return statistics.geometric_mean(positive) if positive else nan


def accuracy(run: pathlib.Path) -> float:
    """On the test set, at the end."""
    return lines(run / "evals.jsonl")[-1].get("test_accuracy", nan)


def differs(key: str, specs: dict) -> bool:
    """Whether some runs have another value of it than others."""
    return len({str(spec.get(key)) for spec in specs.values()}) > 1


def tabulate(about: str, names: list, row) -> None:
    """Asks for folders with runs in them, and writes what `row` makes of the runs of each kind."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=pathlib.Path, help="folders with runs in them")
    specs = {
        outcome.parent: tomllib.loads((outcome.parent / "run.toml").read_text())["spec"]
        for folder in parser.parse_args().folders
        for outcome in folder.glob("*/outcome.json")
    }
    keys = [key for key in dict.fromkeys(itertools.chain(*specs.values())) if key != "seed" and differs(key, specs)]
    groups = collections.defaultdict(list)
    for run, spec in specs.items():
        groups[tuple(spec.get(key, "–") for key in keys)].append(run)
    table = [[*keys, "runs", *names], ["---"] * (len(keys) + 1 + len(names))]
    table += [[*kind, len(runs), *row(runs)] for kind, runs in sorted(groups.items(), key=str)]
    for cells in table:
        print("| " + " | ".join(map(str, cells)) + " |")
