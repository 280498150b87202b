"""All ELRs held equal at every step (T22–T23)."""

from __future__ import annotations

from typing import Literal

from torch import optim

from .._theory import ElrError
from ..theory import rescale_factors
from .controller import ElrController
from .probe import ElrProbe
from .reading import Reading


class HoldElr(ElrController):
    """Holds all ELRs equal, through ``rates`` of layers or through their ``weights``.

    Through rates each layer takes ``Ē/E`` of its update, and weights and optimiser state are left
    alone. ``fraction`` moves the logarithm of these multipliers only so far from step to step, which
    averages the noise of batches. Through weights each is rescaled before the step, with the
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
        if through == "weights" and fraction != 1.0:
            raise ElrError(f"fraction is {fraction}, but only rates can be moved by one; use through='rates'")
        rates = "hold" if fraction == 1.0 else f"hold:{fraction!r}"
        super().__init__(optimizer, probe, "none" if through == "weights" else rates, measure=measure)
        self.through = through

    @property
    def finished(self) -> bool:
        """Never."""
        return False

    def _act(self, reading: Reading) -> None:
        if self.through == "weights":
            self._equalise(reading)
        super()._act(reading)

    def _act_on_update(self) -> None:
        super()._act_on_update()
        if self.through == "weights" and self.probe.reading is not None:
            self._equalise(self.probe.reading)

    def _equalise(self, reading: Reading) -> None:
        if self._rates.highest <= 0:
            return
        steered, elr = self._steered(reading)
        if steered.any():
            self._carry(reading, rescale_factors(elr, self.measure))
