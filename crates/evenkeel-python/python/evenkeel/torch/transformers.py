"""Effective learning rates in Hugging Face's Trainer: measured, steered, logged and kept in checkpoints."""

from __future__ import annotations

from typing import Any, Literal

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

from .controller import ElrController
from .probe import ElrProbe


class ElrCallback(TrainerCallback, ExportableState):
    """Steers the Trainer's optimiser by a control, as ``ElrController`` does.

    ``control`` is written as for ``evenkeel train``; ``"none"`` measures only. ``elr/…`` joins what is
    logged with the loss, with an ELR for each layer if ``layers`` is set: in ``state.log_history``, and
    for the reporters that come after. ``attach(trainer)`` puts it before all of them. Checkpoints have
    what a resumed run needs. Other arguments are those of ``ElrProbe``.
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
        self.controller: ElrController | None = None

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
        self.controller = ElrController(kwargs["optimizer"], probe, self.control, measure=self.measure)
        kept = state.stateful_callbacks.get(type(self).__name__, {})
        saved = kept.get("attributes", {}).get("saved") if isinstance(kept, dict) else None
        if saved is not None and state.global_step > 0:
            self.controller.load_state_dict(saved)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Add to the line of the log that has a loss."""
        logs = kwargs.get("logs") or {}
        if self.controller is None or self.controller.steps == 0 or "loss" not in logs:
            return
        numbers = self.controller.log_dict("elr", self.layers)
        logs |= numbers
        state.log_history[-1] |= numbers

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Let go of the optimiser."""
        self._close()

    def _close(self) -> None:
        if self.controller is not None:
            self.controller.close()

    def state(self) -> dict[str, Any]:
        """What the Trainer writes into its checkpoints."""
        saved = None if self.controller is None else self.controller.state_dict()
        return {"args": self.settings, "attributes": {"saved": saved}}
