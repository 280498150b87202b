#!/usr/bin/env python3
"""Compares `evenkeel_bulk` with NumPy on the same layers, rates and steps; prints Markdown tables.

    python scripts/bench_numpy.py [--repeats 5] [--only run warm-up grid]

Three kinds of work: a schedule that is given (`run`), warm-ups whose next rate depends on the ELRs,
and a grid of layers and constant rates. Of each there are two kinds of NumPy:

    plain   T5 as one writes it:       e = e / (1 + (lr * e) ** 2)
    tuned   y += λ²/y with y = 1/E,    two ufuncs in place, one of them the division; in blocks of
                                       16384 numbers over all steps, which stay in the cache, where
                                       no rate depends on the rest. The faster of both orders counts.

All of them run on one thread and take turns, `--repeats` times. A time is the fastest of several,
and processor time where one takes long, so that other programs on the machine disturb little. A cell
is the median over the repeats with the lowest and highest, and ratios are taken within a repeat.
`limit` is what dividing alone allows: the rate of the benchmark `divisions` times the steps that
share a division. Needs NumPy and cargo, and a Unix for `streaming`, the example of that name.
"""

import argparse
import math
import os
import re
import resource
import statistics
import subprocess
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402  (after the number of threads)

# As in benches/bulk.rs, like the ELRs and the rates below.
STEPS = 1020
LAYERS = [50, 1024, 16384, 1_000_000]
WARM_UPS = {"no_overshoot": 50, "top_pair": 50, "minimax": 5}
GRIDS = [(5, 4000), (50, 400), (1000, 20)]
BLOCK = 16384
RATE = re.compile(r"([\d.]+) ([KMG]?)item/s")
UNIT = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9}
LRS = [math.exp(-step / STEPS) for step in range(STEPS)]


def cargo(command: str, *arguments: str) -> str:
    line = ["cargo", *command.split(), *arguments]
    return subprocess.run(line, check=True, text=True, capture_output=True).stdout


def bench(name: str) -> float:
    """Items a second: the fastest sample of a benchmark in benches/bulk.rs."""
    samples = ["--exact", "--sample-count", "100"]
    out = cargo("bench -q -p evenkeel-bulk --bench bulk --", f"bulk::{name}", *samples)
    rates = RATE.findall(out)
    if not rates:
        raise SystemExit(f"no rate in the report of {name}:\n{out}")
    number, unit = rates[0]  # fastest, slowest, median, mean
    return float(number) * UNIT[unit]


def streaming(layers: int, steps: int = 10_000) -> float:
    """Layer-steps a second of the example, in processor time without that of starting it."""

    def seconds(steps: int) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        cargo(f"run -q --release -p evenkeel-bulk --example streaming {layers} {steps}")
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before

    seconds(0)  # builds
    return layers * steps / (seconds(steps) - seconds(0))


def fastest(work, seconds: float = 0.5) -> float:
    """Processor time of the fastest of at least three calls, and of half a second of them."""
    times = []
    while len(times) < 3 or sum(times) < seconds:
        began = time.thread_time()
        work()
        times.append(time.thread_time() - began)
    return min(times)


def elrs(layers: int) -> np.ndarray:
    return np.exp(np.sin(np.arange(layers) * 1.7) * 4.6)


def step_y(y: np.ndarray, t: np.ndarray, square) -> None:
    np.divide(square, y, out=t)
    np.add(y, t, out=y)


