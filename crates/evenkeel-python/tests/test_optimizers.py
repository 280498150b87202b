"""Optimisers in their forms, groups, schedulers, checkpoints."""

from __future__ import annotations

import copy
import io
import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from networks import angles, hidden, loss, mlp, sgd, train
from torch import nn
from torch.optim import lr_scheduler

from evenkeel import ElrError
from evenkeel.torch import CriticalWarmup, ElrController, ElrProbe, HoldElr

ADAPTIVE = [torch.optim.Adam, torch.optim.AdamW, torch.optim.NAdam, torch.optim.RAdam, torch.optim.RMSprop, torch.optim.Adagrad]


@pytest.mark.parametrize("form", [{}, {"foreach": True}, {"foreach": False}, {"fused": True}, {"tensor": True}])
@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_no_layer_turns_by_more_than_45_degrees(kind: Any, form: dict[str, bool]) -> None:
    model, form = mlp(20), dict(form)
    lr = torch.tensor(3.0) if form.pop("tensor", False) else 3.0
    optimizer = kind(model.parameters(), lr=lr, **form)
    warmup = CriticalWarmup(optimizer, ElrProbe(model))
    loss(model).backward()
    found = angles(model, hidden(20), optimizer.step)
    assert max(found) == pytest.approx(math.pi / 4, rel=1e-3)
    assert warmup.get_last_lr()[0] == pytest.approx(warmup.plan.critical)
    assert optimizer.param_groups[0]["lr"] is lr or optimizer.param_groups[0]["lr"] == lr
    assert float(optimizer.param_groups[0]["lr"]) == 3.0


@pytest.mark.parametrize("kind", ADAPTIVE)
def test_held_updates_turn_all_layers_alike(kind: Any) -> None:
    model = mlp(20)
    optimizer = kind(model.parameters(), lr=1e-3)
    HoldElr(optimizer, ElrProbe(model))
    train(model, optimizer, 2)
    optimizer.zero_grad()
    loss(model, 2).backward()
    found = angles(model, hidden(20), optimizer.step)
    assert max(found) / min(found) < 1.001


@pytest.mark.parametrize("kind", [torch.optim.SGD, *ADAPTIVE])
def test_rescaled_weights_and_state_train_on_in_the_same_function(kind: Any) -> None:
    def run(rescaled: bool) -> float:
        model = mlp(6)
        settings = {"momentum": 0.9} if kind is torch.optim.SGD else {}
        optimizer = kind(model.parameters(), lr=1e-9, **settings)
        controller = HoldElr(optimizer, ElrProbe(model), through="weights")
        if not rescaled:
            controller.close()
        train(model, optimizer, 3)
        return loss(model, 3).item()

    assert run(True) == pytest.approx(run(False), rel=1e-3)


def test_lbfgs_is_refused() -> None:
    model = mlp(2)
    with pytest.raises(ElrError, match="LBFGS"):
        CriticalWarmup(torch.optim.LBFGS(model.parameters()), ElrProbe(model))


def test_an_optimizer_is_steered_once_and_let_go() -> None:
    model = mlp(20)
    optimizer = sgd(model)
    first = CriticalWarmup(optimizer, ElrProbe(model))
    with pytest.raises(ElrError, match="critical:no-overshoot.*close"):
        HoldElr(optimizer, ElrProbe(model))
    first.close()
    train(model, optimizer, 1)
    assert first.steps == 0
    HoldElr(optimizer, ElrProbe(model))


def test_groups_keep_their_ratios_and_count_at_their_own_rates() -> None:
    model = mlp(20)
    layers = list(model.parameters())
    optimizer = torch.optim.SGD([{"params": layers[:30], "lr": 0.1}, {"params": layers[30:], "lr": 3.0}])
    warmup = CriticalWarmup(optimizer, ElrProbe(model))
    loss(model).backward()
    found = angles(model, hidden(20), optimizer.step)
    slow, fast = warmup.get_last_lr()
    assert fast < 3.0 and slow == pytest.approx(fast / 30)
    assert max(found) == pytest.approx(math.pi / 4, rel=1e-3)


