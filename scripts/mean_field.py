#!/usr/bin/env python3
"""Holds mean field (T21) against networks at initialisation, built in PyTorch.

Development only: pip install torch, then

    python scripts/mean_field.py [--seeds 3] [--table bn,sample,residual,conv,drift] [--evenkeel target/release/evenkeel]

Prints tables in Markdown: growth of the gradient's norm per layer towards the input, and in brackets how far it is
from what `evenkeel forecast --synthetic` starts from, in per cent. Growth is the slope of a least-squares line through
ln |grad W| over layers, without the first and last tenth of them; the mean is over the logarithms of the seeds. Inputs
and the gradients handed to the output are standard normal, weights He-normal, everything in 64 bits, norms without ε.
"""

import argparse
import json
import math
import statistics
import subprocess

import torch
from torch.nn import functional

ACTIVATIONS = {
    "identity": lambda z: z,
    "relu": torch.relu,
    "leaky-relu": functional.leaky_relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "tanh": torch.tanh,
    "erf": torch.erf,
}
SHAPES = [(128, 20), (128, 50), (512, 20), (512, 50), (512, 100), (1024, 20)]  # width, depth
USUAL, RARE = ["identity", "relu", "gelu", "silu", "tanh"], ["leaky-relu", "erf"]


def standard(z: torch.Tensor, *over: int, centre: bool = True) -> torch.Tensor:
    """z without its mean and divided by its root mean square over the given dimensions."""
    z = z - z.mean(over, keepdim=True) if centre else z
    return z / z.square().mean(over, keepdim=True).sqrt()


NORMS = {
    "bn": lambda z: standard(z, 0, *range(2, z.dim())),
    "ln": lambda z: standard(z, 1),
    "rms": lambda z: standard(z, 1, centre=False),
}


def ln_gradients(name: str, depth: int, layer, weight_shape: tuple, inputs: torch.Tensor) -> list:
    """ln |grad W| of each layer of a network whose weights act on inputs through `layer`."""
    shortcut = name.startswith("res-")
    norm, activation = name.removeprefix("res-").split("-", 1)
    norm, activation = NORMS[norm], ACTIVATIONS[activation]
    scale = math.sqrt(2 / math.prod(weight_shape[1:]))
    weights = [(torch.randn(weight_shape) * scale).requires_grad_() for _ in range(depth)]
    state = norm(layer(inputs, weights[0]))
    for weight in weights[1:]:
        branch = norm(layer(activation(norm(state) if shortcut else state), weight))
        state = state + branch if shortcut else branch
    output = activation(state)
    gradients = torch.autograd.grad(output, weights, torch.randn_like(output))
    return [gradient.norm().log().item() for gradient in gradients]


def mlp(name: str, width: int, depth: int, batch: int) -> list:
    return ln_gradients(name, depth, functional.linear, (width, width), torch.randn(batch, width))


