"""The rates of an optimiser's parameter groups, changed for the length of a step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor, optim

from .._theory import ElrError
from .weights import Weight


class Rates:
    """What the schedule asks for, and what acts."""

    def __init__(self, optimizer: optim.Optimizer) -> None:
        self._optimizer = optimizer
        self._targets: list[Any] = []
        self.used: list[float] = []

    def asked(self) -> list[float]:
        """The rate of each group as the schedule left it; NaN where there is none."""
        rates = [group.get("lr") for group in self._optimizer.param_groups]
        return [float("nan") if lr is None else float(lr) for lr in rates]

    def begin(self) -> None:
        """Begin a step at the rates of the schedule."""
        self.restore()
        self.used = self.asked()

    @property
    def highest(self) -> float:
        """The largest rate of any group; NaN if one is unknown."""
        return max(self.used, key=lambda lr: (lr != lr, lr))

    def scale(self, fraction: float) -> None:
        """Let all groups act at a fraction of their rates until they are restored."""
        groups = self._optimizer.param_groups
        self._targets = [g["lr"].clone() if isinstance(g["lr"], Tensor) else g["lr"] for g in groups]
        self.taken(fraction)
        for group, lr in zip(groups, self.used, strict=True):
            assign(group, lr)

    def taken(self, fraction: float) -> None:
        """Note that a fraction of the rates acted."""
        self.used = [lr * fraction for lr in self.used]

    def restore(self) -> None:
        """Give the groups the rates of their schedule back."""
        for group, target in zip(self._optimizer.param_groups, self._targets, strict=False):
            assign(group, target)
        self._targets = []

    def parameters(self) -> Iterator[Tensor]:
        """Everything that the optimiser has."""
        return (p for group in self._optimizer.param_groups for p in group["params"])

    def trained(self) -> Iterator[Tensor]:
        """What the next step will change."""
        return (p for p in self.parameters() if p.grad is not None)

    def of(self, weights: Iterable[Weight]) -> dict[str, float]:
        """The rate of each weight that the optimiser has."""
        groups = zip(self._optimizer.param_groups, self.used, strict=True)
        lrs = {p: lr for group, lr in groups for p in group["params"]}
        return {w.name: lrs[w.parameter] for w in weights if w.parameter in lrs}


def assign(group: dict[str, Any], lr: Any) -> None:
    """Set a group's rate; one that is a tensor stays that tensor, which a compiled step holds."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(lr)
    else:
        group["lr"] = lr


def unwrapped(optimizer: Any) -> optim.Optimizer:
    """The optimiser that steps, within wrappers such as Accelerate's, Lightning's, SAM or Lookahead.

    Raises:
        TypeError: if there is no optimiser.
        ElrError: if a wrapper steps several.
    """
    inner = within(optimizer)
    if len(inner) > 1:
        kinds = ", ".join(type(o).__name__ for o in inner)
        raise ElrError(
            f"{type(optimizer).__name__} steps {len(inner)} optimizers ({kinds}); make a controller for each of them, "
            "with one probe for all"
        )
    if inner:
        return unwrapped(inner[0])
    if not isinstance(optimizer, optim.Optimizer):
        raise TypeError(f"optimizer is a {type(optimizer).__name__}, but must be a torch.optim.Optimizer")
    if not hasattr(optimizer, "_optimizer_step_pre_hooks"):
        raise ElrError(
            f"{type(optimizer).__name__} never called Optimizer.__init__, so its steps cannot be seen; "
            "call super().__init__ in it, or give the optimizer within"
        )
    return optimizer


def every_one(optimizers: Iterable[Any]) -> list[optim.Optimizer]:
    """The optimisers that step, each once, also of wrappers that step several."""
    found: list[optim.Optimizer] = []
    for optimizer in optimizers:
        inner = within(optimizer)
        for one in every_one(inner) if len(inner) > 1 else [unwrapped(optimizer)]:
            if not any(one is other for other in found):
                found.append(one)
    return found


def within(optimizer: Any) -> list[Any]:
    """The optimisers that a wrapper has in its attributes."""
    found: list[Any] = []
    for value in vars(optimizer).values() if hasattr(optimizer, "__dict__") else ():
        for one in value if isinstance(value, (list, tuple)) else (value,):
            steps = isinstance(one, optim.Optimizer) or (
                callable(getattr(one, "step", None)) and isinstance(getattr(one, "param_groups", None), list)
            )
            if steps and one is not optimizer and not any(one is other for other in found):
                found.append(one)
    return found
