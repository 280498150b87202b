"""What telemetry costs: steps with and without it by turns, in one process."""

import pathlib
import statistics
import tempfile

from sides import Ours

COLUMNS = [
    "network", "way", "layers", "starts", "pairs", "plain_s", "with_s", "overhead_percent", "low_percent", "high_percent",
]  # fmt: skip

CASES = ("bn-mlp-50x256", "conv-20")

# Ways of evenkeel's side that are held against `plain`.
WAYS = ("layers", "units")

# Where memory happens to lie makes a process's steps differ by a per cent or two one way or the other, so
# that many pairs in one process say little.
STARTS = 5


def differences(program: str, name: str, way: str, options, folder: pathlib.Path) -> tuple:
    """Of one process: medians of both, and the median over pairs of the difference, in per cent of a plain
    step. Pairs of two steps, one of each order, so that what the order does cancels."""
    ours = Ours(program, options.spec(name), folder, 1)
    trial = ours.ask(do="pairs", ways=["plain", way], pairs=2)["pairs"]
    step = statistics.median(trial[0]["seconds"])
    pairs = min(400, max(12, 2 * round((4 if options.quick else 6) / step / 4)))
    blocks = ours.ask(do="pairs", ways=["plain", way], pairs=pairs)["pairs"]
    plain, measured = (block["seconds"] for block in blocks)
    layers = ours.ready["layers"]
    ours.close()
    median = statistics.median(plain)
    both = [(b - a) / median * 100 for a, b in zip(plain, measured)]
    halves = [(first + second) / 2 for first, second in zip(both[::2], both[1::2])]
    return median, statistics.median(measured), statistics.median(halves), pairs, layers


def overhead(program: str, name: str, way: str, options) -> dict:
    """A row: the median over processes, and how far they are apart."""
    found = []
    for _ in range(3 if options.quick else STARTS):
        with tempfile.TemporaryDirectory() as folder:
            found.append(differences(program, name, way, options, pathlib.Path(folder)))
    plain, measured, per_cent, pairs, layers = zip(*found)
    options.say(f"  {name}, {way}: {', '.join(f'{x:.2f}' for x in per_cent)} %")
    return {
        "network": name,
        "way": way,
        "layers": layers[0],
        "starts": len(found),
        "pairs": sum(pairs),
        "plain_s": statistics.median(plain),
        "with_s": statistics.median(measured),
        "overhead_percent": statistics.median(per_cent),
        "low_percent": min(per_cent),
        "high_percent": max(per_cent),
    }


def overheads(program: str, options) -> list:
    names = [name for name in CASES if name in options.networks]
    return [overhead(program, name, way, options) for name in names for way in WAYS]
