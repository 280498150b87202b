"""evenkeel beside PyTorch: the same network, weights and batches, by turns."""

import math
import pathlib
import statistics
import tempfile
from dataclasses import dataclass

from sides import Ours, Theirs, arithmetic

# How far the first loss may be off from PyTorch's in 64 bits: by this, or by so many times as much as
# PyTorch's own is in 32 bits. Rounding grows with depth, by 1.2 a layer in a BN-ReLU network.
FIRST, TIMES = 1e-5, 10

COLUMNS = [
    "network", "batch", "threads", "layers", "gflop", "torch_setting", "ours_s", "ours_plain_s", "torch_s",
    "ratio", "ratio_low", "ratio_high", "plain_ratio", "cpu_ratio", "compiled_ratio",
    "ours_peak_share", "torch_peak_share", "ours_mb", "torch_mb", "ours_start_mb", "torch_start_mb",
    "first_loss_diff", "torch_first_rounding", "last_loss_diff", "torch_last_rounding", "agrees",
    "load",
]  # fmt: skip


def relative(a: list, b: list) -> list:
    return [abs(x / y - 1) for x, y in zip(a, b)]


def agreement(ours: Ours, theirs: Theirs, layout: str, steps: int) -> dict:
    """How far the losses are apart, under the rates that evenkeel's control chose, and how far
    PyTorch in 32 bits is from PyTorch in 64."""
    mine = ours.steps("layers", steps)
    single = theirs.steps((layout, "loop", False, "float32"), mine["rates"])["losses"]
    double = theirs.steps((layout, "loop", False, "float64"), mine["rates"])["losses"]
    off, own = relative(mine["losses"], double), relative(single, double)
    agrees = off[0] <= max(FIRST, TIMES * own[0])
    return {
        "first_loss_diff": off[0],
        "torch_first_rounding": own[0],
        "last_loss_diff": off[-1],
        "torch_last_rounding": own[-1],
        "agrees": agrees,
    }


def settings(folder: pathlib.Path, optimizers: tuple) -> list:
    """What PyTorch is tried with."""
    layouts = ["contiguous"]
    if '"conv"' in (folder / "model.json").read_text():
        layouts.append("channels_last")
    return [(layout, optimizer, False, "float32") for layout in layouts for optimizer in optimizers]


def fastest(theirs: Theirs, ways: list, rate: float, rounds: int) -> tuple:
    """The way with the lowest median, after a step to warm up."""
    times = {way: [] for way in ways}
    for way in ways:
        theirs.steps(way, [rate])
    for _ in range(rounds):
        for way in ways:
            times[way] += theirs.steps(way, [rate, rate])["seconds"]
    return min(ways, key=lambda way: statistics.median(times[way]))


def block_size(ask, seconds: float) -> int:
    """How many steps take about so long."""
    step = min(ask(2)["seconds"])
    return max(1, math.ceil(seconds / step))


def quantile(values: list, share: float) -> float:
    values = sorted(values)
    place = share * (len(values) - 1)
    low = math.floor(place)
    return values[low] + (place - low) * (values[min(low + 1, len(values) - 1)] - values[low])


def alternate(sides: dict, rounds: int, seconds: float) -> dict:
    """Medians of the steps of each block, and CPU seconds a step, by side. Each second round goes
    through the sides backwards."""
    steps = {name: block_size(ask, seconds) for name, ask in sides.items()}
    medians = {name: {"seconds": [], "cpu": []} for name in sides}
    for number in range(rounds):
        order = list(sides) if number % 2 == 0 else list(reversed(sides))
        for name in order:
            result = sides[name](steps[name])
            medians[name]["seconds"].append(statistics.median(result["seconds"]))
            medians[name]["cpu"].append(result["cpu"] / steps[name])
    return medians


def ratios(of: list, to: list) -> list:
    return [a / b for a, b in zip(of, to)]


