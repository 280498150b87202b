"""Effective learning rates in Lightning: measured, steered, logged and kept in checkpoints."""

from __future__ import annotations

from typing import Any, Literal

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
except ImportError:
    from pytorch_lightning import Callback, LightningModule, Trainer

from .controller import ElrController, numbered
from .probe import ElrProbe
from .rates import every_one


class ElrCallback(Callback):
    """Steers the optimisers of a Lightning module by a control, as ``ElrController`` does.

    ``control`` is written as for ``evenkeel train``; ``"none"`` measures only. ``elr/…`` is logged at
    every step, with an ELR for each layer if ``layers`` is set. Checkpoints have what a resumed run
    needs. Several optimisers share one probe, ``probe``, and log as ``elr/0/…``, ``elr/1/…``. Other arguments
    are those of ``ElrProbe``.
    """

    def __init__(
        self,
        control: str = "critical",
        *,
        measure: Literal["auto", "gradient", "update"] = "auto",
        layers: bool = False,
        **probe: Any,
    ) -> None:
        self.control, self.measure, self.layers = control, measure, layers
        self.settings = probe
        self.probe: ElrProbe | None = None
        self.controllers: list[ElrController] = []
        self._saved: list[dict[str, Any]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Optimisers are there, and so is what a checkpoint had."""
        self._close()
        # Lightning wraps the module in a strategy's model, such as FSDP's; its weights are those trained.
        self.probe = ElrProbe(pl_module, **self.settings)
        self.controllers = [
            ElrController(optimizer, self.probe, self.control, measure=self.measure)
            for optimizer in every_one(trainer.optimizers)
        ]
        for controller, state in zip(self.controllers, self._saved, strict=False):
            controller.load_state_dict(state)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Log what the step has shown."""
        for numbers in numbered(self.controllers, self.layers):
            pl_module.log_dict(numbers, on_step=True, on_epoch=False)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let go of the optimisers."""
        self._close()

    def _close(self) -> None:
        for controller in self.controllers:
            controller.close()

    def state_dict(self) -> dict[str, Any]:
        """The state of each optimiser's controller."""
        return {"controllers": [controller.state_dict() for controller in self.controllers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep it until there are optimisers."""
        self._saved = state_dict["controllers"]
