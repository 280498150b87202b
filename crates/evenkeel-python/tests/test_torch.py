"""The probe and the controls in a training loop."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from networks import angles, hidden, loss, mlp, sgd, train
from torch import nn

import evenkeel
from evenkeel import ElrError
from evenkeel.torch import CriticalWarmup, ElrController, ElrProbe, HoldElr, rescale_


def test_scale_invariant_weights_are_found_by_measurement() -> None:
    model = mlp()
    loss(model).backward()
    probe = ElrProbe(model)
    reading = probe.measure()
    assert list(reading.names) == hidden() and probe.roles["24.weight"] == "scale-dependent"
    assert probe.layers == [] and probe.roles["0.weight"] == "undecided", "one batch decides nothing"
    for name, elr in zip(reading.names, reading.elr, strict=True):
        weight = model.get_parameter(name)
        assert elr == pytest.approx(weight.grad.norm().item() / weight.norm().item(), rel=1e-5)


def test_the_warmup_caps_the_step_and_leaves_the_schedule_alone() -> None:
    model = mlp(20)
    optimizer, seen = sgd(model), []
    warmup = CriticalWarmup(optimizer, ElrProbe(model))
    train(model, optimizer, 15, lambda: seen.append((warmup.get_last_lr()[0], warmup.plan)))
    assert seen[0][0] < 0.5 and seen[0][0] == pytest.approx(seen[0][1].critical)
    assert seen[-1][0] == 1.0 and warmup.finished and optimizer.param_groups[0]["lr"] == 1.0


def test_groups_keep_their_ratio_and_schedulers_their_numbers_in_any_order() -> None:
    def lrs(first: bool, controlled: bool = True) -> list[float]:
        model = mlp(20)
        layers = list(model.parameters())
        optimizer = torch.optim.SGD([{"params": layers[:30], "lr": 2.0}, {"params": layers[30:], "lr": 1.0}])
        if first and controlled:
            warmup = CriticalWarmup(optimizer, ElrProbe(model))
        schedule = torch.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda _: 0.9)
        if not first and controlled:
            warmup = CriticalWarmup(optimizer, ElrProbe(model))
        targets: list[float] = []

        def each() -> None:
            if controlled:
                big, small = warmup.get_last_lr()
                assert big == pytest.approx(2 * small)
            schedule.step()
            targets.append(optimizer.param_groups[0]["lr"])

        train(model, optimizer, 5, each)
        return targets

    assert lrs(True) == lrs(False) == lrs(True, controlled=False)


def test_a_resumed_warmup_goes_on_to_the_same_bits() -> None:
    def start() -> tuple[nn.Module, torch.optim.SGD, CriticalWarmup]:
        model = mlp(20)
        optimizer = sgd(model, momentum=0.5)
        return model, optimizer, CriticalWarmup(optimizer, ElrProbe(model))

    whole, optimizer, warmup = start()
    train(whole, optimizer, 1)
    saved = copy.deepcopy((whole.state_dict(), optimizer.state_dict(), warmup.state_dict()))
    train(whole, optimizer, range(1, 6))
    resumed, again, second = start()
    for thing, state in zip((resumed, again, second), saved, strict=True):
        thing.load_state_dict(state)
    train(resumed, again, range(1, 6))
    assert second.get_last_lr() == warmup.get_last_lr()
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


def test_rescaling_keeps_the_function_and_makes_elrs_equal() -> None:
    model = mlp(8)
    probe, before = ElrProbe(model), loss(model)
    before.backward()
    probe.measure()
    rescale_(model, probe)
    assert probe.measure().spread.decades < 1e-4
    assert loss(model).item() == pytest.approx(before.item(), rel=1e-3)


@pytest.mark.parametrize("through", ["rates", "weights"])
def test_held_elrs_act_alike(through: str) -> None:
    model = mlp(20)
    optimizer = sgd(model, 0.1)
    HoldElr(optimizer, ElrProbe(model), through=through)
    loss(model).backward()
    before = {n: model.get_parameter(n).detach().clone() for n in hidden(20)}
    optimizer.step()
    turns = []
    for name, old in before.items():
        new = model.get_parameter(name).detach()
        turns.append(torch.nn.functional.cosine_similarity(old.flatten(), new.flatten(), 0).double().arccos().item())
    assert max(turns) / min(turns) < 1.05


def test_under_momentum_turns_are_held_equal_by_the_update() -> None:
    spreads = {}
    for measure in ("auto", "gradient"):
        model = mlp(8)
        optimizer = sgd(model, 0.3, momentum=0.9)
        hold = HoldElr(optimizer, ElrProbe(model), measure=measure)
        train(model, optimizer, 3)
        optimizer.zero_grad()
        loss(model, 3).backward()
        turns = angles(model, hidden(), optimizer.step)
        spreads[hold.measure] = max(turns) / min(turns)
    assert spreads["update"] < 1.001 < 1.1 < spreads["gradient"]
    assert HoldElr(sgd(mlp(8), 0.3, momentum=0.9), ElrProbe(mlp(8)), through="weights").measure == "gradient"
    assert HoldElr(sgd(mlp(8), 0.3), ElrProbe(mlp(8))).measure == "gradient"


def test_weights_stay_on_their_spheres() -> None:
    model = mlp(8)
    optimizer = sgd(model, 0.1)
    ElrController(optimizer, ElrProbe(model), "sphere")
    norms = [model.get_parameter(n).norm().item() for n in hidden()]
    train(model, optimizer, 5)
    loss(model, 5).backward()
    # Weights are put back before a step: the next one would find them back where they began.
    optimizer.param_groups[0]["lr"] = 1e-12
    optimizer.step()
    assert [model.get_parameter(n).norm().item() for n in hidden()] == pytest.approx(norms, rel=1e-5)


def test_sparse_gradients_are_refused_by_name() -> None:
    model = nn.Sequential(nn.Embedding(5, 4, sparse=True), nn.Linear(4, 2))
    model(torch.tensor([1, 2])).sum().backward()
    with pytest.raises(ElrError, match="`0.weight` has a sparse gradient"):
        ElrProbe(model).measure()


def test_frozen_unused_and_zero_weights_take_no_part() -> None:
    model = nn.ModuleList([mlp(8), mlp(8, seed=1), nn.Linear(3, 3)])
    model.get_parameter("0.3.weight").requires_grad_(False)
    with torch.no_grad():
        model.get_parameter("1.21.weight").zero_()
    loss(lambda x: model[0](x) + model[1](x)).backward()
    reading = ElrProbe(model).measure()
    assert not {"0.3.weight", "1.21.weight", "2.weight"} & set(reading.names)
    assert "0.0.weight" in reading.names
    assert np.isfinite(reading.spread.std)


def test_critical_rates_agree_with_the_theory() -> None:
    model = mlp(8)
    loss(model).backward()
    probe = ElrProbe(model)
    elr = probe.measure().elr
    assert probe.log_dict()["elr/critical_lr"] == evenkeel.critical_lr(elr) == pytest.approx(1 / elr.max())
