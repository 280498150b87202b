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

    The target is what the optimiser's groups say, set by ``scheduler`` or by any other. All groups are scaled
    alike. It is over by itself. As a scheduler it leaves the groups' rates as they are, since the rate is decided
    when the optimiser steps, and :meth:`step` steps ``scheduler``, if one is given.

    Example:
        >>> warmup = CriticalWarmup(optimizer, ElrProbe(model), CosineAnnealingLR(optimizer, 100))
        >>> for batch in batches:
        >>>     loss(model, batch).backward()
        >>>     optimizer.step()
        >>>     warmup.step()
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
        self.scheduler = scheduler
        ElrController.__init__(self, optimizer, probe, f"critical:{policy}", measure=measure)
        LRScheduler.__init__(self, self.optimizer)

    def step(self, *args: Any, **kwargs: Any) -> None:
        """Step the scheduler within, with its arguments."""
        self._notice_unseen_steps()
        within = None if self._is_initial else self.scheduler
        # Its warning about the order of steps is the inner scheduler's, too.
        LRScheduler.step(self, *(args if self.scheduler is None else ()))
        if within is not None:
            within.step(*args, **kwargs)
            self._last_lr = self.get_lr()

    def get_last_lr(self) -> list[float | Tensor]:
        """The rate of each group in the last step of the optimiser."""
        return [*self.last_lr()]

    def get_lr(self) -> list[float | Tensor]:
        """The rates that the schedule asks for."""
        return [g["lr"].clone() if isinstance(g["lr"], Tensor) else g["lr"] for g in self.optimizer.param_groups]

    @property
    def total_steps(self) -> int:
        """The number of steps of the scheduler within, where it has one."""
        try:
            return int(self.scheduler.total_steps)
        except AttributeError:
            raise AttributeError("the scheduler within has no total number of steps") from None

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs, the scheduler's state included."""
        inner = None if self.scheduler is None else self.scheduler.state_dict()
        return super().state_dict() | {
            "last_epoch": self.last_epoch, "_step_count": self._step_count, "base_lrs": list(self.base_lrs), "scheduler": inner,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on as the run that was saved."""
        super().load_state_dict(state)
        self.last_epoch = state["last_epoch"]
        self._step_count = state.get("_step_count", self.last_epoch + 1)
        self.base_lrs = list(state.get("base_lrs", self.base_lrs))
        if self.scheduler is not None and state["scheduler"] is not None:
            self.scheduler.load_state_dict(state["scheduler"])
