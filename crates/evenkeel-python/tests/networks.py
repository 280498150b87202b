"""Small networks and what trains them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def mlp(depth: int = 8, width: int = 32, seed: int = 0, bias: bool = False) -> nn.Sequential:
    """Linear, BatchNorm and ReLU, again and again, and a classifier: names are 0.weight, 3.weight, …"""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for index in range(depth):
        layers += [nn.Linear(16 if index == 0 else width, width, bias=bias), nn.BatchNorm1d(width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def hidden(depth: int = 8) -> list[str]:
    """The scale-invariant weights of `mlp`."""
    return [f"{3 * index}.weight" for index in range(depth)]


class Conv(nn.Module):
    """Three convolutions with batch normalization."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.ModuleList(nn.Conv2d(3 if i == 0 else 8, 8, 3, padding=1, bias=False) for i in range(3))
        self.norm = nn.ModuleList(nn.BatchNorm2d(8) for _ in range(3))
        self.head = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        for conv, norm in zip(self.conv, self.norm, strict=True):
            x = F.relu(norm(conv(x)))
        return self.head(x.mean((2, 3)))


def batch(step: int = 0, size: int = 64) -> tuple[Tensor, Tensor]:
    """A batch with something to learn in it."""
    generator = torch.Generator().manual_seed(1000 + step)
    x = torch.randn(size, 16, generator=generator)
    return x, x[:, :10].argmax(1)


def loss(model: Callable[[Tensor], Tensor], step: int = 0, size: int = 64) -> Tensor:
    """The loss on a batch."""
    x, y = batch(step, size)
    return F.cross_entropy(model(x), y)


def sgd(model: nn.Module, lr: float | Tensor = 1.0, **settings: Any) -> torch.optim.SGD:
    """Plain SGD over all of a model."""
    return torch.optim.SGD(model.parameters(), lr=lr, **settings)


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: range | int, each: Callable[[], object] = lambda: None) -> None:
    """Some steps, with something after each."""
    for step in range(steps) if isinstance(steps, int) else steps:
        optimizer.zero_grad()
        loss(model, step).backward()
        optimizer.step()
        each()


def angles(model: nn.Module, names: list[str], step: Callable[[], object]) -> list[float]:
    """The angles by which a step turns weights, in radians, computed apart in float64."""
    before = {n: model.get_parameter(n).detach().double().flatten().clone() for n in names}
    step()
    found = []
    for name, old in before.items():
        new = model.get_parameter(name).detach().double().flatten()
        along = (old @ new) / old.norm()
        across = (new - old * (along / old.norm())).norm()
        found.append(torch.atan2(across, along).item())
    return found
