"""How soon base gradients fall (T28), from the logs of runs.

    evenkeel sweep grids/band.toml --out runs/within
    python scripts/fall.py runs/within

Runs that differ by their seed alone are one row of the table that it writes: after how many steps the geometric mean over
layers of c = ‖W‖ ‖∇W‖ is a tenth and a hundredth of what it was at the first, how far weights have turned by then (the mean
of arctan λE, summed over steps), after how many steps the loss, averaged over ten, is 5 % below that of chance among ten
classes, and the accuracy at the end; medians over seeds, lowest and highest. `inf` is never.
"""

import math
import pathlib
import statistics

from by_seed import accuracy, mean, tabulate
from seeds import lines

FALLS = {"a tenth": 0.1, "a hundredth": 0.01}
LEARNT = 0.95 * math.log(10)


def fall(base: list, path: list, share: float) -> tuple:
    """The step at which the first is that share of what it was, and the second there."""
    step = next((i for i, c in enumerate(base) if c < share * base[0]), None)
    return (math.inf, math.inf) if step is None else (step, path[step])


def learns(losses: list, over: int = 10) -> float:
    """The first step that ends a stretch of so many whose mean is below `LEARNT`."""
    stretches = (statistics.fmean(losses[i - over : i]) for i in range(over, len(losses) + 1))
    return next((i for i, loss in enumerate(stretches, over) if loss < LEARNT), math.inf)


def of_run(run: pathlib.Path) -> list:
    steps, layers = lines(run / "steps.jsonl"), lines(run / "layers.jsonl")
    base = [mean(w * g for w, g in zip(line["weight_norm"], line["grad_norm"])) for line in layers]
    path = [0.0]
    for step, line in zip(steps, layers):
        path.append(path[-1] + statistics.fmean(math.atan(step["lr"] * elr) for elr in line["elr"]))
    falls = [fall(base, path, share) for share in FALLS.values()]
    return [x for both in falls for x in both] + [learns([step["loss"] for step in steps]), accuracy(run)]


def told(values: tuple, digits: int) -> str:
    low, middle, high = (f"{x:.{digits}f}" for x in (min(values), statistics.median(values), max(values)))
    return f"{middle} ({low}–{high})"


def row(runs: list) -> list:
    columns = zip(*map(of_run, runs))
    return [told(column, digits) for column, digits in zip(columns, (0, 2, 0, 2, 0, 3))]


if __name__ == "__main__":
    names = [f"{what} to {share}" for share in FALLS for what in ("steps", "radians")]
    tabulate(__doc__, [*names, "steps until it learns", "accuracy"], row)
