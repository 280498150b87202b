#!/usr/bin/env python3
"""Trains the main job's network in PyTorch, to hold evenkeel's training results against.

Development only: pip install torch, then

    python scripts/train_in_torch.py [--seeds 2] [--init he-normal|torch-default] [--steps 600]

Same data and split, network, batch size and rate as `evenkeel train`, other random numbers. Controls:
`none`, `hold` by per-layer rates and `hold` by rescaling the weights at every step (T23, T22).
"""

import argparse
import gzip
import pathlib
import statistics

import torch
from torch import nn

DATA = pathlib.Path(__file__).parent.parent / "crates/evenkeel-nn/assets/digits.csv.gz"
DEPTH, WIDTH, BATCH, LR, LAST = 50, 128, 128, 0.1, 20


def digits() -> tuple:
    """Training and test rows; every fifth row is a test row."""
    with gzip.open(DATA, "rt") as file:
        rows = torch.tensor([[int(field) for field in line.split(",")] for line in file])
    inputs, labels = rows[:, :64].float() / 16, rows[:, 64]
    test = torch.arange(len(rows)) % 5 == 4
    return inputs[~test], labels[~test], inputs[test], labels[test]


def build(init: str) -> tuple:
    """The BN-MLP and its scale-invariant weights."""
    blocks, inputs = [], 64
    for _ in range(DEPTH):
        linear = nn.Linear(inputs, WIDTH, bias=False)
        if init == "he-normal":
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        blocks += [linear, nn.BatchNorm1d(WIDTH), nn.ReLU()]
        inputs = WIDTH
    network = nn.Sequential(*blocks, nn.Linear(WIDTH, 10))
    return network, [module.weight for module in network[:-1] if isinstance(module, nn.Linear)]


@torch.no_grad()
def step(network: nn.Sequential, weights: list, control: str, multipliers: torch.Tensor) -> tuple:
    """One update; returns the spread found before the control acted, and the new multipliers."""
    elrs = torch.stack([weight.grad.norm() / weight.norm() for weight in weights])
    found = (elrs * multipliers).log10()
    mean = elrs.log().mean().exp()
    if control == "hold by weights":
        for weight, factor in zip(weights, (elrs / mean).sqrt()):
            weight.mul_(factor)
            weight.grad.div_(factor)
    if control == "hold by rates":
        multipliers = mean / elrs
    rates = {id(weight): LR * m for weight, m in zip(weights, multipliers.tolist())}
    for parameter in network.parameters():
        parameter.sub_(rates.get(id(parameter), LR) * parameter.grad)
    return (found.max() - found.min()).item(), multipliers


def accuracy(network: nn.Sequential, data: tuple) -> float:
    """Share of test rows classified correctly, BN statistics re-estimated on the training set."""
    inputs, _, test_inputs, test_labels = data
    for module in network:
        if isinstance(module, nn.BatchNorm1d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(inputs)
        return (network.eval()(test_inputs).argmax(1) == test_labels).float().mean().item()


def train(data: tuple, init: str, control: str, seed: int, steps: int) -> None:
    torch.manual_seed(seed)
    network, weights = build(init)
    losses, spreads, multipliers, order = [], [], torch.ones(DEPTH), []
    for _ in range(steps):
        if len(order) < BATCH:
            order = torch.randperm(len(data[0])).tolist()
        rows, order = order[:BATCH], order[BATCH:]
        network.zero_grad()
        loss = nn.functional.cross_entropy(network(data[0][rows]), data[1][rows])
        loss.backward()
        losses.append(loss.item())
        spread, multipliers = step(network, weights, control, multipliers)
        spreads.append(spread)
    print(
        f"{init:13} {control:15} seed {seed}: spread at step 0 {spreads[0]:.2f}, median found "
        f"{statistics.median(spreads[1:]):.2f}, final loss {statistics.fmean(losses[-LAST:]):.3f}, "
        f"test accuracy {accuracy(network, data):.3f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--init", choices=["he-normal", "torch-default"], default="he-normal")
    parser.add_argument("--steps", type=int, default=600)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = digits()
    for seed in range(arguments.seeds):
        for control in ["none", "hold by rates", "hold by weights"]:
            train(data, arguments.init, control, seed, arguments.steps)


if __name__ == "__main__":
    main()
