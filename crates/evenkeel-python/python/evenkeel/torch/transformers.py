"""Effective learning rates in Hugging Face's Trainer: measured, steered, logged and kept in checkpoints."""

from __future__ import annotations

from typing import Any, Literal

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

from .controller import ElrController, numbered
from .probe import ElrProbe
from .rates import every_one


class ElrCallback(TrainerCallback, ExportableState):
    """Steers the Trainer's optimiser by a control, as ``ElrController`` does.

    ``control`` is written as for ``evenkeel train``; ``"none"`` measures only. ``elr/…`` joins what is
    logged with the loss, with an ELR for each layer if ``layers`` is set: in ``state.log_history``, and
    for the reporters that come after. ``attach(trainer)`` puts it before all of them. Checkpoints have
    what a resumed run needs. An optimiser that steps several has a controller for each, and they share one
    probe. Other arguments are those of ``ElrProbe``.
    """

    def __init__(
        self,
        control: str = "critical",
        *,
        measure: Literal["auto", "gradient", "update"] = "auto",
        layers: bool = False,
        **probe: Any,
    ) -> None:
        self.settings = {"control": control, "measure": measure, "layers": layers, **probe}
        self.control, self.measure, self.layers, self.probe = control, measure, layers, probe
        self.controllers: list[ElrController] = []

    @property
    def controller(self) -> ElrController | None:
        """The first optimiser's controller, once training has begun."""
        return self.controllers[0] if self.controllers else None

    def attach(self, trainer: Any) -> ElrCallback:
        """Join a Trainer, before its reporters."""
        trainer.callback_handler.callbacks.insert(0, self)
        return self

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Model and optimiser are there, and so is what a checkpoint had."""
        self._close()
        probe = ElrProbe(kwargs["model"], **self.probe)
        self.controllers = [
            ElrController(optimizer, probe, self.control, measure=self.measure) for optimizer in every_one([kwargs["optimizer"]])
        ]
        kept = state.stateful_callbacks.get(type(self).__name__, {})
        saved = kept.get("attributes", {}).get("saved") if isinstance(kept, dict) else None
        if saved is not None and state.global_step > 0:
            for controller, own in zip(self.controllers, saved if isinstance(saved, list) else [saved], strict=False):
                controller.load_state_dict(own)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Add to the line of the log that has a loss."""
        logs = kwargs.get("logs") or {}
        if "loss" not in logs:
            return
        for numbers in numbered(self.controllers, self.layers):
            logs |= numbers
            state.log_history[-1] |= numbers

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Let go of the optimiser."""
        self._close()

    def _close(self) -> None:
        for controller in self.controllers:
            controller.close()

    def state(self) -> dict[str, Any]:
        """What the Trainer writes into its checkpoints."""
        saved = [controller.state_dict() for controller in self.controllers] or None
        return {"args": self.settings, "attributes": {"saved": saved}}
