"""The norms of a network's scale-invariant weights at one step."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from .._theory import ElrError, Layers, Spread
from ..theory import Vector, critical_lr, spread

Measure = Literal["gradient", "update"]
"""What an ELR is that of: the gradient (SGD), or the update that an optimiser makes of it."""

Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Reading:
    """Norms in the order of ``names``; a layer's name comes once for each of its parts.

    ``cosine`` is ``⟨W, ΔW⟩/(‖W‖‖ΔW‖)`` where updates are measured. ``parts`` numbers the parts of layers
    that are not taken whole; −1 stands for a whole layer.
    """

    names: tuple[str, ...]
    weight_norm: Vector
    gradient_norm: Vector
    cosine: Vector | None = None
    parts: tuple[int, ...] | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each number: the layer's, with the part's number where parts stand by themselves."""
        return labels(self.names, self.parts)

    @property
    def layers(self) -> Layers:
        """The layers and the number of parts of each, as the controller wants them."""
        return layers(self.names)

    @functools.cached_property
    def alive(self) -> Mask:
        """Which parts have an ELR: one without gradient, or of norm zero, takes no part."""
        return (self.weight_norm > 0) & (self.gradient_norm > 0)

    @functools.cached_property
    def elr(self) -> Vector:
        """‖∇W‖/‖W‖ of every part (T2); NaN for one that takes no part."""
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
        """The norms after a step at a rate for each part (T4): ``‖W‖`` grows by ``√(1 + (λE)²)``.

        A gradient shrinks as its weight grows, while updates of Adam's kind stay as long as they are.
        """
        growth = np.hypot(1.0, rates * np.nan_to_num(self.elr))
        shrunk = growth if measure == "gradient" else 1.0
        return replace(self, weight_norm=self.weight_norm * growth, gradient_norm=self.gradient_norm / shrunk)

    def rescaled(self, factors: dict[str, float], measure: Measure = "gradient") -> Reading:
        """The norms after weights were multiplied by the factors of their labels (T22)."""
        factor = np.array([factors.get(label, 1.0) for label in self.labels])
        shrunk = factor if measure == "gradient" else 1.0
        return replace(self, weight_norm=self.weight_norm * factor, gradient_norm=self.gradient_norm / shrunk)

    def log_dict(self, prefix: str, layers: bool) -> dict[str, float]:
        """Spread, critical rate and, if asked for, the ELR of each layer: the geometric mean of its parts."""
        alive = self.elr[self.alive]
        if not len(alive):
            return {}
        found = spread(alive)
        numbers = {
            f"{prefix}/spread_decades": found.decades,
            f"{prefix}/spread_std": found.std,
            f"{prefix}/critical_lr": critical_lr(alive),
        }
        if layers:
            logs: dict[str, list[float]] = {}
            for name, elr in zip(self.names, self.elr, strict=True):
                if np.isfinite(elr):
                    logs.setdefault(name, []).append(float(np.log(elr)))
            numbers |= {f"{prefix}/layer/{name}": float(np.exp(np.mean(x))) for name, x in logs.items()}
        return numbers


@functools.lru_cache(maxsize=16)
def labels(names: tuple[str, ...], parts: tuple[int, ...] | None = None) -> tuple[str, ...]:
    """Names, with the number of the part behind those of layers that are taken apart."""
    if parts is not None:
        return tuple(name if part < 0 else f"{name}[{part}]" for name, part in zip(names, parts, strict=True))
    often = Counter(names)
    rows: Counter[str] = Counter()
    found = []
    for name in names:
        found.append(name if often[name] == 1 else f"{name}[{rows[name]}]")
        rows[name] += 1
    return tuple(found)


@functools.lru_cache(maxsize=16)
def layers(names: tuple[str, ...]) -> Layers:
    """Unique names with how often each comes."""
    often = Counter(names)
    return Layers(list(often), list(often.values()))
