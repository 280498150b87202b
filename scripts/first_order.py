"""How much of its loss each step would take away if the loss were linear in the weights (T29), from the logs of runs.

    evenkeel sweep grids/max-angle.toml --out runs/turn
    python scripts/first_order.py runs/turn

Runs that differ by their seed alone are one row of the table that it writes: geometric means over seeds and some steps of
r = λ Σ m ‖∇W‖²/ℒ and of the turn θ = λĒ, and the mean accuracy at the end.
"""

import pathlib
import statistics

from by_seed import accuracy, mean, tabulate
from seeds import lines

# Where steps that are shown begin, and how many there are.
WINDOWS = {"0": (0, 1), "5–9": (5, 5), "20–29": (20, 10), "100–119": (100, 20), "last 50": (-50, 50)}


def decrease(step: dict, layers: dict) -> float:
    """`λ Σ m ‖∇W‖²/ℒ`; zero, which is left out, where there is no loss."""
    multipliers = layers.get("lr_multiplier") or [1] * len(layers["grad_norm"])
    squares = sum(m * g * g for m, g in zip(multipliers, layers["grad_norm"]))
    return step["lr"] * squares / step["loss"] if step["loss"] else 0


def turn(step: dict, layers: dict) -> float:
    """`λĒ`."""
    return step["lr"] * mean(layers["elr"])


def of_run(run: pathlib.Path) -> tuple:
    """Both in each window, and the accuracy at the end."""
    pairs = list(zip(lines(run / "steps.jsonl"), lines(run / "layers.jsonl")))
    parts = [pairs[start:][:count] for start, count in WINDOWS.values()]
    found = [mean(what(*pair) for pair in part) for what in (decrease, turn) for part in parts]
    return found, accuracy(run)


def row(runs: list) -> list:
    found, accuracies = zip(*map(of_run, runs))
    means = [f"{mean(numbers):.2g}" for numbers in zip(*found)]
    return [*means, f"{statistics.fmean(accuracies):.3f}"]


if __name__ == "__main__":
    names = [f"{symbol}, {window}" for symbol in ("r", "θ") for window in WINDOWS]
    tabulate(__doc__, [*names, "accuracy"], row)