def compiled_way(theirs: Theirs, way: tuple, rate: float) -> tuple:
    """The same way compiled, if this machine can, or why not."""
    compiled = (*way[:2], True, way[3])
    answer = theirs.steps(compiled, [rate] * 2)
    return (compiled, None) if "error" not in answer else (None, answer["error"])


@dataclass(frozen=True)
class Effort:
    """How much is done for a row."""

    agreement_steps: int
    optimizers: tuple
    trials: int
    rounds: int
    block_seconds: float


THOROUGH = Effort(10, ("loop", "foreach", "fused"), 2, 9, 0.6)
QUICK = Effort(3, ("foreach",), 1, 4, 0.2)


def compare(program: str, name: str, threads: int, options) -> dict:
    """A row."""
    effort, whole = QUICK if options.quick else THOROUGH, options.spec(name)
    rate = whole["lr"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        ours, theirs = Ours(program, whole, folder, threads), Theirs(folder, threads)
        ways = settings(folder, effort.optimizers)
        result = agreement(ours, theirs, ways[-1][0], effort.agreement_steps)
        peak = ours.ask(do="peak", threads=threads)["flops_per_second"]
        way = fastest(theirs, ways, rate, effort.trials)
        sides = {
            "ours": lambda steps: ours.steps("layers", steps),
            "torch": lambda steps: theirs.steps(way, [rate] * steps),
            "plain": lambda steps: ours.steps("plain", steps),
        }
        compiled, refusal = compiled_way(theirs, way, rate) if options.compile else (None, None)
        if compiled:
            sides["compiled"] = lambda steps: theirs.steps(compiled, [rate] * steps)
        times = alternate(sides, effort.rounds, effort.block_seconds)
        flops = arithmetic(folder).flops
        for side in (ours, theirs):
            side.close()
        memory = peaks(program, whole, folder, threads, way)
    return result | memory | row(name, threads, times, flops, peak) | {
        "batch": whole["batch_size"],
        "layers": ours.ready["layers"],
        "torch_setting": "+".join(way[:2]),
        "compiled_refusal": refusal,
    }


def peaks(program: str, whole: dict, folder: pathlib.Path, threads: int, way: tuple) -> dict:
    """The most memory that each has in processes that do nothing else, and what they have before the
    first step."""
    ours, theirs = Ours(program, whole, folder / "again", threads), Theirs(folder, threads)
    ours.steps("layers", 3)
    theirs.steps(way, [whole["lr"]] * 3)
    memory = {
        "ours_mb": ours.peak_memory(),
        "torch_mb": theirs.peak_memory(),
        "ours_start_mb": ours.peak_before,
        "torch_start_mb": theirs.peak_before,
    }
    for side in (ours, theirs):
        side.close()
    return memory


def row(name: str, threads: int, times: dict, flops: float, peak: float) -> dict:
    """What the times come to. A ratio above 1 says that evenkeel is faster."""
    seconds = {side: statistics.median(times[side]["seconds"]) for side in times}
    against = ratios(times["torch"]["seconds"], times["ours"]["seconds"])
    compiled = times.get("compiled", {"seconds": []})["seconds"]
    with open("/proc/loadavg") as file:
        load = file.read().split()[0]
    return {
        "network": name,
        "threads": threads,
        "gflop": flops / 1e9,
        "ours_s": seconds["ours"],
        "ours_plain_s": seconds["plain"],
        "torch_s": seconds["torch"],
        "ratio": statistics.median(against),
        "ratio_low": quantile(against, 0.25),
        "ratio_high": quantile(against, 0.75),
        "plain_ratio": statistics.median(ratios(times["torch"]["seconds"], times["plain"]["seconds"])),
        "cpu_ratio": statistics.median(ratios(times["torch"]["cpu"], times["ours"]["cpu"])),
        "compiled_ratio": statistics.median(ratios(compiled, times["ours"]["seconds"])) if compiled else None,
        "ours_peak_share": flops / seconds["ours"] / peak,
        "torch_peak_share": flops / seconds["torch"] / peak,
        "load": float(load),
    }
