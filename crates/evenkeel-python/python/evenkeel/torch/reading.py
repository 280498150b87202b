"""The norms of a network's scale-invariant weights at one step."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .._theory import ElrError, Spread
from ..theory import Vector, critical_lr, spread

Measure = Literal["gradient", "update"]
"""What an ELR is that of: the gradient (SGD), or the update that an optimiser makes of it."""

Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Reading:
    """Norms in the order of ``names``; at unit granularity a layer's name comes once for each row."""

    names: tuple[str, ...]
    weight_norm: Vector
    gradient_norm: Vector

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each number: the layer's, with the row's where rows stand by themselves."""
        return labels(self.names)

    @functools.cached_property
    def alive(self) -> Mask:
        """Which layers have an ELR: one without gradient, or of norm zero, takes no part."""
        return (self.weight_norm > 0) & (self.gradient_norm > 0)

    @functools.cached_property
    def elr(self) -> Vector:
        """‖∇W‖/‖W‖ of every layer (T2); NaN for one that takes no part."""
        elr: Vector = np.full(len(self.names), np.nan)
        np.divide(self.gradient_norm, self.weight_norm, out=elr, where=self.alive)
        return elr

    @property
    def spread(self) -> Spread:
        """How far apart the ELRs are (T3)."""
        alive = self.elr[self.alive]
        if not len(alive):
            raise ElrError("no layer has a gradient: was backward called before the optimiser's step?")
        return spread(alive)

    def stepped(self, rates: Vector, measure: Measure = "gradient") -> Reading:
        """The norms after a step at a rate for each layer (T4): ``‖W‖`` grows by ``√(1 + (λE)²)``.

        A gradient shrinks as its weight grows, while updates of Adam's kind stay as long as they are.
        """
        growth = np.hypot(1.0, rates * np.nan_to_num(self.elr))
        shrunk = growth if measure == "gradient" else 1.0
        return Reading(self.names, self.weight_norm * growth, self.gradient_norm / shrunk)

    def rescaled(self, factors: dict[str, float], measure: Measure = "gradient") -> Reading:
        """The norms after weights were multiplied by the factors of their labels (T22)."""
        factor = np.array([factors.get(label, 1.0) for label in self.labels])
        shrunk = factor if measure == "gradient" else 1.0
        return Reading(self.names, self.weight_norm * factor, self.gradient_norm / shrunk)

    def table(self) -> str:
        """A line for each layer or unit."""
        width = max(len("layer"), *(len(label) for label in self.labels))
        lines = [f"{'layer':<{width}}  {'|W|':>10}  {'|grad W|':>10}  {'ELR':>10}"]
        for label, w, g, e in zip(self.labels, self.weight_norm, self.gradient_norm, self.elr, strict=True):
            lines.append(f"{label:<{width}}  {w:>10.3e}  {g:>10.3e}  {e:>10.3e}")
        return "\n".join(lines)

    def log_dict(self, prefix: str, layers: bool) -> dict[str, float]:
        """Spread, critical rate and, if asked for, the ELR of each layer: the geometric mean of its units."""
        alive = self.elr[self.alive]
        if not len(alive):
            return {}
        numbers = {
            f"{prefix}/spread_decades": self.spread.decades,
            f"{prefix}/spread_std": self.spread.std,
            f"{prefix}/critical_lr": critical_lr(alive),
        }
        if layers:
            logs: dict[str, list[float]] = {}
            for name, elr in zip(self.names, self.elr, strict=True):
                if np.isfinite(elr):
                    logs.setdefault(name, []).append(float(np.log(elr)))
            numbers |= {f"{prefix}/layer/{name}": float(np.exp(np.mean(x))) for name, x in logs.items()}
        return numbers

    def check(self) -> Reading:
        """Itself, if everything is finite; the last bad layer is where it began."""
        finite = np.isfinite(self.weight_norm) & np.isfinite(self.gradient_norm)
        if finite.all():
            return self
        last = int(np.flatnonzero(~finite)[-1])
        weight, gradient = self.weight_norm[last], self.gradient_norm[last]
        what, norm = ("gradient", gradient) if np.isfinite(weight) else ("weight", weight)
        raise ElrError(
            f"layer `{self.labels[last]}`: {what} norm is {norm}, but must be finite; the loss has "
            "diverged: lower the learning rate, or use a gradient scaler under float16"
        )


@functools.lru_cache(maxsize=16)
def labels(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names, with the number of the row behind those that come more than once."""
    often = Counter(names)
    rows: Counter[str] = Counter()
    found = []
    for name in names:
        found.append(name if often[name] == 1 else f"{name}[{rows[name]}]")
        rows[name] += 1
    return tuple(found)
