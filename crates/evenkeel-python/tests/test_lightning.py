"""The callback in a Lightning trainer."""

from __future__ import annotations

import pathlib
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from networks import batch, hidden, mlp
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from evenkeel.torch.lightning import ElrCallback

pytestmark = pytest.mark.filterwarnings("ignore::Warning:lightning")


class Module(pl.LightningModule):
    """The BN-MLP of the other tests, and the rates it was stepped at."""

    def __init__(self, manual: bool = False) -> None:
        super().__init__()
        self.net = mlp(20)
        self.automatic_optimization = not manual
        self.manual = manual

    def training_step(self, data: tuple[Tensor, Tensor], index: int) -> Tensor:
        value = F.cross_entropy(self.net(data[0]), data[1])
        if self.manual:
            optimizer = self.optimizers()
            optimizer.zero_grad()
            self.manual_backward(value)
            optimizer.step()
        return value

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=3.0)
        return [optimizer], [{"scheduler": torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9), "interval": "step"}]


def fit(folder: pathlib.Path, steps: int, *callbacks: pl.Callback, checkpoint: Any = None, manual: bool = False, **settings: Any) -> Any:
    torch.manual_seed(0)
    # The same batch at every step: Lightning does not resume within an epoch.
    data = DataLoader(TensorDataset(*batch()), batch_size=64)
    module = Module(manual)
    trainer = pl.Trainer(
        max_steps=steps, accelerator="cpu", logger=CSVLogger(folder), callbacks=list(callbacks), log_every_n_steps=1,
        enable_progress_bar=False, enable_model_summary=False, **settings,
    )
    trainer.fit(module, data, ckpt_path=checkpoint)
    return trainer, module


@pytest.mark.parametrize("manual", [False, True])
def test_it_caps_and_logs(tmp_path: pathlib.Path, manual: bool) -> None:
    callback = ElrCallback("critical", layers=True)
    trainer, _ = fit(tmp_path, 4, callback, manual=manual)
    assert callback.controllers[0].probe.layers == [f"net.{name}" for name in hidden(20)]
    rows = pathlib.Path(trainer.logger.log_dir, "metrics.csv").read_text().splitlines()
    head = rows[0].split(",")
    lrs = [float(row.split(",")[head.index("elr/lr")]) for row in rows[1:]]
    assert len(lrs) == 4 and lrs[0] < 1 < lrs[-1] <= 3
    assert "elr/spread_decades" in head and "elr/layer/net.0.weight" in head
    if not manual:
        assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(3.0 * 0.9**4)


def test_it_can_only_look(tmp_path: pathlib.Path) -> None:
    callback = ElrCallback("none", granularity="unit")
    fit(tmp_path, 2, callback)
    assert callback.controllers[0].last_lr() == [pytest.approx(3.0 * 0.9)]
    assert "net.0.weight[0]" in callback.controllers[0].probe.reading.labels


def test_clipped_and_accumulated_gradients_count(tmp_path: pathlib.Path) -> None:
    callback = ElrCallback("critical")
    fit(tmp_path, 2, callback, accumulate_grad_batches=2, gradient_clip_val=0.01)
    controller = callback.controllers[0]
    assert controller.steps == 2 and controller.probe.reading.gradient_norm.max() <= 0.01


def test_a_checkpoint_resumes_within_the_warmup(tmp_path: pathlib.Path) -> None:
    whole, every = ElrCallback("critical+hold:0.5"), ModelCheckpoint(tmp_path, "{step}", save_top_k=-1)
    _, module = fit(tmp_path, 6, whole, every)
    again = ElrCallback("critical+hold:0.5")
    _, resumed = fit(tmp_path, 6, again, checkpoint=tmp_path / "step=2.ckpt")
    assert again.controllers[0].last_lr() == whole.controllers[0].last_lr()
    assert again.controllers[0].steps == 6
    assert all(torch.equal(a, b) for a, b in zip(module.parameters(), resumed.parameters(), strict=True))
