"""How the time of a step grows with batch, width, depth and threads, and what fits it."""

import pathlib
import statistics
import tempfile

import numpy

from compare import alternate, fastest, settings
from networks import CONV, MLP, spec
from sides import Ours, Theirs, arithmetic

COLUMNS = [
    "family", "varied", "batch", "width", "depth", "threads", "gflop", "mnumbers", "mweights", "ours_s", "torch_s",
    "ratio", "ours_mb", "torch_mb", "ours_fit_percent", "torch_fit_percent",
]  # fmt: skip

# What takes time: columns, and what they are called.
CAUSES = {"depth": "a layer", "gflop": "a GFLOP", "mnumbers": "a million numbers", "mweights": "a million weights"}

FAMILIES = {
    "mlp": (
        MLP,
        {
            "batch_size": [16, 32, 64, 128, 256, 512],
            "width": [32, 64, 128, 256, 512],
            "depth": [5, 10, 25, 50, 100],
        },
    ),
    "conv": (
        CONV | {"width": 16, "batch_size": 32},
        {"batch_size": [8, 32, 128], "width": [8, 16, 32], "depth": [8, 20, 32]},
    ),
}


def cases(quick: bool) -> list:
    """Family, what is varied, and the network; the small ones when it has to be quick."""
    found = []
    for family, (network, varied) in FAMILIES.items():
        for axis, values in varied.items():
            kept = values[:2] if quick else values
            found += [(family, axis, spec(network | {axis: value}, 0)) for value in kept]
    return found


def measure(program: str, whole: dict, threads: int, quick: bool) -> dict:
    rate = whole["lr"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        ours, theirs = Ours(program, whole, folder, threads), Theirs(folder, threads)
        way = fastest(theirs, settings(folder, ("foreach",)), rate, 1)
        sides = {
            "ours": lambda steps: ours.steps("layers", steps),
            "torch": lambda steps: theirs.steps(way, [rate] * steps),
        }
        times = alternate(sides, 2 if quick else 6, 0.1 if quick else 0.4)
        work = arithmetic(folder)
        memory = ours.peak_memory(), theirs.peak_memory()
        for side in (ours, theirs):
            side.close()
    ours_s, torch_s = (statistics.median(times[side]["seconds"]) for side in ("ours", "torch"))
    return {
        "batch": whole["batch_size"],
        "width": whole["width"],
        "depth": whole["depth"],
        "threads": threads,
        "gflop": work.flops / 1e9,
        "mnumbers": work.numbers / 1e6,
        "mweights": work.weights / 1e6,
        "ours_s": ours_s,
        "torch_s": torch_s,
        "ratio": torch_s / ours_s,
        "ours_mb": memory[0],
        "torch_mb": memory[1],
    }


def fit(rows: list, side: str) -> list:
    """Adds residuals to the rows, and returns seconds for each of `CAUSES`: t = a·depth + b·GFLOP +
    c·numbers + d·weights, least squares of relative errors. No cause takes time away: what would is left out."""
    causes = numpy.array([[row[cause] for cause in CAUSES] for row in rows])
    times = numpy.array([row[f"{side}_s"] for row in rows])
    found, kept = numpy.zeros(len(CAUSES)), list(range(len(CAUSES)))
    while kept:
        part, *_ = numpy.linalg.lstsq(causes[:, kept] / times[:, None], numpy.ones(len(rows)), rcond=None)
        if part.min() >= 0:
            found[kept] = part
            break
        kept.pop(int(part.argmin()))
    for row, predicted in zip(rows, causes @ found):
        row[f"{side}_fit_percent"] = (row[f"{side}_s"] / predicted - 1) * 100
    return found.tolist()


def scaling(program: str, options) -> tuple:
    """The rows, and a line a fit."""
    rows, lines = [], []
    for threads in options.threads:
        for family, axis, whole in cases(options.quick):
            result = {"family": family, "varied": axis} | measure(program, whole, threads, options.quick)
            options.say(
                f"  {family} {axis}: batch {result['batch']}, {result['depth']} x {result['width']}, "
                f"{threads} threads: {result['ours_s']:.4f} s, PyTorch {result['torch_s']:.4f} s"
            )
            rows.append(result)
        for family in FAMILIES:
            chosen = [row for row in rows if row["family"] == family and row["threads"] == threads]
            lines += [f"{family}, {threads} threads, {told(chosen, side)}" for side in ("ours", "torch")]
    return rows, lines


def told(rows: list, side: str) -> str:
    """The fit of one side, in words."""
    times = fit(rows, side)
    parts = [f"{time * 1e3:.3f} ms {cause}" for time, cause in zip(times, CAUSES.values())]
    off = sorted(abs(row[f"{side}_fit_percent"]) for row in rows)
    return f"{side}: {' + '.join(parts)}; off by {statistics.median(off):.0f} % in the median, {off[-1]:.0f} % at most"
