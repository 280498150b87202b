"""Weights of every kind: frozen, unused, tied, zero, of 16 bits, in another layout, by units, sharded."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from networks import Conv, batch, hidden, loss, mlp, sgd, train
from torch import Tensor, nn
from torch.nn import functional as F

from evenkeel import ElrError
from evenkeel.torch import CriticalWarmup, ElrController, ElrProbe, HoldElr, rescale_

DEVICES = ["cpu", *["cuda"] * torch.cuda.is_available(), *["mps"] * torch.backends.mps.is_available()]


def test_frozen_unused_and_zero_weights_take_no_part_in_training() -> None:
    model = nn.ModuleList([mlp(8), mlp(8, seed=1), nn.Linear(3, 3)])
    model.get_parameter("0.3.weight").requires_grad_(False)
    with torch.no_grad():
        model.get_parameter("1.21.weight").zero_()
    optimizer = sgd(model, 3.0)
    warmup = CriticalWarmup(optimizer, ElrProbe(model))
    loss(lambda x: model[0](x) + model[1](x)).backward()
    optimizer.step()
    roles = warmup.probe.roles
    assert roles["0.3.weight"] == "frozen" and roles["2.weight"] == "silent" and roles["0.4.bias"] == "vector"
    assert not {"0.3.weight", "1.21.weight", "2.weight"} & set(warmup.probe.reading.names)
    assert 0 < warmup.get_last_lr()[0] < 3.0


def test_layers_frozen_and_thawed_in_between_are_followed() -> None:
    model = mlp(8)
    optimizer = sgd(model, 3.0)
    warmup = CriticalWarmup(optimizer, ElrProbe(model))
    train(model, optimizer, 1)
    model.get_parameter("0.weight").requires_grad_(False)
    model.get_parameter("0.weight").grad = None
    train(model, optimizer, range(1, 3))
    saved = warmup.state_dict()
    assert warmup.probe.layers == hidden()[1:]
    warmup.load_state_dict(saved)
    model.get_parameter("0.weight").requires_grad_(True)
    train(model, optimizer, range(3, 5))
    assert list(warmup.probe.reading.names) == hidden()


@pytest.mark.parametrize("control", ["critical", "hold", "rescale"])
def test_branches_that_begin_at_zero_join_in(control: str) -> None:
    """Residual branches whose last scale is zero have no gradient at first."""

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.stem = nn.Sequential(nn.Linear(16, 32, bias=False), nn.BatchNorm1d(32))
            self.branches = nn.ModuleList(nn.Sequential(nn.Linear(32, 32, bias=False), nn.BatchNorm1d(32)) for _ in range(4))
            for branch in self.branches:
                nn.init.zeros_(branch[1].weight)
            self.head = nn.Linear(32, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            for branch in self.branches:
                x = x + branch(F.relu(x))
            return self.head(x)

    model = Residual()
    optimizer = sgd(model, 0.5)
    controller = ElrController(optimizer, ElrProbe(model), control)
    train(model, optimizer, 1)
    assert controller.probe.roles["branches.0.0.weight"] == "silent"
    train(model, optimizer, range(1, 6))
    assert controller.probe.layers == ["stem.0.weight", *(f"branches.{i}.0.weight" for i in range(4))]
    assert all(p.isfinite().all() for p in model.parameters())


def test_tied_weights_count_and_are_rescaled_once() -> None:
    model = mlp(6)
    model[9].weight = model[6].weight
    assert model[9].weight is model[6].weight
    probe, before = ElrProbe(model), loss(model)
    before.backward()
    assert list(probe.measure().names) == [n for n in hidden(6) if n != "9.weight"]
    norm = model[6].weight.detach().norm().item()
    factors = rescale_(model, probe)
    assert model[9].weight.detach().norm().item() == pytest.approx(norm * factors["6.weight"], rel=1e-5)
    assert loss(model).item() == pytest.approx(before.item(), rel=1e-3)


def test_sparse_gradients_are_refused_by_name_in_training() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(20, 16, sparse=True)
            self.body = mlp(2)

        def forward(self, x: Tensor) -> Tensor:
            return self.body(self.table(x.abs().long().clamp(max=19)).mean(1))

    model = Net()
    optimizer = sgd(model)
    CriticalWarmup(optimizer, ElrProbe(model))
    loss(model).backward()
    with pytest.raises(ElrError, match="`table.weight` has a sparse gradient"):
        optimizer.step()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("control", ["critical", "hold"])
def test_weights_of_other_types_are_measured_and_steered(dtype: torch.dtype, control: str) -> None:
    model = mlp(8).to(dtype)
    optimizer = sgd(model, 1.0)
    controller = ElrController(optimizer, ElrProbe(model), control)
    x, y = batch()
    F.cross_entropy(model(x.to(dtype)).float(), y).backward()
    elr = {n: (p.grad.double().norm() / p.detach().double().norm()).item() for n, p in model.named_parameters()}
    optimizer.step()
    reading = controller.probe.reading
    assert list(reading.names) == hidden()
    assert reading.elr == pytest.approx([elr[n] for n in hidden()], rel=1e-4)
    assert controller.last_lr()[0] == pytest.approx(min(1.0, 1 / max(reading.elr)) if control == "critical" else 1.0, rel=1e-5)


def test_norms_beyond_float32_are_exact() -> None:
    model = mlp(4)
    with torch.no_grad():
        model[0].weight.mul_(1e-23)
        model[3].weight.mul_(1e21)
    loss(model).backward()
    for name, size in (("0.weight", 1e-22), ("3.weight", 1e-3)):
        weight = model.get_parameter(name)
        wide = weight.detach().double()
        gradient = torch.randn_like(wide) * size
        weight.grad = (gradient - wide * ((gradient * wide).sum() / wide.square().sum())).float()
    reading = ElrProbe(model).measure()
    exact = [(p.grad.double().norm() / p.detach().double().norm()).item() for p in (model[0].weight, model[3].weight)]
    assert reading.elr[:2] == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("granularity", ["layer", "unit"])
@pytest.mark.parametrize("control", ["critical", "hold", "rescale"])
def test_channels_last_is_steered_as_the_usual_layout(granularity: str, control: str) -> None:
    def run(layout: torch.memory_format) -> tuple[np.ndarray, list[Tensor]]:
        model = Conv().double().to(memory_format=layout)
        optimizer = sgd(model, 0.5)
        controller = ElrController(optimizer, ElrProbe(model, granularity=granularity), control)
        for step in range(3):
            generator = torch.Generator().manual_seed(step)
            x = torch.randn(16, 3, 8, 8, generator=generator, dtype=torch.float64).to(memory_format=layout)
            optimizer.zero_grad()
            F.cross_entropy(model(x), torch.arange(16) % 10).backward()
            optimizer.step()
        assert model.conv[1].weight.is_contiguous(memory_format=layout)
        return controller.probe.reading.elr, [p.detach() for p in model.parameters()]

    (elr, weights), (usual_elr, usual) = run(torch.channels_last), run(torch.contiguous_format)
    assert elr == pytest.approx(usual_elr, rel=1e-6)
    assert all(torch.allclose(a, b, rtol=1e-6, atol=1e-9) for a, b in zip(weights, usual, strict=True))


# ── units ──


def test_rows_before_batch_normalization_are_units_and_others_are_whole() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(16, 32, bias=False), nn.BatchNorm1d(32), nn.Tanh(), nn.Linear(32, 24, bias=False), nn.LayerNorm(24), nn.Linear(24, 10)
    )
    loss(model).backward()
    reading = ElrProbe(model, granularity="unit").measure()
    assert reading.labels == (*(f"0.weight[{row}]" for row in range(32)), "3.weight")
    weight, whole = model[0].weight, model[3].weight
    rows = weight.grad.norm(dim=1) / weight.detach().norm(dim=1)
    assert reading.elr[:32] == pytest.approx(rows.numpy(), rel=1e-4)
    assert reading.elr[32] == pytest.approx((whole.grad.norm() / whole.detach().norm()).item(), rel=1e-5)


@pytest.mark.parametrize(
    ("kind", "through"), [(torch.optim.SGD, "rates"), (torch.optim.SGD, "weights"), (torch.optim.AdamW, "rates")]
)
def test_held_units_turn_alike(kind: type[torch.optim.Optimizer], through: str) -> None:
    def directions() -> dict[str, Tensor]:
        return {n: F.normalize(model.get_parameter(n).detach().double(), dim=1) for n in hidden(6)}

    model = mlp(6)
    optimizer = kind(model.parameters(), lr=1e-3)
    HoldElr(optimizer, ElrProbe(model, granularity="unit"), through=through)
    train(model, optimizer, 2)
    optimizer.zero_grad()
    loss(model, 2).backward()
    before, live = directions(), {n: model.get_parameter(n).grad.norm(dim=1) > 0 for n in hidden(6)}
    optimizer.step()
    turns = torch.cat([(new - before[n]).norm(dim=1)[live[n]] for n, new in directions().items()])
    assert len(turns) > 100 and (turns.max() / turns.min()).item() < 1.05


def test_a_critical_warmup_by_units_caps_the_fastest_row() -> None:
    model = mlp(20)
    optimizer = sgd(model, 3.0)
    CriticalWarmup(optimizer, ElrProbe(model, granularity="unit"))
    loss(model).backward()
    before = {n: model.get_parameter(n).detach().clone() for n in hidden(20)}
    optimizer.step()
    turns = [((model.get_parameter(n).detach() - w).norm(dim=1) / w.norm(dim=1)).max().item() for n, w in before.items()]
    assert max(turns) == pytest.approx(1, rel=1e-4)


# ── devices ──


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("control", ["critical", "critical+hold", "rescale"])
def test_training_on_every_device_there_is(device: str, asynchronous: bool, control: str) -> None:
    model = mlp(8).to(device)
    optimizer = sgd(model, 0.5, momentum=0.9)
    controller = ElrController(optimizer, ElrProbe(model, asynchronous=asynchronous), control)
    for step in range(6):
        x, y = (t.to(device) for t in batch(step))
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    assert controller.probe.layers == hidden() and np.isfinite(controller.probe.spread.std)