def blocks(work, *arrays: np.ndarray) -> np.ndarray:
    """`work` on blocks of the first dimension, put together again."""
    rows = max(1, BLOCK // (arrays[0].size // len(arrays[0])))
    parts = [work(*(a[i : i + rows] for a in arrays)) for i in range(0, len(arrays[0]), rows)]
    return np.concatenate(parts)


def run_plain(e: np.ndarray) -> np.ndarray:
    for lr in LRS:
        e = e / (1 + (lr * e) ** 2)
    return e


def run_tuned(e: np.ndarray) -> np.ndarray:
    y, t = 1 / e, np.empty_like(e)
    for lr in LRS:
        step_y(y, t, lr * lr)
    return 1 / y


def lowest_two(y: np.ndarray) -> tuple:
    """Two passes, which is much faster than `np.partition`."""
    place = y.argmin()
    first, y[place] = y[place], math.inf
    second, y[place] = y.min(), first
    return first, second


CRITICAL = {
    "no_overshoot": lambda e: 1 / e.max(),
    "top_pair": lambda e: 1 / math.sqrt(math.prod(np.partition(e, -2)[-2:])),
    "minimax": lambda e: 1 / math.sqrt(e.max() * e.min()),
}
CRITICAL_Y = {
    "no_overshoot": lambda y: y.min(),
    "top_pair": lambda y: math.sqrt(math.prod(lowest_two(y))),
    "minimax": lambda y: math.sqrt(y.max() * y.min()),
}


def warm_up_plain(e: np.ndarray, policy: str) -> np.ndarray:
    for _ in range(WARM_UPS[policy]):
        lr = min(CRITICAL[policy](e), 1.0)
        e = e / (1 + (lr * e) ** 2)
    return e


def warm_up_tuned(e: np.ndarray, policy: str) -> np.ndarray:
    y, t = 1 / e, np.empty_like(e)
    for _ in range(WARM_UPS[policy]):
        lr = min(CRITICAL_Y[policy](y), 1.0)
        step_y(y, t, lr * lr)
    return 1 / y


def logs(e: np.ndarray) -> np.ndarray:
    x = np.log(e)
    return np.stack([x.min(1), x.max(1), x.mean(1), x.std(1)], axis=1)


def grid_plain(e: np.ndarray, lrs: np.ndarray) -> np.ndarray:
    lr = lrs[:, None]
    e = np.tile(e, (len(lrs), 1))
    for _ in range(STEPS):
        e = e / (1 + (lr * e) ** 2)
    return logs(e)


def grid_tuned(e: np.ndarray, lrs: np.ndarray) -> np.ndarray:
    y = np.tile(1 / e, (len(lrs), 1))
    t, squares = np.empty_like(y), np.repeat((lrs * lrs)[:, None], len(e), axis=1)
    for _ in range(STEPS):
        step_y(y, t, squares)
    return logs(1 / y)


class Case:
    """A benchmark, how many steps share a division in it, and what NumPy has for it: one plain form
    and some tuned ones."""

    def __init__(self, name: str, share: int, layer_steps: int, plain, *tuned):
        self.name, self.share, self.layer_steps = name, share, layer_steps
        self.plain, self.tuned = plain, tuned

    def check(self) -> None:
        for form in self.tuned:
            assert np.allclose(form(), self.plain(), rtol=1e-9, atol=1e-9), self.name

    def rates(self) -> tuple:
        """Of ours, plain and tuned, and the limit."""
        name, _, layers = self.name.partition("::")
        ours = streaming(int(layers)) if name == "streaming" else bench(self.name)
        limit = self.share * bench("divisions")
        plain = self.layer_steps / fastest(self.plain)
        tuned = max(self.layer_steps / fastest(form) for form in self.tuned)
        return ours, plain, tuned, limit


def runs() -> list:
    def case(n: int) -> Case:
        e = elrs(n)
        forms = lambda: run_tuned(e), lambda: blocks(run_tuned, e)
        name = "streaming" if n == LAYERS[-1] else "run"
        return Case(f"{name}::{n}", 3, n * STEPS, lambda: run_plain(e), *forms)

    return [case(n) for n in LAYERS]


def warm_ups() -> list:
    def case(policy: str, n: int) -> Case:
        e = elrs(n)
        forms = lambda: warm_up_plain(e, policy), lambda: warm_up_tuned(e, policy)
        share = 1 if policy == "minimax" else 3
        return Case(f"{policy}::{n}", share, n * WARM_UPS[policy], *forms)

    return [case(policy, n) for policy in WARM_UPS for n in LAYERS]


def grids() -> list:
    def case(n: int, rates: int) -> Case:
        e, lrs = elrs(n), np.exp(np.arange(rates) / rates * 10 - 8)
        tuned = lambda lrs=lrs: grid_tuned(e, lrs)
        name, forms = f"grid::({n}, {rates})", (tuned, lambda: blocks(tuned, lrs))
        return Case(name, 4, n * rates * STEPS, lambda: grid_plain(e, lrs), *forms)

    return [case(*sizes) for sizes in GRIDS]


KINDS = {"run": runs, "warm-up": warm_ups, "grid": grids}


def cell(values: list, digits: int = 2) -> str:
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def row(case: Case, repeats: int) -> str:
    case.check()
    ours, plain, tuned, limit = zip(*(case.rates() for _ in range(repeats)))
    cells = [cell([rate / 1e9 for rate in rates]) for rates in (ours, plain, tuned)]
    cells += [cell([a / b for a, b in zip(ours, other)], 1) for other in (plain, tuned)]
    cells.append(cell([a / b for a, b in zip(ours, limit)]))
    return f"| `{case.name}` | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS))
    args = parser.parse_args()

    bench("divisions")  # builds
    print(f"NumPy {np.__version__}, RUSTFLAGS={os.environ.get('RUSTFLAGS', '')!r}; 1e9 layer-steps/s\n")
    heads = ["benchmark", "evenkeel", "NumPy plain", "NumPy tuned"]
    heads += ["ours / plain", "ours / tuned", "ours / limit"]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for kind in args.only:
        for case in KINDS[kind]():
            print(row(case, args.repeats), flush=True)


if __name__ == "__main__":
    main()
