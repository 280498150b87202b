"""What is applied: angles under every optimiser, weights of its own, 16 bits, and the table of every matrix."""

from __future__ import annotations

import copy
import math
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from networks import angles, batch, hidden, loss, mlp, sgd, train
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import lr_scheduler

from evenkeel import ElrError
from evenkeel.torch import CriticalWarmup, ElrController, ElrProbe, HoldElr

OPTIMIZERS: dict[str, Callable[[Any, float], torch.optim.Optimizer]] = {
    "sgd with decay": lambda p, lr: torch.optim.SGD(p, lr=lr, weight_decay=0.1),
    "momentum": lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9),
    "nesterov": lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "adam": lambda p, lr: torch.optim.Adam(p, lr=lr, weight_decay=0.1),
    "adamw": lambda p, lr: torch.optim.AdamW(p, lr=lr, weight_decay=0.5),
    "adafactor": lambda p, lr: torch.optim.Adafactor(p, lr=lr),
    "rprop": lambda p, lr: torch.optim.Rprop(p, lr=lr),
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("lr", [3e-3, 1.0])
def test_held_angles_are_equal(kind: str, lr: float) -> None:
    model = mlp(8)
    optimizer = OPTIMIZERS[kind](model.parameters(), lr)
    HoldElr(optimizer, ElrProbe(model))
    train(model, optimizer, 3)
    optimizer.zero_grad()
    loss(model, 3).backward()
    found = angles(model, hidden(), optimizer.step)
    assert max(found) / min(found) < (1.01 if lr < 0.1 else 1.05)


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize(("control", "cap"), [("critical", math.pi / 4), ("max-angle:0.1", 0.1)])
def test_caps_are_not_exceeded(kind: str, control: str, cap: float) -> None:
    model = mlp(8)
    optimizer = OPTIMIZERS[kind](model.parameters(), 3.0)
    ElrController(optimizer, ElrProbe(model), control)
    for step in range(6):
        optimizer.zero_grad()
        loss(model, step).backward()
        found = angles(model, hidden(), optimizer.step)
        assert max(found) <= 1.01 * cap
        assert step > 0 or max(found) > 0.99 * cap


class Masters(torch.optim.Optimizer):
    """16-bit parameters with float32 masters in the state."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, dict(lr=lr))

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["master"] = p.float().clone()
                state["master"].sub_(p.grad.float(), alpha=group["lr"])
                p.copy_(state["master"])


class Averaging(torch.optim.Optimizer):
    """Gradient steps on z; the parameters are halfway between z and where they were."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, dict(lr=lr))

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if "z" not in state:
                    state["z"] = p.clone()
                state["z"].sub_(p.grad, alpha=group["lr"])
                p.lerp_(state["z"], 0.5)


@pytest.mark.parametrize(("kind", "dtype"), [(Masters, torch.bfloat16), (Averaging, torch.float32)])
def test_a_cap_is_not_undone_by_weights_of_the_optimizer_s_own(kind: Any, dtype: torch.dtype) -> None:
    model = mlp(6).to(dtype)
    optimizer = kind(model.parameters(), lr=30.0)
    ElrController(optimizer, ElrProbe(model), "critical")
    for step in range(3):
        optimizer.zero_grad()
        x, y = batch(step)
        F.cross_entropy(model(x.to(dtype)).float(), y).backward()
        assert max(angles(model, hidden(6), optimizer.step)) < 1.02 * math.pi / 4
    optimizer.param_groups[0]["lr"] = 0.0
    train_ = angles(model, hidden(6), optimizer.step)
    # What is left of z is at most as far as one capped step.
    assert max(train_) < 1.02 * math.pi / 4 and (kind is Averaging or max(train_) < 1e-2)


