"""The callback in Hugging Face's Trainer."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import torch
from networks import batch, hidden, mlp
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import Trainer, TrainerCallback, TrainingArguments

from evenkeel.torch.transformers import ElrCallback


class Model(nn.Module):
    """The BN-MLP of the other tests as a Trainer wants it."""

    def __init__(self) -> None:
        super().__init__()
        self.net = mlp(20)

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        scores = self.net(x)
        return {"loss": F.cross_entropy(scores, labels), "logits": scores}


class Reporter(TrainerCallback):
    """Keeps what reporters are given."""

    def __init__(self) -> None:
        self.seen: list[dict[str, float]] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        self.seen.append(dict(logs))


def trainer(folder: pathlib.Path, callback: ElrCallback, steps: int, optimizer: str = "sgd", attach: bool = False, **settings: Any) -> Trainer:
    rows = [dict(x=x, labels=y) for step in range(8) for x, y in zip(*batch(step), strict=True)]
    arguments = TrainingArguments(
        output_dir=str(folder), max_steps=steps, per_device_train_batch_size=64, learning_rate=3.0, optim=optimizer, logging_steps=1,
        save_steps=2, report_to=[], use_cpu=True, disable_tqdm=True, max_grad_norm=0.0, seed=0, **settings,
    )
    made = Trainer(Model(), arguments, train_dataset=rows, callbacks=[Reporter()] if attach else [callback])
    if attach:
        callback.attach(made)
    return made


def test_it_caps_and_logs(tmp_path: pathlib.Path) -> None:
    callback = ElrCallback("critical", layers=True)
    made = trainer(tmp_path, callback, 4, attach=True)
    made.train()
    assert callback.controller.probe.layers == [f"net.{name}" for name in hidden(20)]
    lines = [line for line in made.state.log_history if "loss" in line]
    lrs = [line["elr/lr"] for line in lines]
    assert len(lrs) == 4 and lrs[0] < 1 < max(lrs) <= 3
    assert "elr/layer/net.0.weight" in lines[0]
    reporter = next(c for c in made.callback_handler.callbacks if isinstance(c, Reporter))
    assert [line["elr/lr"] for line in reporter.seen if "loss" in line] == lrs


@pytest.mark.parametrize("optimizer", ["sgd", "adamw_torch"])
def test_clipped_and_accumulated_gradients_count(tmp_path: pathlib.Path, optimizer: str) -> None:
    callback = ElrCallback("critical")
    made = trainer(tmp_path, callback, 2, optimizer, gradient_accumulation_steps=2)
    made.args.max_grad_norm = 0.01
    made.train()
    assert callback.controller.steps == 2
    assert optimizer != "sgd" or callback.controller.probe.reading.gradient_norm.max() <= 0.01


@pytest.mark.parametrize("flag", [False, True])
def test_a_checkpoint_resumes_within_the_warmup(tmp_path: pathlib.Path, flag: bool) -> None:
    def run(name: str, checkpoint: Any = None) -> Trainer:
        made = trainer(tmp_path / name, ElrCallback("critical+hold:0.5"), 5, restore_callback_states_from_checkpoint=flag)
        made.train(resume_from_checkpoint=checkpoint)
        return made

    whole = run("whole")
    again = run("again", str(tmp_path / "whole/checkpoint-2"))
    lrs = [[line["elr/lr"] for line in made.state.log_history if "elr/lr" in line] for made in (whole, again)]
    assert lrs[0] == lrs[1] and len(lrs[0]) == 5
    pairs = zip(whole.model.parameters(), again.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
