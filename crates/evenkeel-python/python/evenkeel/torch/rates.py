"""The rates of an optimiser's parameter groups, changed for the length of a step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor, nn, optim


class Rates:
    """What the schedule asks for, and what acts."""

    def __init__(self, optimizer: optim.Optimizer) -> None:
        self._optimizer = optimizer
        self._targets: list[Any] = []
        self.used: list[float] = []

    def asked(self) -> list[float]:
        """The rate of each group as the schedule left it."""
        return [float(group["lr"]) for group in self._optimizer.param_groups]

    def begin(self) -> None:
        """Begin a step at the rates of the schedule."""
        self.restore()
        self.used = self.asked()

    @property
    def highest(self) -> float:
        """The largest rate of any group."""
        return max(self.used)

    def scale(self, share: float) -> None:
        """Let all groups act at a share of their rates until they are restored."""
        groups = self._optimizer.param_groups
        self._targets = [g["lr"].clone() if isinstance(g["lr"], Tensor) else g["lr"] for g in groups]
        self.taken(share)
        for group, lr in zip(groups, self.used, strict=True):
            assign(group, lr)

    def taken(self, share: float) -> None:
        """Note that a share of the rates acted."""
        self.used = [lr * share for lr in self.used]

    def restore(self) -> None:
        """Give the groups the rates of their schedule back."""
        for group, target in zip(self._optimizer.param_groups, self._targets, strict=False):
            assign(group, target)
        self._targets = []

    def trained(self) -> Iterator[Tensor]:
        """What the next step will change."""
        groups = self._optimizer.param_groups
        return (p for group in groups for p in group["params"] if p.grad is not None)

    def of(self, weights: Iterable[tuple[str, nn.Parameter]]) -> dict[str, float]:
        """The rate of each weight that the optimiser has."""
        groups = zip(self._optimizer.param_groups, self.used, strict=True)
        lrs = {p: lr for group, lr in groups for p in group["params"]}
        return {name: lrs[p] for name, p in weights if p in lrs}


def assign(group: dict[str, Any], lr: Any) -> None:
    """Set a group's rate; one that is a tensor stays that tensor, which a compiled step holds."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(lr)
    else:
        group["lr"] = lr


def unwrapped(optimizer: optim.Optimizer) -> optim.Optimizer:
    """The optimiser that steps, within those of Accelerate and Lightning."""
    inner = getattr(optimizer, "optimizer", None)
    return unwrapped(inner) if isinstance(inner, optim.Optimizer) else optimizer