@pytest.mark.parametrize("lr", [1e-3, 1e-4])
@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_fractions_of_16_bit_updates_are_taken_before_rounding(kind: Any, lr: float) -> None:
    def turns(dtype: torch.dtype) -> tuple[list[float], ElrController]:
        torch.manual_seed(0)
        model = mlp(6, 64)
        model = model.to(torch.bfloat16).to(dtype)
        optimizer = kind(model.parameters(), lr=lr)
        hold = HoldElr(optimizer, ElrProbe(model).find(lambda s: F.cross_entropy(model(batch(s)[0].to(dtype)).float(), batch(s)[1]), range(4)))
        for step in range(3):
            optimizer.zero_grad()
            x, y = batch(step)
            F.cross_entropy(model(x.to(dtype)).float(), y).backward()
            optimizer.step()
        matrices = hold.probe.matrices
        return [matrices[n].angle for n in hidden(6)], hold

    held, hold = turns(torch.bfloat16)
    assert max(held) / min(held) < 1.02
    state = hold.optimizer.state
    assert all(v.dtype == torch.bfloat16 for s in state.values() for k, v in s.items() if isinstance(v, Tensor) and v.ndim == 2)
    assert ("below the resolution" in hold.probe.table()) == (max(held) < 2e-3)


def test_an_observer_of_16_bit_weights_changes_no_bit() -> None:
    def run(observed: bool) -> list[Tensor]:
        model = mlp(4).to(torch.bfloat16)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        if observed:
            ElrController(optimizer, ElrProbe(model), "none")
        for step in range(4):
            optimizer.zero_grad()
            x, y = batch(step)
            F.cross_entropy(model(x.to(torch.bfloat16)).float(), y).backward()
            optimizer.step()
        return list(model.parameters())

    assert all(torch.equal(a, b) for a, b in zip(run(True), run(False), strict=True))


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_every_matrix_is_shown(kind: str) -> None:
    model = mlp(4)
    optimizer = sgd(model, 1e-3) if kind == "sgd" else torch.optim.AdamW(model.parameters(), lr=1e-3)
    warmup = CriticalWarmup(optimizer, ElrProbe(model))
    train(model, optimizer, 2)
    optimizer.zero_grad()
    loss(model, 2).backward()
    names = [*hidden(4), "12.weight"]
    before = {n: model.get_parameter(n).detach().clone() for n in names}
    found = dict(zip(names, angles(model, names, optimizer.step), strict=True))
    numbers = warmup.log_dict()
    for name, old in before.items():
        weight = model.get_parameter(name)
        assert numbers[f"elr/weight_norm/{name}"] == pytest.approx(old.norm().item(), rel=1e-5)
        assert numbers[f"elr/grad_norm/{name}"] == pytest.approx(weight.grad.norm().item(), rel=1e-5)
        if name in hidden(4) or kind == "adamw":
            assert numbers[f"elr/angle/{name}"] == pytest.approx(found[name], rel=1e-2)
            assert numbers[f"elr/update/{name}"] == pytest.approx(((weight.detach() - old).norm() / old.norm()).item(), rel=1e-2)
    assert "elr/layer/12.weight" not in numbers
    lines = warmup.table().splitlines()
    assert any(line.startswith("12.weight") and "dependent" in line for line in lines)
    assert "critical:no-overshoot: would do nothing at this rate" in lines[-1]


# ── several optimisers ──


@pytest.mark.parametrize("control", ["critical", "hold"])
def test_two_optimizers_share_a_probe(control: str) -> None:
    model = mlp(8)
    parameters = list(model.parameters())
    first = torch.optim.SGD(parameters[:12], lr=0.5)
    second = torch.optim.AdamW(parameters[12:], lr=1e-3)
    probe = ElrProbe(model)
    controllers = [ElrController(o, probe, control) for o in (first, second)]
    for step in range(6):
        first.zero_grad()
        second.zero_grad()
        loss(model, step).backward()
        first.step()
        second.step()
    assert probe.layers == hidden() and [c.steps for c in controllers] == [6, 6]
    layers = [{k for k in c.log_dict() if k.startswith("elr/layer/")} for c in controllers]
    assert layers == [{f"elr/layer/{n}" for n in half} for half in (hidden()[:4], hidden()[4:])]


def test_gradients_of_another_network_s_turn_do_not_count() -> None:
    makers, judges = mlp(4), mlp(4, seed=1)
    both = nn.ModuleList([makers, judges])
    probe = ElrProbe(both)
    one, two = (torch.optim.Adam(m.parameters(), lr=1e-3) for m in both)
    for optimizer in (one, two):
        ElrController(optimizer, probe, "none")
    for step in range(6):
        one.zero_grad()
        loss(makers, step).backward()
        one.step()
        two.zero_grad()
        loss(judges, step).backward()
        two.step()
    assert probe.layers == [f"{i}.{n}" for i in range(2) for n in hidden(4)]


