#!/usr/bin/env python3
"""Takes weights from evenkeel to PyTorch and back.

Development only: pip install torch numpy safetensors, build evenkeel, then

    python scripts/weights_with_torch.py [--evenkeel target/release/evenkeel]

Out: a run's weights are loaded into PyTorch's own modules, rebuilt from the file's description, by
load_state_dict(strict=True); their gradients are those of `evenkeel snapshot --weights`. Back: a
network that PyTorch has initialised and trained for a step, its running statistics and counters
included, enters `evenkeel snapshot --weights` and leaves it unchanged. Exit status 1 otherwise.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from compare_with_torch import WRITTEN, apart, run

CASES = [
    "--model mlp --depth 5",
    "--model mlp --depth 4 --norm rms",
    "--model conv --depth 5",
    "--model resnet --depth 20",
    "--model resnet --depth 8 --norm gn",
    "--model vit --depth 2 --width 128 --batch-size 32",
    "--model gpt --depth 2 --width 64 --batch-size 8 --data text:README.md",
]

# PyTorch's module for each layer that has parameters.
MODULES = {
    "linear": lambda l: nn.Linear(l["inputs"], l["outputs"], l["bias"]),
    "conv": lambda l: nn.Conv2d(l["inputs"], l["outputs"], l["kernel"], bias=l["bias"]),
    "batch_norm": lambda l: nn.BatchNorm1d(l["features"], l["eps"]),
    "layer_norm": lambda l: nn.LayerNorm(l["features"], l["eps"]),
    "group_norm": lambda l: nn.GroupNorm(l["groups"], l["features"], l["eps"]),
    "rms_norm": lambda l: nn.RMSNorm(l["features"], l["eps"]),
    "embedding": lambda l: nn.Embedding(l["vocabulary"], l["width"]),
    "tied_embedding": lambda l: nn.Embedding(l["vocabulary"], l["width"]),
    "positions": lambda l: nn.Embedding(l["context"], l["width"]),
    "class_token": lambda l: nn.Embedding(1, l["width"]),
}


def build(layers: list, root: nn.Module) -> nn.Module:
    """Modules under the names of the layers, dots for modules within modules."""
    for layer in layers:
        if layer["type"] in MODULES:
            *parents, leaf = layer["name"].split(".")
            place = root
            for parent in parents:
                if not hasattr(place, parent):
                    place.add_module(parent, nn.Module())
                place = getattr(place, parent)
            place.add_module(leaf, MODULES[layer["type"]](layer))
        for value in layer.values():
            if isinstance(value, list):
                build(value, root)
    return root


def loss(layers: list, network: nn.Module, batch: dict, dtype: torch.dtype) -> torch.Tensor:
    x = batch["input"]
    x = x.to(dtype) if x.is_floating_point() else x
    return F.cross_entropy(run(layers, x, dict(network.named_parameters())), batch["target"])


def same(ours: dict, theirs: dict) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def round_trip(evenkeel: str, network: str, root: pathlib.Path) -> tuple:
    """How far gradients are apart, and whether the weights came back as they were."""

    def call(*command: str) -> None:
        subprocess.run([evenkeel, *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    shape = [*network.split(), "--eval-rows", "32"]
    call("train", *shape, "--control", "none", "--lr", "0.01", "--steps", "3", "--out", str(root / "run"))
    file, back = str(root / "run.safetensors"), str(root / "back.safetensors")
    call("weights", str(root / "run" / "none"), "--out", file)
    with safe_open(file, "pt") as opened:
        layers = json.loads(opened.metadata()["evenkeel"])["model"]["layers"]
    theirs = build(layers, nn.Module())
    theirs.load_state_dict(load_file(file), strict=True)

    call("snapshot", *network.split(), "--weights", file, "--out", str(root / "out"))
    batch = load_file(root / "out" / "batch.safetensors")
    theirs.double()
    loss(layers, theirs, batch, torch.float64).backward()
    gradients = {name: p.grad for name, p in theirs.named_parameters() if p.grad is not None}
    distance = apart(load_file(root / "out" / "gradients.safetensors"), gradients)

    torch.manual_seed(0)
    fresh = build(layers, nn.Module())
    for module in fresh.modules():
        if isinstance(module, nn.BatchNorm1d):
            module(torch.randn(32, module.num_features))
    loss(layers, fresh, batch, torch.float32).backward()
    torch.optim.SGD(fresh.parameters(), 0.01).step()
    state = {name: tensor.contiguous() for name, tensor in fresh.state_dict().items()}
    save_file(state, back)
    call("snapshot", *network.split(), "--weights", back, "--out", str(root / "back"))
    returned = load_file(root / "back" / "weights.safetensors")
    counters = {name for name in state if name.endswith(".num_batches_tracked")}
    return distance, same(returned, {name: state[name] for name in state if name not in counters})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evenkeel", default="target/release/evenkeel")
    evenkeel = parser.parse_args().evenkeel
    print(f"torch {torch.__version__}\ngradients apart | back as sent | network")
    failed = False
    for network in CASES:
        with tempfile.TemporaryDirectory() as folder:
            distance, returned = round_trip(evenkeel, network, pathlib.Path(folder))
        failed |= not distance < WRITTEN or not returned
        print(f"{distance:15.1e} | {'yes' if returned else 'NO':12} | {network}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
