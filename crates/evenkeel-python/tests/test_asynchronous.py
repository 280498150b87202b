"""What a step costs in transfers, and the mode in which nobody waits for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from networks import hidden, loss, mlp, sgd, train

from evenkeel.torch import CriticalWarmup, ElrController, ElrProbe, HoldElr, Reading, rescale_
from evenkeel.torch.norms import Transfer

KINDS = {
    "sgd": lambda p, lr: torch.optim.SGD(p, lr=lr),
    "adamw": lambda p, lr: torch.optim.AdamW(p, lr=lr),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("granularity", ["layer", "unit"])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_step_takes_as_few_transfers_to_the_host_as_it_can(
    kind: str, granularity: Any, asynchronous: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = mlp(8)
    optimizer = KINDS[kind](model.parameters(), 0.5)
    ElrController(optimizer, ElrProbe(model, granularity=granularity, asynchronous=asynchronous), "critical+hold")
    # Which weights count is learnt in the first steps. Under Adam, whether gradients are finite has to be known
    # before the step, and its update after it.
    train(model, optimizer, 10)
    sent: list[int] = []
    send = Transfer.of
    monkeypatch.setattr(Transfer, "of", lambda joined: (sent.append(1), send(joined))[1])
    train(model, optimizer, range(10, 15))
    assert len(sent) == (5 if asynchronous or kind == "sgd" else 10)


@pytest.mark.parametrize("kind", KINDS)
def test_it_answers_with_the_last_measurement_carried_on(kind: str) -> None:
    def readings(asynchronous: bool) -> tuple[list[Reading], list[float]]:
        model = mlp(8)
        optimizer = KINDS[kind](model.parameters(), 1e-2)
        controller, found = ElrController(optimizer, ElrProbe(model, asynchronous=asynchronous), "none"), []
        train(model, optimizer, 5, lambda: found.append(controller.probe.reading))
        return found, controller.last_lr()

    measure = "gradient" if kind == "sgd" else "update"
    (late, lrs), (exact, _) = readings(True), readings(False)
    # The first is exact, and so is the second what the first becomes by the theory.
    assert late[0].elr == pytest.approx(exact[0].elr)
    for before, carried in zip(exact, late[1:], strict=False):
        stepped = before.stepped(np.full(len(before.names), lrs[0]), measure)
        assert carried.elr == pytest.approx(stepped.elr, rel=1e-6)
        assert carried.weight_norm == pytest.approx(stepped.weight_norm, rel=1e-6)


def test_steps_without_a_measurement_are_carried_on_too() -> None:
    model = mlp(8)
    optimizer = sgd(model, 0.02)
    warmup = CriticalWarmup(optimizer, ElrProbe(model, asynchronous=True, every=4))
    train(model, optimizer, 13)
    assert warmup.finished
    plain = mlp(8)
    probe = ElrProbe(plain)
    other = sgd(plain, 0.02)
    CriticalWarmup(other, probe)
    train(plain, other, 10)
    start = probe.reading
    # Measured at steps 0 to 9 and at 12, which answers with what step 9 has become.
    for _ in range(3):
        start = start.stepped(np.full(len(start.names), 0.02))
    assert warmup.probe.reading.elr == pytest.approx(start.elr, rel=1e-5)


def test_rescaled_weights_are_carried_on() -> None:
    model = mlp(8)
    probe = ElrProbe(model, asynchronous=True)
    loss(model).backward()
    probe.measure()
    rescale_(model, probe)
    assert probe.measure().spread.decades < 1e-6


@pytest.mark.parametrize("control", ["critical", "hold"])
def test_it_steers_nearly_as_the_exact_one(control: str) -> None:
    def run(asynchronous: bool) -> list[float]:
        model = mlp(8)
        optimizer = sgd(model, 0.5)
        controller = ElrController(optimizer, ElrProbe(model, asynchronous=asynchronous), control)
        found: list[float] = []
        train(model, optimizer, 6, lambda: found.append(float(np.log(controller.probe.reading.elr).mean())))
        return found

    assert run(True) == pytest.approx(run(False), abs=0.7)


def test_gradients_do_not_live_longer_for_being_measured() -> None:
    model = mlp(4)
    optimizer = sgd(model, 0.5)
    HoldElr(optimizer, probe := ElrProbe(model, asynchronous=True))
    train(model, optimizer, 4)
    assert list(probe.reading.names) == hidden(4)
    (sent,) = probe._under_way.values()
    assert sent.values == [] and sent.vectors == []
