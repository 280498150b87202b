"""A control that has nothing to go by lets training go on, and says once why."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from networks import angles, batch, hidden, loss, mlp, sgd, train
from torch import Tensor, nn
from torch.nn import functional as F

from evenkeel import ElrError
from evenkeel.torch import CriticalWarmup, ElrController, ElrProbe, ElrWarning, HoldElr

KINDS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-3),
}
CONTROLS: dict[str, Callable[[Any, ElrProbe], ElrController]] = {
    "none": lambda o, p: ElrController(o, p, "none"),
    "critical": CriticalWarmup,
    "hold": HoldElr,
    "through weights": lambda o, p: HoldElr(o, p, through="weights"),
    "band": lambda o, p: ElrController(o, p, "band:0.5:1+max-angle:0.1"),
    "sphere": lambda o, p: ElrController(o, p, "sphere"),
}


def told(run: Callable[[], object]) -> list[str]:
    """What a run is told by ElrWarnings."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        run()
    return [str(w.message) for w in seen if issubclass(w.category, ElrWarning)]


def zero_head() -> nn.Sequential:
    """A network whose classifier begins at zero, so that nothing below has a gradient at first."""
    model = mlp(6)
    nn.init.zeros_(model[-1].weight)
    return model


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_classifier_of_zeros_is_waited_out(kind: str, control: str, asynchronous: bool) -> None:
    model = zero_head()
    optimizer = KINDS[kind](model.parameters())
    controller = CONTROLS[control](optimizer, ElrProbe(model, asynchronous=asynchronous))
    assert told(lambda: train(model, optimizer, 6)) == []
    assert controller.steps == 6 and controller.probe.layers == hidden(6)
    assert controller.log_dict()["elr/spread_decades"] > 0


