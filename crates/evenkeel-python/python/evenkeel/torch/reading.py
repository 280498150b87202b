"""The norms of a network's scale-invariant weights at one step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._theory import ElrError, Spread
from ..theory import Vector, spread


@dataclass(frozen=True)
class Reading:
    """Norms in the order of ``names``; at unit granularity a layer's name comes once for each row."""

    names: tuple[str, ...]
    weight_norm: Vector
    gradient_norm: Vector

    @property
    def alive(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Which layers have an ELR: one without gradient, or of norm zero, takes no part."""
        return (self.weight_norm > 0) & (self.gradient_norm > 0)

    @property
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

    def stepped(self, rates: Vector) -> Reading:
        """The norms after a step of plain SGD at a rate for each layer (T4): ``E' = E/(1 + (λE)²)``."""
        growth = np.hypot(1.0, rates * np.nan_to_num(self.elr))
        return Reading(self.names, self.weight_norm * growth, self.gradient_norm / growth)

    def check(self) -> Reading:
        """Itself, if everything is finite; the last bad layer is where it began."""
        for index in reversed(range(len(self.names))):
            for what, norms in (("weight", self.weight_norm), ("gradient", self.gradient_norm)):
                if not np.isfinite(norms[index]):
                    raise ElrError(
                        f"layer `{self.names[index]}`: {what} norm is {norms[index]}, but must be finite; the loss has "
                        "diverged: lower the learning rate, or use a gradient scaler under float16"
                    )
        return self
