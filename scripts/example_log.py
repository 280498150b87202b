#!/usr/bin/env python3
"""Writes docs/logs/wandb.csv: the norms of a network in training, as Weights & Biases exports a run's history.

Development only: pip install torch, then python scripts/example_log.py
"""

import csv
import pathlib

import torch
from torch import nn
from torch.nn import functional as F

OUT = pathlib.Path(__file__).resolve().parents[1] / "docs/logs/wandb.csv"
DEPTH, EVERY, STEPS, LR = 32, 50, 300, 0.5


def norms(model: nn.Module) -> dict[str, float]:
    weights = {n: p for n, p in model.named_parameters() if p.ndim > 1}
    logged = {f"weight_norm/{n}": p.detach().norm() for n, p in weights.items()}
    return logged | {f"grad_norm/{n}": p.grad.norm() for n, p in weights.items()}


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    layers = [part for i in range(DEPTH) for part in (nn.Linear(16 if i == 0 else 64, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Linear(64, 10))
    for module in model:
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    rows = []
    for step in range(STEPS + 1):
        x = torch.randn(128, 16)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), x[:, :10].argmax(1))
        loss.backward()
        if step % EVERY == 0:
            rows.append({"_step": step, "loss": loss.item()} | {tag: value.item() for tag, value in norms(model).items()})
        optimizer.step()
    OUT.parent.mkdir(exist_ok=True)
    with OUT.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({key: f"{value:.7g}" for key, value in row.items()} for row in rows)


if __name__ == "__main__":
    main()