def test_weights_of_another_optimizer_are_left_alone() -> None:
    model = mlp(20)
    layers = list(model.parameters())
    low, high = torch.optim.SGD(layers[:30], lr=3.0), torch.optim.SGD(layers[30:], lr=3.0)
    for control in ("critical", "hold"):
        controller = ElrController(high, ElrProbe(model), control)
        high.zero_grad()
        low.zero_grad()
        loss(model).backward()
        before = [p.detach().clone() for p in layers[:30]]
        found = angles(model, hidden(20)[10:], high.step)
        assert all(torch.equal(a, b) for a, b in zip(before, layers, strict=False))
        assert max(found) <= 1.001 * math.pi / 4 if control == "critical" else max(found) / min(found) < 1.01
        controller.close()


def test_parameters_that_join_later_are_steered_too() -> None:
    model = mlp(8)
    layers = list(model.parameters())
    optimizer = torch.optim.SGD(layers[9:], lr=5.0)
    HoldElr(optimizer, ElrProbe(model))
    train(model, optimizer, 2)
    optimizer.add_param_group({"params": layers[:9], "lr": 5.0})
    optimizer.zero_grad()
    loss(model, 2).backward()
    found = angles(model, hidden(), optimizer.step)
    assert max(found) / min(found) < 1.01


# ── schedulers ──

SCHEDULERS: dict[str, Callable[[torch.optim.Optimizer], Any]] = {
    "lambda": lambda o: lr_scheduler.LambdaLR(o, lambda step: 1 / (1 + step)),
    "chained form": lambda o: lr_scheduler.MultiplicativeLR(o, lambda _: 0.9),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, 10),
    "warm-up first": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o, 0.1, 1.0, 3), lr_scheduler.ExponentialLR(o, 0.9)], [3]
    ),
    "one cycle": lambda o: lr_scheduler.OneCycleLR(o, 2.0, total_steps=12),
}


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("place", ["before", "after", "within"])
def test_schedulers_find_their_own_numbers_in_any_order(name: str, place: str) -> None:
    def targets(controlled: bool) -> list[float]:
        model = mlp(20)
        optimizer = sgd(model, 2.0, momentum=0.1)
        warmup = CriticalWarmup(optimizer, ElrProbe(model)) if controlled and place == "before" else None
        scheduler = SCHEDULERS[name](optimizer)
        if controlled and warmup is None:
            warmup = CriticalWarmup(optimizer, ElrProbe(model), scheduler if place == "within" else None)
        seen: list[float] = []

        def each() -> None:
            if warmup is not None:
                assert warmup.get_last_lr()[0] <= optimizer.param_groups[0]["lr"]
                warmup.step()
            if not controlled or place != "within":
                scheduler.step()
            seen.append(optimizer.param_groups[0]["lr"])

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            train(model, optimizer, 8, each)
        return seen

    assert targets(True) == targets(False)


@pytest.mark.parametrize("first", [True, False])
def test_it_can_be_chained_as_a_scheduler(first: bool) -> None:
    model = mlp(20)
    optimizer = sgd(model, 2.0)
    warmup, decay = CriticalWarmup(optimizer, ElrProbe(model)), lr_scheduler.ExponentialLR(optimizer, 0.9)
    chain = lr_scheduler.ChainedScheduler([warmup, decay] if first else [decay, warmup])
    train(model, optimizer, 4, chain.step)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(2.0 * 0.9**4)
    assert warmup.last_epoch == 4 and warmup.get_last_lr()[0] <= 2.0


def test_a_plateau_scheduler_gets_its_metric() -> None:
    model = mlp(4)
    optimizer = sgd(model, 0.5)
    plateau = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=0)
    warmup = CriticalWarmup(optimizer, ElrProbe(model), plateau)
    train(model, optimizer, 3, lambda: warmup.step(1.0))
    assert optimizer.param_groups[0]["lr"] < 0.5


