#!/usr/bin/env python3
"""Compares `evenkeel::bulk` with NumPy on the same layers and steps, and prints a table in Markdown.

    python scripts/bench_numpy.py [--repeats 5] [--layers 50 1024 16384 1000000]

Both take turns, `--repeats` times for each number of layers, on one thread. NumPy works in place in
preallocated arrays, and the fastest of its forms counts:

    T5      E /= 1 + (λE)²        four ufuncs
    y       y += λ²/y, y = 1/E    two ufuncs, one of them the division
    blocks  y, in blocks of 16384 layers over all steps, which stay in the cache

Layer-steps a second are medians over the repeats with the lowest and highest; a ratio is taken
within a repeat. `division` is the benchmark that only divides, in the same blocks. Set RUSTFLAGS to
compare other targets, as in RUSTFLAGS="-C target-cpu=native". Needs NumPy and cargo.
"""

import argparse
import math
import os
import re
import statistics
import subprocess
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402  (after the number of threads)

STEPS = 1020  # as in benches/bulk.rs, like the ELRs and the schedule below
BLOCK = 16384
RATE = re.compile(r"([\d.]+) ([KMG]?)item/s")
UNIT = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9}
LRS = [math.exp(-step / STEPS) for step in range(STEPS)]


def bench(name: str) -> float:
    """Layer-steps a second: the median of a benchmark in benches/bulk.rs."""
    command = ["cargo", "bench", "-q", "-p", "evenkeel", "--bench", "bulk", "--"]
    out = subprocess.run(command + [name, "--exact"], check=True, text=True, capture_output=True)
    rates = RATE.findall(out.stdout)
    if not rates:
        raise SystemExit(f"no rate in the report of {name}:\n{out.stdout}")
    number, unit = rates[2]  # fastest, slowest, median, mean
    return float(number) * UNIT[unit]


def elrs(layers: int) -> np.ndarray:
    return np.exp(np.sin(np.arange(layers) * 1.7) * 4.6)


def run_t5(start: np.ndarray) -> np.ndarray:
    e, t = start.copy(), np.empty_like(start)
    for lr in LRS:
        np.multiply(e, lr, out=t)
        np.multiply(t, t, out=t)
        np.add(t, 1.0, out=t)
        np.divide(e, t, out=e)
    return e


def run_y(start: np.ndarray) -> np.ndarray:
    y, t = 1.0 / start, np.empty_like(start)
    for lr in LRS:
        np.divide(lr * lr, y, out=t)
        np.add(y, t, out=y)
    return 1.0 / y


def run_blocks(start: np.ndarray) -> np.ndarray:
    return np.concatenate([run_y(start[i : i + BLOCK]) for i in range(0, len(start), BLOCK)])


FORMS = {"T5": run_t5, "y": run_y, "blocks": run_blocks}


def numpy_rates(start: np.ndarray) -> dict:
    """The best of three for each form; short runs are repeated until they can be timed."""
    calls = max(1, 200_000 // len(start) // 10)
    rates = {}
    for name, form in FORMS.items():
        seconds = math.inf
        for _ in range(3):
            began = time.perf_counter()
            for _ in range(calls):
                form(start)
            seconds = min(seconds, time.perf_counter() - began)
        rates[name] = len(start) * STEPS * calls / seconds
    return rates


def cell(values: list, scale: float = 1.0) -> str:
    low, middle, high = (f(values) / scale for f in (min, statistics.median, max))
    return f"{middle:.2f} ({low:.2f}–{high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--layers", type=int, nargs="+", default=[50, 1024, 16384, 1_000_000])
    args = parser.parse_args()

    small = elrs(1000)
    for form in FORMS.values():
        assert np.allclose(form(small), run_t5(small), rtol=1e-11, atol=0.0)
    bench("bulk::division_only")  # builds

    print(f"NumPy {np.__version__}, RUSTFLAGS={os.environ.get('RUSTFLAGS', '')!r}; 1e9 layer-steps/s\n")
    heads = ["layers", "evenkeel", "NumPy T5", "NumPy y", "NumPy blocks", "evenkeel / best NumPy"]
    print("| " + " | ".join(heads + ["evenkeel / division"]) + " |")
    print("|" + "---|" * (len(heads) + 1))
    for layers in args.layers:
        start = elrs(layers)
        ours, division, theirs = [], [], []
        for _ in range(args.repeats):
            ours.append(bench(f"bulk::run::{layers}"))
            theirs.append(numpy_rates(start))
            division.append(bench("bulk::division_only"))
        row = [str(layers), cell(ours, 1e9)]
        row += [cell([rates[form] for rates in theirs], 1e9) for form in FORMS]
        row.append(cell([a / max(b.values()) for a, b in zip(ours, theirs)]))
        row.append(cell([a / b for a, b in zip(ours, division)]))
        print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
