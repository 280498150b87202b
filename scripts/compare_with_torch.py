#!/usr/bin/env python3
"""Compares gradient norms of `evenkeel snapshot` with PyTorch's autograd.

Development only: pip install torch numpy safetensors, build evenkeel, then

    python scripts/compare_with_torch.py [--seed K] [--evenkeel target/release/evenkeel]

For each depth it takes a snapshot, rebuilds the network from model.json alone, loads weights and
batch, and compares every layer's gradient norm: in 64-bit floats, which decides, and in 32-bit
floats beside what rounding does to PyTorch alone. Exit status 1 when a tolerance is exceeded.
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
from torch import nn

# Largest relative difference of a layer's gradient norm, by depth.
TOLERANCES = {5: 1e-4, 20: 1e-3, 50: 1e-2}


def build(model: dict, dtype: torch.dtype) -> nn.Sequential:
    """The network that model.json describes; each module is named by its path in `names`."""
    makers = {
        "linear": lambda layer: nn.Linear(layer["inputs"], layer["outputs"], bias=layer["bias"]),
        "batch_norm": lambda layer: nn.BatchNorm1d(layer["features"], eps=layer["eps"]),
        "relu": lambda layer: nn.ReLU(),
    }
    network = nn.Sequential(*(makers[layer["type"]](layer) for layer in model["layers"]))
    network.names = [layer.get("name") for layer in model["layers"]]
    return network.to(dtype)


def load(network: nn.Sequential, weights: dict) -> dict:
    """Loads the snapshot's weights and returns every parameter by its name in the snapshot."""
    named = {}
    for path, module in zip(network.names, network):
        for leaf, parameter in module.named_parameters():
            name = f"{path}.{leaf}"
            with torch.no_grad():
                parameter.copy_(weights[name])
            named[name] = parameter
    return named


def gradients(folder: pathlib.Path, dtype: torch.dtype) -> dict:
    """PyTorch's gradients on the snapshot's network and batch."""
    network = build(json.loads((folder / "model.json").read_text()), dtype).train()
    named = load(network, load_file(folder / "weights.safetensors"))
    batch = load_file(folder / "batch.safetensors")
    nn.functional.cross_entropy(network(batch["input"].to(dtype)), batch["target"]).backward()
    return {name: parameter.grad.double() for name, parameter in named.items()}


def snapshot(evenkeel: str, depth: int, seed: int, single: bool, folder: pathlib.Path) -> dict:
    """Takes a snapshot and returns the gradient norm of each layer."""
    command = [evenkeel, "snapshot", "--depth", str(depth), "--seed", str(seed), "--out", str(folder)]
    subprocess.run(command + ["--single"] * single, check=True, stdout=subprocess.DEVNULL)
    with open(folder / "snapshot.csv", newline="") as file:
        return {row["layer"]: float(row["grad_norm"]) for row in csv.DictReader(file)}


def largest(ours: dict, theirs: dict) -> float:
    """The largest relative difference of a layer's norm."""
    return max(abs(ours[name] / theirs[name] - 1) for name in ours)


def norms(gradients: dict) -> dict:
    return {name: gradient.norm().item() for name, gradient in gradients.items()}


def compare(evenkeel: str, depth: int, seed: int) -> tuple[float, float, float]:
    """Largest differences: f64 against f64, f32 against f32, and torch's f32 against its own f64."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        ours = snapshot(evenkeel, depth, seed, False, root / "f64")
        single = snapshot(evenkeel, depth, seed, True, root / "f32")
        exact = norms(gradients(root / "f64", torch.float64))
        rounded = norms(gradients(root / "f64", torch.float32))
    return largest(ours, exact), largest(single, rounded), largest({n: rounded[n] for n in ours}, exact)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evenkeel", default="target/release/evenkeel")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(f"torch {torch.__version__}, seed {arguments.seed}; largest relative difference of a layer's norm")
    print("depth  f64: ours, torch  f32: ours, torch  torch: f32, f64  tolerance")
    failed = False
    for depth, tolerance in TOLERANCES.items():
        double, single, own = compare(arguments.evenkeel, depth, arguments.seed)
        failed |= not double < tolerance
        print(f"{depth:5d}  {double:16.1e}  {single:16.1e}  {own:15.1e}  {tolerance:9.0e}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