def test_a_target_lowered_during_the_warmup_acts_and_ends_it_until_it_rises() -> None:
    model = mlp(20)
    optimizer = sgd(model, 1.0)
    warmup = CriticalWarmup(optimizer, ElrProbe(model))
    train(model, optimizer, 1)
    assert warmup.get_last_lr()[0] < 1.0
    optimizer.param_groups[0]["lr"] = 1e-4
    train(model, optimizer, range(1, 12))
    assert warmup.get_last_lr() == [1e-4] and warmup.finished
    optimizer.param_groups[0]["lr"] = 50.0
    optimizer.zero_grad()
    loss(model, 12).backward()
    assert max(angles(model, hidden(20), optimizer.step)) == pytest.approx(math.pi / 4, rel=1e-3)
    assert not warmup.finished


def test_a_rate_of_zero_is_waited_out() -> None:
    model = mlp(20)
    optimizer = sgd(model, 1.0)
    scheduler = lr_scheduler.LambdaLR(optimizer, lambda step: float(step >= 2))
    warmup, lrs = CriticalWarmup(optimizer, ElrProbe(model), scheduler), []

    def each() -> None:
        lrs.extend(warmup.get_last_lr())
        warmup.step()

    train(model, optimizer, 3, each)
    assert lrs[:2] == [0, 0] and 0 < lrs[2] < 1


# ── checkpoints ──


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("control", ["critical", "critical+hold:0.5", "critical+sphere", "critical+band:0.5:0.5"])
@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_a_run_resumed_within_the_warmup_goes_on_to_the_same_bits(kind: str, control: str, asynchronous: bool) -> None:
    def start() -> tuple[nn.Module, torch.optim.Optimizer, ElrController]:
        model = mlp(20)
        optimizer = sgd(model, 5.0, momentum=0.5) if kind == "sgd" else torch.optim.AdamW(model.parameters(), lr=2.0)
        return model, optimizer, ElrController(optimizer, ElrProbe(model, asynchronous=asynchronous), control)

    def state(*things: Any) -> list[Any]:
        file = io.BytesIO()
        torch.save([thing.state_dict() for thing in things], file)
        file.seek(0)
        return torch.load(file)  # nothing but numbers, names and tensors

    whole = start()
    train(whole[0], whole[1], 2)
    assert whole[2].plan.capped
    saved = state(*whole)
    train(whole[0], whole[1], range(2, 7))
    again = start()
    for thing, kept in zip(again, saved, strict=True):
        thing.load_state_dict(kept)
    train(again[0], again[1], range(2, 7))
    assert again[2].last_lr() == whole[2].last_lr() and again[2].steps == 7
    assert all(torch.equal(a, b) for a, b in zip(whole[0].parameters(), again[0].parameters(), strict=True))


def test_the_scheduler_within_is_resumed_too() -> None:
    def start() -> tuple[nn.Module, torch.optim.SGD, CriticalWarmup]:
        model = mlp(20)
        optimizer = sgd(model)
        return model, optimizer, CriticalWarmup(optimizer, ElrProbe(model), lr_scheduler.CosineAnnealingLR(optimizer, 10))

    model, optimizer, warmup = start()
    train(model, optimizer, 3, warmup.step)
    again_model, again_optimizer, again = start()
    again_optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    again.load_state_dict(copy.deepcopy(warmup.state_dict()))
    warmup.step()
    again.step()
    assert again.get_lr() == warmup.get_lr() and again.last_epoch == 4
    assert again.get_lr()[0] == pytest.approx((1 + math.cos(math.pi * 0.4)) / 2)


def test_a_checkpoint_of_another_control_or_model_is_refused() -> None:
    model = mlp(4)
    optimizer = sgd(model)
    warmup = CriticalWarmup(optimizer, ElrProbe(model))
    train(model, optimizer, 1)
    other = mlp(2)
    with pytest.raises(ElrError, match="steered by `critical:no-overshoot`, not by `hold`"):
        HoldElr(sgd(other), ElrProbe(other)).load_state_dict(warmup.state_dict())
    with pytest.raises(ElrError, match="no parameter `9.weight`"):
        CriticalWarmup(sgd(other), ElrProbe(other)).load_state_dict(warmup.state_dict())
