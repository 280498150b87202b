"""All ELRs held equal at every step (T22–T23)."""

from __future__ import annotations

from typing import Any, Literal

from torch import optim

from .._theory import ElrError
from ..theory import Vector, rescale_factors
from .controller import ElrController
from .probe import ElrProbe


class EqualWeights:
    """The control that rescales all weights to equal ELRs before every step."""

    name = "hold-through-weights"
    stage = "weights"

    def decide(self, context: Any) -> Vector:
        """The factors that make all ELRs equal (T22)."""
        return rescale_factors(context.elr, context.measure)


class HoldElr(ElrController):
    """Holds all ELRs equal, through ``rates`` of layers or through their ``weights``.

    Through rates each layer takes the fraction of its update that turns it by the common angle, and weights and
    optimiser state are left alone. ``fraction`` moves the logarithm of these multipliers only so far from step
    to step, which averages the noise of batches. Through weights each is rescaled before the step, with the
    optimiser's state along: the same in function space, also for units.
    """

    def __init__(
        self,
        optimizer: optim.Optimizer,
        probe: ElrProbe,
        *,
        through: Literal["rates", "weights"] = "rates",
        fraction: float = 1.0,
        measure: Literal["auto", "gradient", "update"] = "auto",
    ) -> None:
        if through not in ("rates", "weights"):
            raise ElrError(f"through is `{through}`, but must be rates or weights")
        if isinstance(fraction, bool) or not isinstance(fraction, (int, float)):
            raise TypeError(f"fraction is a {type(fraction).__name__}, but must be a number")
        if through == "weights" and fraction != 1.0:
            raise ElrError(f"fraction is {fraction}, but only rates can be moved by one; use through='rates'")
        self.through = through
        rates = "hold" if fraction == 1.0 else f"hold:{float(fraction)!r}"
        if through == "weights" and measure == "auto" and isinstance(optimizer, optim.SGD):
            # What is rescaled before a step is measured before it.
            measure = "gradient"
        super().__init__(optimizer, probe, EqualWeights() if through == "weights" else rates, measure=measure)

    @property
    def finished(self) -> bool:
        """Never."""
        return False