def conv(name: str, channels: int, depth: int, batch: int, side: int, mode: str) -> list:
    def layer(z: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(functional.pad(z, (1, 1, 1, 1), mode=mode), weight)

    return ln_gradients(name, depth, layer, (channels, channels, 3, 3), torch.randn(batch, channels, side, side))


def rate(ln_norms: list) -> float:
    """Growth per layer towards the input in logarithms, by least squares over the middle."""
    skip = len(ln_norms) // 10
    points = list(enumerate(ln_norms))[skip : len(ln_norms) - skip]
    return -statistics.linear_regression([x for x, _ in points], [y for _, y in points]).slope


class Comparison:
    """Measures, predicts, and keeps the standard errors."""

    def __init__(self, evenkeel: str, seeds: int):
        self.evenkeel, self.seeds, self.errors = evenkeel, seeds, []

    def predicted(self, name: str, depth: int, batch: int) -> float:
        network = f"{name}:{depth}" + (f":batch={batch}" if "bn-" in name else "")
        command = [self.evenkeel, "forecast", "--synthetic", network, "--lr", "1", "--steps", "1", "--json"]
        run = subprocess.run(command, check=True, capture_output=True)
        return rate([math.log(elr) for elr in json.loads(run.stdout)["elr"][0]])

    def cell(self, measure, name: str, depth: int, batch: int) -> str:
        rates = []
        for seed in range(self.seeds):
            torch.manual_seed(seed)
            rates.append(rate(measure()))
        if self.seeds > 1:
            self.errors.append(statistics.stdev(rates) / math.sqrt(self.seeds))
        mean = statistics.fmean(rates)
        return f"{math.exp(mean):.3f} ({100 * math.expm1(mean - self.predicted(name, depth, batch)):+.1f})"

    def close(self) -> None:
        """What stands under a table."""
        if self.errors:
            median, most = (100 * value for value in (statistics.median(self.errors), max(self.errors)))
            print(f"\nStandard errors over {self.seeds} seeds: {median:.1f} % in the median, {most:.1f} % at most.\n")
        self.errors.clear()


def row(cells: list) -> None:
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def head(cells: list) -> None:
    row(cells)
    print("|" + "---|" * len(cells))


def plain(names: list, batches: list, comparison: Comparison) -> None:
    """Fully connected networks: a row for each name and batch, a column for each shape."""
    growing = not names[0].startswith("res-")
    head(["network", "batch"] + ["predicted"] * growing + [f"{width} × {depth}" for width, depth in SHAPES])
    for name, batch in ((name, batch) for name in names for batch in batches[name]):
        cells = [f"`{name}`", batch]
        cells += [f"{math.exp(comparison.predicted(name, 20, batch)):.4f}"] if growing else []
        for width, depth in SHAPES:
            cells.append(comparison.cell(lambda: mlp(name, width, depth, batch), name, depth, batch))
        row(cells)
    comparison.close()


def batch_normalized(comparison: Comparison) -> None:
    batches = {f"bn-{a}": [4, 8, 16, 32, 128, 512] for a in USUAL} | {f"bn-{a}": [16, 128] for a in RARE}
    plain(list(batches), batches, comparison)


def per_sample(comparison: Comparison) -> None:
    names = [f"ln-{a}" for a in ACTIVATIONS] + ["rms-relu", "rms-gelu", "rms-tanh"]
    plain(names, {name: [16, 128] for name in names}, comparison)


def residual(comparison: Comparison) -> None:
    names = [f"res-bn-{a}" for a in USUAL] + [f"res-ln-{a}" for a in USUAL] + ["res-rms-relu"]
    plain(names, {name: [16, 128] for name in names}, comparison)


def convolutional(comparison: Comparison) -> None:
    """3 × 3 convolutions of depth 24; each position of each image counts as a sample."""
    shapes = [(64, 4, 4), (64, 8, 2), (128, 4, 4), (64, 8, 16), (128, 8, 16)]
    head(["network", "padding"] + [f"{channels} channels, {side} × {side}, {b} images" for channels, side, b in shapes])
    for name in ("bn-relu", "bn-tanh"):
        for mode in ("circular", "constant"):
            cells = [f"`{name}`", {"constant": "zeros"}.get(mode, mode)]
            for channels, side, batch in shapes:
                measure = lambda: conv(name, channels, 24, batch, side, mode)
                cells.append(comparison.cell(measure, name, 24, batch * side * side))
            row(cells)
    comparison.close()


@torch.no_grad()
def drift(comparison: Comparison) -> None:
    """How unequal samples become under batch normalization."""
    depths = (5, 10, 20, 50, 100)
    print("Standard deviation, over a batch, of a sample's mean square activation relative to the batch's, seed 0:\n")
    head(["network", "width", "batch"] + [f"layer {depth}" for depth in depths])
    for activation in ("relu", "gelu", "silu", "tanh"):
        for width, batch in ((512, 16), (512, 64), (512, 256), (2048, 256)):
            torch.manual_seed(0)
            state, cells = torch.randn(batch, width), [f"`bn-{activation}`", width, batch]
            for depth in range(1, depths[-1] + 1):
                weight = torch.randn(width, width)
                state = ACTIVATIONS[activation](NORMS["bn"](functional.linear(state, weight)))
                norms = state.square().mean(1)
                cells += [f"{(norms.std() / norms.mean()).item():.2f}"] if depth in depths else []
            row(cells)


TABLES = {"bn": batch_normalized, "sample": per_sample, "residual": residual, "conv": convolutional, "drift": drift}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evenkeel", default="target/release/evenkeel")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--table", default=",".join(TABLES))
    arguments = parser.parse_args()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)  # the same bits on any machine
    for table in arguments.table.split(","):
        TABLES[table](Comparison(arguments.evenkeel, arguments.seeds))


if __name__ == "__main__":
    main()