# ── conventions ──


class Lookahead:
    """A wrapper that never was an optimizer's subclass."""

    def __init__(self, base: torch.optim.Optimizer) -> None:
        self.base_optimizer, self.param_groups = base, base.param_groups

    def step(self) -> None:
        self.base_optimizer.step()


def test_wrappers_are_unwrapped_and_strangers_refused() -> None:
    model = mlp(6)
    base = sgd(model, 30.0)
    controller = ElrController(Lookahead(base), ElrProbe(model), "critical")
    loss(model).backward()
    assert controller.optimizer is base
    assert max(angles(model, hidden(6), Lookahead(base).step)) == pytest.approx(math.pi / 4, rel=1e-3)
    with pytest.raises(TypeError, match="optimizer is a list"):
        ElrController([], ElrProbe(model))
    with pytest.raises(TypeError, match="probe is a Sequential"):
        ElrController(sgd(model), model)
    with pytest.raises(TypeError, match="model is a"):
        ElrProbe(model.parameters())
    with pytest.raises(TypeError, match="looks is a float"):
        ElrProbe(model, looks=2.5)
    two = Lookahead(sgd(model))
    two.other = torch.optim.Adam(model.parameters())
    with pytest.raises(ElrError, match="steps 2 optimizers"):
        ElrController(two, ElrProbe(model))

    class Bare(torch.optim.Optimizer):
        def __init__(self, params: Any) -> None:
            self.param_groups, self.state = [{"params": list(params), "lr": 0.1}], {}

    with pytest.raises(ElrError, match="Bare never called Optimizer.__init__"):
        ElrController(Bare(model.parameters()), ElrProbe(model))


@pytest.mark.parametrize("way", ["copy", "pickle"])
@pytest.mark.parametrize("control", ["critical", "critical+hold:0.5"])
def test_controllers_are_copied_with_what_they_steer(way: str, control: str) -> None:
    model = mlp(8)
    optimizer = sgd(model, 5.0, momentum=0.5)
    controller = ElrController(optimizer, ElrProbe(model), control)
    train(model, optimizer, 2)
    things = (model, optimizer, controller)
    copies = copy.deepcopy(things) if way == "copy" else pickle.loads(pickle.dumps(things))
    for m, o, _ in (things, copies):
        train(m, o, range(2, 5))
    assert copies[2].optimizer is copies[1] and copies[2].steps == 5
    assert copies[2].last_lr() == controller.last_lr()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), copies[0].parameters(), strict=True))


def test_a_warmup_is_a_whole_scheduler() -> None:
    model = mlp(4)
    optimizer = sgd(model, 0.1)
    inner = lr_scheduler.OneCycleLR(optimizer, 0.5, total_steps=9)
    warmup = CriticalWarmup(optimizer, ElrProbe(model), inner)
    assert isinstance(warmup, lr_scheduler.LRScheduler) and warmup.total_steps == 9
    assert warmup._step_count == 1 and warmup.last_epoch == 0 and warmup._last_lr == warmup.get_lr()
    with pytest.warns(UserWarning, match=r"lr_scheduler.step\(\)` before `optimizer.step\(\)"):
        warmup.step()
    train(model, optimizer, 1, warmup.step)
    assert warmup.last_epoch == inner.last_epoch == 2 and warmup._step_count == 3
    assert not hasattr(CriticalWarmup(sgd(mlp(2)), ElrProbe(mlp(2))), "total_steps")


def test_a_warmup_comes_first_in_a_sequence() -> None:
    model = mlp(4)
    optimizer = sgd(model, 0.5)
    warmup = CriticalWarmup(optimizer, ElrProbe(model))
    sequence = lr_scheduler.SequentialLR(optimizer, [warmup, lr_scheduler.ExponentialLR(optimizer, 0.5)], [3])
    lrs: list[float] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(model, optimizer, 5, lambda: (sequence.step(), lrs.append(optimizer.param_groups[0]["lr"])))
    assert lrs == pytest.approx([0.5, 0.5, 0.5, 0.25, 0.125])