class Block(nn.Module):
    """A transformer's layer with its norms before the matrices."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.norm, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.second, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        x = x + self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True))
        return x + self.down(F.gelu(self.up(self.second(x))))


class Gpt(nn.Module):
    """No weight of it is scale-invariant."""

    def __init__(self, seed: int, depth: int = 4, width: int = 32) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.embed = nn.Embedding(48, width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 48, bias=False)
        for p in self.parameters():
            if p.ndim > 1:
                nn.init.normal_(p, std=0.02)

    def loss(self, step: int) -> Tensor:
        x = torch.randint(0, 48, (4, 13), generator=torch.Generator().manual_seed(step))
        return F.cross_entropy(self.head(self.norm(self.blocks(self.embed(x[:, :-1])))).flatten(0, 1), x[:, 1:].flatten())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("control", ["critical", "hold", "none"])
def test_without_invariant_weights_training_goes_on_as_it_would(kind: str, control: str) -> None:
    def run(steered: bool) -> tuple[list[Tensor], list[str]]:
        model = Gpt(seed=3)
        optimizer = KINDS[kind](model.parameters())
        if steered:
            CONTROLS[control](optimizer, probe := ElrProbe(model))

        def steps() -> None:
            for step in range(12):
                optimizer.zero_grad()
                model.loss(step).backward()
                optimizer.step()
                assert not steered or probe.layers == []

        said = told(steps)
        return [p.detach() for p in model.parameters()], said

    (weights, said), (plain, _) = run(True), run(False)
    assert all(torch.equal(a, b) for a, b in zip(weights, plain, strict=True))
    assert len(said) == 1 and "no scale-invariant weight" in said[0] and "explain" in said[0]


def test_low_rank_adapters_are_waited_out() -> None:
    class Adapter(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.base = nn.Linear(16, 16, bias=False).requires_grad_(False)
            self.a, self.b = nn.Parameter(torch.randn(4, 16)), nn.Parameter(torch.zeros(16, 4))

        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.base(x) + x @ self.a.T @ self.b.T)

    torch.manual_seed(0)
    model = nn.Sequential(*(Adapter() for _ in range(3)), nn.Linear(16, 10))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    warmup = CriticalWarmup(optimizer, ElrProbe(model))
    train(model, optimizer, 6)
    assert warmup.steps == 6 and warmup.probe.layers == [] and warmup.get_last_lr() == [1e-3]
    assert warmup.probe.explain()["0.base.weight"].startswith("frozen")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("control", ["none", "critical", "hold"])
@pytest.mark.parametrize("at", [0, 4])
def test_the_layer_with_a_gradient_that_is_not_finite_is_named_before_weights_change(kind: str, control: str, at: int) -> None:
    model = mlp(6)
    optimizer = KINDS[kind](model.parameters())
    CONTROLS[control](optimizer, ElrProbe(model))
    train(model, optimizer, at)
    optimizer.zero_grad()
    loss(model, at).backward()
    model.get_parameter("9.weight").grad[0, 0] = float("nan")
    before = [p.detach().clone() for p in model.parameters()]
    with warnings.catch_warnings():
        warnings.simplefilter("error", ElrWarning)
        with pytest.raises(ElrWarning, match="`9.weight`: gradient norm is nan"):
            optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    # Without that filter, the step passes; the next ones are looked at again.
    assert told(optimizer.step) == []


def test_frozen_statistics_are_thawed() -> None:
    model = mlp(6)
    norms = [m for m in model if isinstance(m, nn.BatchNorm1d)]
    for step in range(10):
        model(batch(step)[0])
    optimizer = sgd(model, 0.5)
    warmup = CriticalWarmup(optimizer, ElrProbe(model))
    for step in range(20):
        for norm in norms:
            norm.train(step >= 5)
        train(model, optimizer, range(step, step + 1))
        if step == 4:
            assert warmup.probe.layers == [] and "frozen statistics" in warmup.probe.explain()["9.weight"]
    assert warmup.probe.layers == hidden(6)


def test_one_step_in_eval_mode_excludes_nothing() -> None:
    model = mlp(6)
    optimizer = sgd(model, 0.01)
    probe = ElrProbe(model)
    ElrController(optimizer, probe, "critical")
    for step in range(12):
        model.train(step != 4)
        train(model, optimizer, range(step, step + 1))
    assert probe.layers == hidden(6)


def test_rates_that_are_unknown_are_refused_by_name() -> None:
    model = mlp(2)
    optimizer = sgd(model)
    optimizer.param_groups[0]["lr"] = None
    for control in ("none", "critical"):
        with pytest.raises(ElrError, match="SGD has no known rate: lr of parameter group 0 is None; set a number"):
            ElrController(optimizer, ElrProbe(model), control)


def test_steps_that_cannot_be_seen_are_told_once() -> None:
    model = mlp(4)
    inner = [torch.optim.SGD([p], lr=1e-3) for p in model.parameters()]
    dummy = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    controller = ElrController(dummy, ElrProbe(model), "critical")

    def run() -> None:
        for step in range(8):
            loss(model, step).backward()
            for optimizer in inner:
                optimizer.step()
                optimizer.zero_grad()
            dummy.step()
            controller.log_dict()

    said = told(run)
    assert any("holds none of the model's weights" in text for text in said) and len(said) == len(set(said)) <= 2


def test_weights_that_change_elsewhere_are_told_once() -> None:
    model = mlp(4)
    optimizer = sgd(model, 0.01)
    ElrController(optimizer, ElrProbe(model), "hold")

    def run() -> None:
        for step in range(4):
            train(model, optimizer, range(step, step + 1))
            with torch.no_grad():
                model.get_parameter("3.weight").clamp_(-1, 1)

    said = told(run)
    assert len(said) == 1 and "outside of optimizer.step, `3.weight`" in said[0]


class Sam(torch.optim.Optimizer):
    """Sharpness-aware minimisation in both of its usual forms."""

    def __init__(self, params: Any, rho: float = 0.5, **settings: Any) -> None:
        super().__init__(params, dict(rho=rho, **settings))
        self.base = torch.optim.SGD(self.param_groups, **settings)
        self.param_groups = self.base.param_groups

    @torch.no_grad()
    def first_step(self) -> None:
        parameters = [p for group in self.param_groups for p in group["params"]]
        norm = torch.stack([p.grad.norm() for p in parameters]).norm()
        for p in parameters:
            self.state[p]["old"] = p.detach().clone()
            p.add_(p.grad, alpha=self.defaults["rho"] / float(norm))
        self.zero_grad()

    @torch.no_grad()
    def second_step(self) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                p.copy_(self.state[p].pop("old"))
        self.base.step()

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        closure = torch.enable_grad()(closure)
        self.first_step()
        value = closure()
        self.second_step()
        return value


@pytest.mark.parametrize("form", ["closure", "two calls"])
@pytest.mark.parametrize("control", ["critical", "hold"])
@pytest.mark.parametrize("measure", ["auto", "update"])
def test_nothing_of_an_ascent_stays_in_weights(form: str, control: str, measure: Any) -> None:
    model = mlp(4)
    optimizer = Sam(model.parameters(), lr=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ElrController(optimizer, ElrProbe(model), control, measure=measure)

    def step() -> None:
        loss(model).backward()
        if form == "closure":
            optimizer.step(lambda: (loss(model).backward(), loss(model))[1])
        else:
            optimizer.first_step()
            loss(model).backward()
            optimizer.second_step()

    found = angles(model, hidden(4), step)
    # The ascent turns weights by some tenths.
    assert max(found) < 5e-3
