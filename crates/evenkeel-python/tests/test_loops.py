"""Ways to train: scaled, accumulated, clipped, compiled, by closure, over processes."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import torch
from networks import batch, hidden, loss, mlp, sgd, train
from torch import nn

from evenkeel.torch import CriticalWarmup, ElrController, ElrProbe, HoldElr


def gradient_elrs(model: nn.Module, names: list[str]) -> list[float]:
    """‖∇W‖/‖W‖ in float64, computed apart."""
    weights = [model.get_parameter(n) for n in names]
    return [(w.grad.double().norm() / w.detach().double().norm()).item() for w in weights]


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("clipped", [False, True])
def test_scaled_gradients_are_measured_unscaled(fused: bool, clipped: bool) -> None:
    def first(scaled: bool) -> tuple[list[float], list[float]]:
        model = mlp(20)
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0, fused=fused)
        warmup = CriticalWarmup(optimizer, probe := ElrProbe(model))
        scaler = torch.amp.GradScaler("cpu", enabled=scaled, init_scale=2.0**12)
        scaler.scale(loss(model)).backward()
        if clipped:
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        scaler.step(optimizer)
        scaler.update()
        return probe.reading.elr.tolist(), warmup.get_last_lr()

    for scaled, plain in zip(first(True), first(False), strict=True):
        assert scaled == pytest.approx(plain, rel=1e-5)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_a_step_that_the_scaler_skips_counts_for_nothing(kind: Any, fused: bool) -> None:
    model = mlp(20)
    optimizer = kind(model.parameters(), lr=1.0, fused=fused)
    warmup = CriticalWarmup(optimizer, probe := ElrProbe(model))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8)
    before = [p.detach().clone() for p in model.parameters()]
    scaler.scale(loss(model)).backward()
    model.get_parameter("3.weight").grad[0, 0] = float("inf")
    scaler.step(optimizer)
    assert warmup.steps == 0 and probe.reading is None and optimizer.param_groups[0]["lr"] == 1.0
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast_trains_under_the_warmup(dtype: torch.dtype) -> None:
    model = mlp(20)
    optimizer = sgd(model)
    warmup = CriticalWarmup(optimizer, ElrProbe(model))
    scaler = torch.amp.GradScaler("cpu", enabled=dtype == torch.float16)
    for step in range(12):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype):
            value = loss(model, step)
        scaler.scale(value).backward()
        scaler.step(optimizer)
        scaler.update()
    assert warmup.probe.layers == hidden(20)
    assert warmup.steps >= 10 and value.isfinite()


def test_accumulated_gradients_count_as_they_are_applied() -> None:
    def first(parts: int) -> tuple[list[float], int]:
        model = mlp(20).eval()  # the same statistics for parts as for the whole
        optimizer = sgd(model)
        warmup = CriticalWarmup(optimizer, ElrProbe(model))
        for name in hidden(20):
            evidence = warmup.probe.invariance.evidence(name)
            evidence.looks, evidence.total, evidence.counts = 99, 12.0, True
        for _ in range(parts):
            (loss(model) / parts).backward()
        optimizer.step()
        return warmup.get_last_lr(), warmup.steps

    assert first(4)[0] == pytest.approx(first(1)[0], rel=1e-5) and first(4)[1] == 1


def test_clipped_gradients_count_as_they_are_applied() -> None:
    model = mlp(20)
    optimizer = sgd(model)
    CriticalWarmup(optimizer, probe := ElrProbe(model))
    loss(model).backward()
    whole = gradient_elrs(model, hidden(20))
    nn.utils.clip_grad_norm_(model.parameters(), 0.01)
    applied = gradient_elrs(model, hidden(20))
    optimizer.step()
    assert max(applied) < max(whole) / 10
    assert probe.reading.gradient_norm.max() <= 0.01
    assert probe.reading.elr == pytest.approx(applied, rel=1e-5)


@pytest.mark.parametrize("positional", [False, True])
@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_closures_are_measured_within_the_step(kind: Any, positional: bool) -> None:
    def run(by_closure: bool) -> tuple[list[float], list[torch.Tensor]]:
        model = mlp(20)
        optimizer = kind(model.parameters(), lr=0.5)
        warmup = CriticalWarmup(optimizer, ElrProbe(model))
        lrs = []
        for step in range(3):

            def closure(step: int = step) -> torch.Tensor:
                optimizer.zero_grad()
                value = loss(model, step)
                value.backward()
                return value

            if not by_closure:
                closure()
                optimizer.step()
            elif positional:
                assert optimizer.step(closure).item() > 0
            else:
                assert optimizer.step(closure=closure).item() > 0
            lrs += warmup.get_last_lr()
        return lrs, [p.detach() for p in model.parameters()]

    (lrs, weights), (plain_lrs, plain_weights) = run(True), run(False)
    assert lrs == plain_lrs and lrs[0] < 0.5
    assert all(torch.equal(a, b) for a, b in zip(weights, plain_weights, strict=True))


@pytest.mark.parametrize("control", ["critical", "critical+hold"])
def test_a_compiled_model_is_steered_as_the_plain_one(control: str) -> None:
    def run(compiled: bool) -> tuple[list[str], list[float]]:
        plain = mlp(8)
        model = torch.compile(plain, backend="aot_eager") if compiled else plain
        optimizer = sgd(model, 5.0)
        controller, lrs = ElrController(optimizer, ElrProbe(model), control), []
        train(model, optimizer, 4, lambda: lrs.append(controller.last_lr()[0]))
        return controller.probe.layers, lrs

    names, lrs = run(True)
    assert names == hidden() and lrs == pytest.approx(run(False)[1], rel=1e-4)


def test_a_compiled_step_is_steered_as_the_plain_one() -> None:
    def run(compiled: bool) -> tuple[list[float], torch.Tensor]:
        # In 64 bits: compiled steps round otherwise, and a network grows what rounding leaves.
        model = mlp(8).double()
        optimizer = sgd(model, torch.tensor(5.0, dtype=torch.float64))
        warmup = CriticalWarmup(optimizer, ElrProbe(model))
        step = torch.compile(optimizer.step, backend="eager") if compiled else optimizer.step
        lrs = []
        for index in range(3):
            x, y = batch(index)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x.double()), y).backward()
            step()
            lrs += warmup.get_last_lr()
        return lrs, model.get_parameter("0.weight").detach()

    (lrs, weight), (plain_lrs, plain_weight) = run(True), run(False)
    assert lrs[0] < 5 and lrs == pytest.approx(plain_lrs, rel=1e-4)
    assert torch.allclose(weight, plain_weight, rtol=1e-4, atol=1e-6)


KINDS = {"sgd": lambda p: torch.optim.SGD(p, lr=1.0), "adamw": lambda p: torch.optim.AdamW(p, lr=0.3)}


def worker(rank: int, folder: str) -> None:
    """One of two processes, each with a half of every batch."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    for kind, build in KINDS.items():
        model = nn.parallel.DistributedDataParallel(mlp(20))
        optimizer = build(model.parameters())
        warmup = CriticalWarmup(optimizer, ElrProbe(model))
        lrs = []
        for step in range(6):
            optimizer.zero_grad()
            loss(model, 2 * step + rank).backward()
            optimizer.step()
            lrs += warmup.get_last_lr()
        torch.save((lrs, warmup.probe.layers, model.module.get_parameter("0.weight").detach()), f"{folder}/{kind}-{rank}")
    torch.distributed.destroy_process_group()


def test_processes_decide_alike(tmp_path: pathlib.Path) -> None:
    torch.multiprocessing.spawn(worker, (str(tmp_path),), nprocs=2)
    for kind, build in KINDS.items():
        target = build(mlp(1).parameters()).param_groups[0]["lr"]
        (lrs, names, weight), (other_lrs, _, other) = (torch.load(tmp_path / f"{kind}-{rank}") for rank in range(2))
        assert lrs == other_lrs and torch.equal(weight, other)
        assert names == hidden(20) and lrs[0] < target


def test_a_step_without_gradients_is_none() -> None:
    model = mlp(8)
    optimizer = sgd(model)
    controller = HoldElr(optimizer, ElrProbe(model))
    optimizer.step()
    assert controller.steps == 0
