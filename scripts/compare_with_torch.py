#!/usr/bin/env python3
"""Compares gradient norms of `evenkeel snapshot` with PyTorch's autograd.

Development only: pip install torch numpy safetensors, build evenkeel, then

    python scripts/compare_with_torch.py [--seed K] [--evenkeel target/release/evenkeel] [MODEL ...]

For each network it takes a snapshot, rebuilds it from model.json alone, loads weights and batch,
and compares every layer's gradient norm: in 64-bit floats, which decides, and in 32-bit floats
beside what rounding does to PyTorch alone. Exit status 1 when they differ.
"""

import argparse
import csv
import json
import pathlib
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file
from torch.nn import functional as F

# The largest relative difference of a layer's gradient norm in 64-bit floats.
TOLERANCE = 1e-9

# What is compared.
CASES = [
    "--model mlp --depth 5",
    "--model mlp --depth 20",
    "--model mlp --depth 50",
    "--model mlp --depth 10 --norm ln --activation gelu --init xavier",
    "--model mlp --depth 10 --norm rms --activation tanh --init orthogonal",
    "--model mlp --depth 10 --norm gn --activation identity",
    "--model conv --depth 7",
    "--model conv --depth 5 --norm ln --activation gelu",
    "--model resnet --depth 20",
    "--model resnet --depth 20 --no-shortcut",
    "--model resnet --depth 8 --norm gn",
    "--model resnet --depth 8 --norm rms",
    "--model resnet --depth 18 --width 16",
    "--model resnet --depth 50 --width 8",
]


def group_norm(layer: dict, groups: int, x: torch.Tensor, parameters: dict) -> torch.Tensor:
    weight, bias = of(layer, parameters)
    return F.group_norm(x, groups, weight, bias, layer["eps"])


def rms_norm(layer: dict, x: torch.Tensor, parameters: dict) -> torch.Tensor:
    weight, _ = of(layer, parameters)
    rms = (x.square().flatten(1).mean(1) + layer["eps"]).sqrt()
    per_example, per_feature = [-1] + [1] * (x.ndim - 1), [1, -1] + [1] * (x.ndim - 2)
    return x / rms.view(per_example) * weight.view(per_feature)


def of(layer: dict, parameters: dict) -> tuple:
    """Weight and bias of a layer; None for what it has not."""
    return tuple(parameters.get(f"{layer['name']}.{leaf}") for leaf in ("weight", "bias"))


LAYERS = {
    "linear": lambda l, x, p: F.linear(x, *of(l, p)),
    "conv": lambda l, x, p: F.conv2d(x, *of(l, p), stride=l["stride"], padding=l["padding"]),
    "batch_norm": lambda l, x, p: F.batch_norm(x, None, None, *of(l, p), training=True, eps=l["eps"]),
    "layer_norm": lambda l, x, p: group_norm(l, 1, x, p),
    "group_norm": lambda l, x, p: group_norm(l, l["groups"], x, p),
    "rms_norm": rms_norm,
    "relu": lambda l, x, p: F.relu(x),
    "gelu": lambda l, x, p: F.gelu(x),
    "tanh": lambda l, x, p: torch.tanh(x),
    "image": lambda l, x, p: x.reshape(-1, l["channels"], l["height"], l["width"]),
    "max_pool": lambda l, x, p: F.max_pool2d(x, l["kernel"], l["stride"], l["padding"]),
    "average_pool": lambda l, x, p: x.mean((2, 3)),
    "subsample": lambda l, x, p: F.pad(x[:, :, :: l["stride"], :: l["stride"]], (0, 0, 0, 0, 0, l["zeros"])),
    "residual": lambda l, x, p: run(l["body"], x, p) + run(l["shortcut"], x, p),
}


def run(layers: list, x: torch.Tensor, parameters: dict) -> torch.Tensor:
    """What the layers of model.json make of an input."""
    for layer in layers:
        x = LAYERS[layer["type"]](layer, x, parameters)
    return x


def gradients(folder: pathlib.Path, dtype: torch.dtype) -> dict:
    """PyTorch's gradients on the snapshot's network and batch."""
    weights = load_file(folder / "weights.safetensors")
    parameters = {name: weight.to(dtype).requires_grad_() for name, weight in weights.items()}
    batch = load_file(folder / "batch.safetensors")
    layers = json.loads((folder / "model.json").read_text())["layers"]
    x = batch["input"]
    scores = run(layers, x.to(dtype) if x.is_floating_point() else x, parameters)
    F.cross_entropy(scores, batch["target"]).backward()
    return {name: p.grad.double() for name, p in parameters.items() if p.grad is not None}


def snapshot(evenkeel: str, network: str, seed: int, single: bool, folder: pathlib.Path) -> dict:
    """Takes a snapshot and returns the gradient norm of each layer."""
    command = [evenkeel, "snapshot", *network.split(), "--seed", str(seed), "--out", str(folder)]
    subprocess.run(command + ["--single"] * single, check=True, stdout=subprocess.DEVNULL)
    with open(folder / "snapshot.csv", newline="") as file:
        return {row["layer"]: float(row["grad_norm"]) for row in csv.DictReader(file)}


def largest(ours: dict, theirs: dict) -> float:
    """The largest relative difference of a layer's norm."""
    return max(abs(ours[name] / theirs[name] - 1) for name in ours)


def norms(gradients: dict) -> dict:
    return {name: gradient.norm().item() for name, gradient in gradients.items()}


def compare(evenkeel: str, network: str, seed: int) -> tuple[float, float, float]:
    """Largest differences: f64 against f64, f32 against f32, and torch's f32 against its own f64."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        ours = snapshot(evenkeel, network, seed, False, root / "f64")
        single = snapshot(evenkeel, network, seed, True, root / "f32")
        exact = norms(gradients(root / "f64", torch.float64))
        rounded = norms(gradients(root / "f64", torch.float32))
    return largest(ours, exact), largest(single, rounded), largest({n: rounded[n] for n in ours}, exact)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evenkeel", default="target/release/evenkeel")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="compare these models only")
    arguments = parser.parse_args()
    print(f"torch {torch.__version__}, seed {arguments.seed}; largest relative difference of a layer's norm")
    print("f64: ours, torch  f32: ours, torch  torch: f32, f64  network")
    failed = False
    for network in CASES:
        if arguments.models and network.split()[1] not in arguments.models:
            continue
        double, single, own = compare(arguments.evenkeel, network, arguments.seed)
        failed |= not double < TOLERANCE
        print(f"{double:16.1e}  {single:16.1e}  {own:15.1e}  {network}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
