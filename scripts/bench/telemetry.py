"""What telemetry costs: steps with and without it by turns, in one process."""

import math
import pathlib
import statistics
import tempfile

from sides import Ours

COLUMNS = [
    "network", "way", "layers", "pairs", "plain_s", "with_s", "overhead_percent", "low_percent", "high_percent",
]  # fmt: skip

CASES = ("bn-mlp-50x256", "conv-20")

# Ways of evenkeel's side that are held against `plain`.
WAYS = ("layers",)


def interval(values: list) -> tuple:
    """The 95 % confidence interval of the median, from the order of the values."""
    values, n = sorted(values), len(values)
    reach = 0.98 * math.sqrt(n)
    low, high = math.floor((n - 1) / 2 - reach), math.ceil((n - 1) / 2 + reach)
    return values[max(low, 0)], values[min(high, n - 1)]


def overhead(program: str, name: str, way: str, options) -> dict:
    """A row: the median over pairs of the difference, in per cent of a plain step. Pairs of two
    steps, one of each order, so that what the order does cancels."""
    whole = options.spec(name)
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(program, whole, pathlib.Path(folder), 1)
        trial = ours.ask(do="pairs", ways=["plain", way], pairs=2)["pairs"]
        step = statistics.median(trial[0]["seconds"])
        pairs = min(2000, max(20, 2 * round((10 if options.quick else 60) / step / 4)))
        blocks = ours.ask(do="pairs", ways=["plain", way], pairs=pairs)["pairs"]
        plain, measured = (block["seconds"] for block in blocks)
        ours.close()
    median = statistics.median(plain)
    both = [(b - a) / median * 100 for a, b in zip(plain, measured)]
    differences = [(first + second) / 2 for first, second in zip(both[::2], both[1::2])]
    low, high = interval(differences)
    return {
        "network": name,
        "way": way,
        "layers": ours.ready["layers"],
        "pairs": len(both),
        "plain_s": median,
        "with_s": statistics.median(measured),
        "overhead_percent": statistics.median(differences),
        "low_percent": low,
        "high_percent": high,
    }


def overheads(program: str, options) -> list:
    names = [name for name in CASES if name in options.networks]
    return [overhead(program, name, way, options) for name in names for way in WAYS]
