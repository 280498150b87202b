#!/usr/bin/env python3
"""Compares gradient norms of `evenkeel snapshot` with PyTorch's autograd.

Development only: pip install torch numpy safetensors, build evenkeel, then

    python scripts/compare_with_torch.py [--seed K] [--evenkeel target/release/evenkeel] [MODEL ...]

For each network it takes a snapshot, rebuilds it from model.json alone, loads weights and batch,
and compares every parameter's gradient and every scale-invariant layer's gradient norm, in 64-bit
floats. Beside them: norms in 32-bit floats, and what rounding does to PyTorch alone. Exit status 1
when they differ.
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

from torch_network import run

# The largest relative difference of a layer's gradient norm in 64-bit floats, and of a parameter's
# gradient as it is written, in 32 bits.
TOLERANCE, WRITTEN = 1e-9, 1e-6

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
    "--model vit --depth 2 --width 128 --batch-size 32",
    "--model vit --depth 2 --width 32 --norm rms --activation tanh --no-shortcut",
    "--model gpt --depth 2 --width 128 --batch-size 8",
    "--model gpt-post --depth 2 --width 64 --batch-size 8",
    "--model gpt-qk --depth 2 --width 128 --norm rms --batch-size 8",
    "--model gpt-normalized --depth 2 --width 128 --batch-size 8",
    "--model gpt-normalized --depth 2 --width 64 --norm gn --init kaiming --batch-size 8",
    "--model vit --depth 1 --width 64 --norm bn --init orthogonal",
]


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
    """Takes a snapshot and returns the gradient norm of each scale-invariant layer."""
    command = [evenkeel, "snapshot", *network.split(), "--seed", str(seed), "--out", str(folder)]
    subprocess.run(command + ["--single"] * single, check=True, stdout=subprocess.DEVNULL)
    with open(folder / "snapshot.csv", newline="") as file:
        return {row["layer"]: float(row["grad_norm"]) for row in csv.DictReader(file)}


def norms(gradients: dict) -> dict:
    return {name: gradient.norm().item() for name, gradient in gradients.items()}


def largest(ours: dict, theirs: dict) -> float:
    """The largest relative difference of a layer's norm."""
    return max((abs(ours[name] / theirs[name] - 1) for name in ours), default=float("nan"))


def apart(ours: dict, theirs: dict) -> float:
    """The largest relative difference of a parameter's gradient, where there is one: that of a key's
    bias vanishes, because the softmax ignores it."""
    assert ours.keys() == theirs.keys(), ours.keys() ^ theirs.keys()
    least = 1e-9 * max(norms(theirs).values())
    return max(((ours[n] - g).norm() / max(g.norm(), least)).item() for n, g in theirs.items())


def compare(evenkeel: str, network: str, seed: int) -> list[float]:
    """The columns of `main`."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        ours = snapshot(evenkeel, network, seed, False, root / "f64")
        single = snapshot(evenkeel, network, seed, True, root / "f32")
        written = load_file(root / "f64" / "gradients.safetensors")
        theirs = gradients(root / "f64", torch.float64)
        rounded = norms(gradients(root / "f64", torch.float32))
    exact = norms(theirs)
    own = largest({name: rounded[name] for name in ours}, exact)
    return [apart(written, theirs), largest(ours, exact), largest(single, rounded), own]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evenkeel", default="target/release/evenkeel")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--text", help="a text file for the language models, which are left out without")
    parser.add_argument("models", nargs="*", metavar="MODEL", help="compare these models only")
    arguments = parser.parse_args()
    print(f"torch {torch.__version__}, seed {arguments.seed}; largest relative differences")
    print("gradients |             norms of scale-invariant layers              |")
    print("  as f32  | f64: ours, torch | f32: ours, torch | torch: f32, f64    | network")
    failed = False
    for network in CASES:
        model = network.split()[1]
        if arguments.models and model not in arguments.models:
            continue
        if model.startswith("gpt"):
            if arguments.text is None:
                continue
            network += f" --data text:{arguments.text}"
        columns = compare(arguments.evenkeel, network, arguments.seed)
        failed |= not columns[0] < WRITTEN or columns[1] >= TOLERANCE
        print("{:9.1e} | {:16.1e} | {:16.1e} | {:18.1e} |".format(*columns), network, flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
