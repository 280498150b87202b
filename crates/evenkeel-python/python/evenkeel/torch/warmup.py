"""The critical warm-up, in the place of a learning-rate scheduler."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, optim
from torch.optim.lr_scheduler import LRScheduler

from ..theory import POLICIES
from .controller import ElrController
from .probe import ElrProbe


class CriticalWarmup(ElrController, LRScheduler):
    """Keeps the rate at min(critical, target): ``λ_t = min(critical(E_t), target_t)`` (T11–T14).

    The target is what the optimiser's groups say, set by ``scheduler`` or by any other. ``step`` steps
    ``scheduler``, if one is given. All groups are scaled alike. It is over by itself.

    A scheduler's attributes are there for tools that look for them; those that set rates are not used,
    since the rate is decided when the optimiser steps, not before.
    """

    def __init__(
        self,
        optimizer: optim.Optimizer,
        probe: ElrProbe,
        scheduler: Any = None,
        policy: str = POLICIES[0],
        *,
        measure: Literal["auto", "gradient", "update"] = "auto",
    ) -> None:
        ElrController.__init__(self, optimizer, probe, f"critical:{policy}", measure=measure)
        self.scheduler = scheduler
        self.base_lrs = [group.get("initial_lr", group["lr"]) for group in optimizer.param_groups]
        self.last_epoch = 0

    def step(self, *args: Any, **kwargs: Any) -> None:
        """Step the scheduler within."""
        self.last_epoch += 1
        if self.scheduler is not None:
            self.scheduler.step(*args, **kwargs)

    def get_last_lr(self) -> list[float | Tensor]:
        """The rate of each group in the last step of the optimiser."""
        return [*self.last_lr()]

    def get_lr(self) -> list[float | Tensor]:
        """The rates that the schedule asks for."""
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs, the scheduler's state included."""
        inner = None if self.scheduler is None else self.scheduler.state_dict()
        return super().state_dict() | {"last_epoch": self.last_epoch, "scheduler": inner}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on as the run that was saved."""
        super().load_state_dict(state)
        self.last_epoch = state["last_epoch"]
        if self.scheduler is not None and state["scheduler"] is not None:
            self.scheduler.load_state_dict(state["scheduler"])
