"""Which weights count, why, and at which granularity."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from networks import hidden, loss, mlp, sgd, train
from torch import Tensor, nn
from torch.nn import functional as F

from evenkeel.torch import ElrController, ElrProbe, HoldElr, rescale_
from evenkeel.torch.names import shortened


def normed(make: Any, norm: Any, width: int = 32, depth: int = 3) -> nn.Sequential:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for index in range(depth):
        layers += [make(16 if index == 0 else width, width), norm(width), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def test_nothing_counts_before_all_looks_on_different_batches() -> None:
    model = mlp(4)
    probe = ElrProbe(model, looks=4)
    for step in range(3):
        model.zero_grad()
        loss(model, step).backward()
        for _ in range(3):  # the same gradients again teach nothing
            probe.look()
        assert probe.layers == [] and probe.roles["0.weight"] == "undecided"
    model.zero_grad()
    loss(model, 3).backward()
    probe.look()
    assert probe.layers == hidden(4)
    assert "4 looks" in probe.explain()["0.weight"] and probe.explain()["12.weight"].startswith("scale-dependent")


def test_a_weight_that_is_invariant_only_with_its_bias_is_none() -> None:
    def linear(i: int, o: int) -> nn.Linear:
        layer = nn.Linear(i, o)
        nn.init.zeros_(layer.bias)
        return layer

    model = normed(linear, nn.LayerNorm)
    probe, optimizer = ElrProbe(model), None
    optimizer = sgd(model, 0.1)
    ElrController(optimizer, probe, "none")
    train(model, optimizer, 8)
    assert probe.layers == []
    assert "bias" in probe.explain()["3.weight"]
    # Before batch normalization biases do nothing, and its weights count.
    other = normed(linear, nn.BatchNorm1d)
    optimizer = sgd(other, 0.1)
    ElrController(optimizer, probe := ElrProbe(other), "none")
    train(other, optimizer, 4)
    assert probe.layers == ["0.weight", "3.weight", "6.weight"]


class Residual(nn.Module):
    """Branches whose last gain is zero."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Sequential(nn.Linear(16, 32, bias=False), nn.BatchNorm1d(32))
        self.branches = nn.ModuleList(nn.Sequential(nn.Linear(32, 32, bias=False), nn.BatchNorm1d(32)) for _ in range(3))
        for branch in self.branches:
            nn.init.zeros_(branch[1].weight)
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for branch in self.branches:
            x = x + branch(F.relu(x))
        return self.head(x)


class ForcedNorm(nn.Module):
    """A layer that normalises its weight in place in every training step, and once more in the graph."""

    def __init__(self, i: int, o: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(o, i))

    def forward(self, x: Tensor) -> Tensor:
        def unit(w: Tensor) -> Tensor:
            return w / w.norm(dim=1, keepdim=True)

        with torch.no_grad():
            self.weight.copy_(unit(self.weight) * self.weight.shape[1] ** 0.5)
        return F.linear(x, unit(self.weight))


@pytest.mark.parametrize("make", [Residual, lambda: mlp(4), lambda: normed(ForcedNorm, nn.Identity)])
def test_find_leaves_every_bit_as_it_was(make: Any) -> None:
    model = make()
    loss(model).backward()
    before = copy.deepcopy([*model.parameters(), *model.buffers()])
    gradients = [p.grad.clone() for p in model.parameters()]
    random = torch.random.get_rng_state()
    probe = ElrProbe(model).find(lambda step: loss(model, step), range(4))
    after = [*model.parameters(), *model.buffers()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(torch.equal(a, p.grad) for a, p in zip(gradients, model.parameters(), strict=True))
    assert torch.equal(random, torch.random.get_rng_state())
    assert len(probe.layers) == len([p for p in model.parameters() if p.ndim == 2]) - 1


def test_weights_normalised_in_the_forward_pass_are_told_apart() -> None:
    model = normed(ForcedNorm, nn.Identity)
    loss(model).backward()
    probe = ElrProbe(model).find(lambda step: loss(model, step), range(4))
    assert "rescaling it does not last" in probe.explain()["3.weight"]


class Attention(nn.Module):
    """Queries and keys are normalised by head; one projection makes them and the values."""

    def __init__(self, width: int = 32, heads: int = 4) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.heads, self.enter, self.qkv = heads, nn.Linear(16, 4 * width), nn.Linear(width, 3 * width, bias=False)
        self.out, self.head = nn.Linear(width, width, bias=False), nn.Linear(width, 10)
        with torch.no_grad():
            self.qkv.weight.mul_(4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x).unflatten(1, (4, -1))
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = (F.rms_norm(part, part.shape[-1:], eps=1e-12) for part in (q, k))
        y = F.scaled_dot_product_attention(q * 3, k, v).transpose(1, 2).flatten(2)
        return self.head(x.mean(1) + self.out(y).mean(1))


def test_heads_within_a_fused_projection_have_elrs_of_their_own() -> None:
    model = Attention()
    optimizer = sgd(model, 0.05)
    probe = ElrProbe(model, granularity="head")
    hold = HoldElr(optimizer, probe)
    train(model, optimizer, 8)
    assert probe.roles["qkv.weight"] == "partly scale-invariant" and "qkv.weight" in probe.layers
    assert probe.reading.labels == tuple(f"qkv.weight[{i}]" for i in range(8)), "four heads of queries, four of keys"
    weight, gradient = model.qkv.weight, None
    optimizer.zero_grad()
    loss(model, 8).backward()
    before, gradient = weight.detach().clone(), weight.grad.clone()
    optimizer.step()
    change = (weight.detach() - before).unflatten(0, (12, 8)).flatten(1)
    turns = change.norm(dim=1) / before.unflatten(0, (12, 8)).flatten(1).norm(dim=1)
    assert turns[:8].max() / turns[:8].min() < 1.01 and hold.plan.multiplies
    values = gradient.unflatten(0, (12, 8)).flatten(1)[8:]
    assert torch.allclose(change[8:], -0.05 * values, rtol=1e-3, atol=1e-7)


def test_groups_of_group_normalization_have_elrs_of_their_own() -> None:
    model = normed(lambda i, o: nn.Linear(i, o, bias=False), lambda width: nn.GroupNorm(4, width))
    optimizer = sgd(model, 0.05)
    ElrController(optimizer, probe := ElrProbe(model, granularity="unit"), "none")
    train(model, optimizer, 6)
    assert probe.reading.labels[:4] == tuple(f"0.weight[{i}]" for i in range(4)) and len(probe.reading.labels) == 12


class Images(nn.Module):
    """A transposed convolution with groups, before batch normalization."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.up = nn.ConvTranspose2d(4, 6, 2, groups=2, bias=False)
        self.norm, self.head = nn.BatchNorm2d(6), nn.Linear(6 * 9, 10)
        with torch.no_grad():
            self.up.weight.mul_(torch.logspace(0, 1, 3).view(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.norm(self.up(x.view(-1, 4, 2, 2)))).flatten(1))


def test_units_of_a_transposed_convolution_are_its_output_channels() -> None:
    model = Images()
    optimizer = sgd(model, 0.01)
    HoldElr(optimizer, probe := ElrProbe(model, granularity="unit"))
    train(model, optimizer, 4)
    assert probe.reading.labels == tuple(f"up.weight[{i}]" for i in range(6))
    before = model.up.weight.detach().clone()
    train(model, optimizer, range(4, 5))
    split = lambda w: w.view(2, 2, 3, 2, 2).transpose(1, 2).reshape(6, -1)  # noqa: E731
    turns = split(model.up.weight.detach() - before).norm(dim=1) / split(before).norm(dim=1)
    assert turns.max() / turns.min() < 1.01


class Scanned(nn.Module):
    """Layers stacked in one parameter, and spread over a decade."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.w = nn.Parameter(torch.randn(6, 16, 16) * torch.logspace(0, -1, 6)[:, None, None])
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        for w in self.w:
            x = torch.tanh(F.batch_norm(x @ w, None, None, training=True, eps=1e-10))
        return self.head(x)


@pytest.mark.parametrize("control", ["hold", "critical"])
def test_stacked_layers_count_one_by_one(control: str) -> None:
    model = Scanned()
    optimizer = sgd(model, 0.05 if control == "hold" else 30.0)
    ElrController(optimizer, probe := ElrProbe(model), control)
    before = model.w.detach().clone()
    train(model, optimizer, 1)
    assert probe.reading.labels == tuple(f"w[{i}]" for i in range(6))
    turns = (model.w.detach() - before).flatten(1).norm(dim=1) / before.flatten(1).norm(dim=1)
    assert turns.max() / turns.min() < 1.01 if control == "hold" else turns.max() == pytest.approx(1, rel=1e-3)
    factors = rescale_(model, probe, optimizer)
    assert set(factors) == {"w"}


class Spectral(nn.Module):
    """Complex weights on frequencies, before batch normalization."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(2, 5, dtype=torch.cfloat) * scale)

    def forward(self, x: Tensor) -> Tensor:
        return torch.fft.irfft(torch.fft.rfft(x.view(-1, 2, 8)) * self.w, n=8).flatten(1)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
@pytest.mark.parametrize("control", ["critical", "hold", "none", "rescale"])
def test_complex_weights_count_as_pairs_of_reals(kind: Any, control: str) -> None:
    torch.manual_seed(0)
    parts = [part for i in range(3) for part in (Spectral(3.0**-i), nn.LayerNorm(16, elementwise_affine=False, eps=1e-12), nn.Tanh())]
    model = nn.Sequential(*parts, nn.Linear(16, 10))
    optimizer = kind(model.parameters(), lr=0.05 if control != "critical" else 30.0)
    ElrController(optimizer, probe := ElrProbe(model), control)
    train(model, optimizer, 4)
    names = ["0.w", "3.w", "6.w"]
    assert probe.layers == names
    before = {n: model.get_parameter(n).detach().clone() for n in names}
    train(model, optimizer, range(4, 5))
    turns = [((model.get_parameter(n).detach() - w).norm() / w.norm()).item() for n, w in before.items()]
    assert control != "hold" or max(turns) / min(turns) < (1.01 if kind is torch.optim.SGD else 1.3)


# ── names ──


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["module.a.weight", "module.b"], ["a.weight", "b"]),
        (["module.module.a"], ["a"]),
        (["module.conv.weight", "conv.weight"], ["module.conv.weight", "conv.weight"]),
        (["_orig_mod.0.weight", "1._orig_mod.weight"], ["0.weight", "1.weight"]),
        (["0._checkpoint_wrapped_module.0.weight", "0._fsdp_wrapped_module.1.weight"], ["0.0.weight", "0.1.weight"]),
        (["a._orig_mod.w", "a.w"], ["a._orig_mod.w", "a.w"]),
        (["my_orig_mod.w", "submodule.w"], ["my_orig_mod.w", "submodule.w"]),
    ],
)
def test_names_lose_wrappers_and_never_merge(names: list[str], short: list[str]) -> None:
    assert shortened(names) == short


def test_verdicts_of_a_wrapped_model_fit_the_plain_one() -> None:
    from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper

    def build(wrapped: bool) -> nn.Sequential:
        torch.manual_seed(0)
        wrap = checkpoint_wrapper if wrapped else (lambda x: x)
        blocks = [wrap(nn.Sequential(nn.Linear(16, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU())) for _ in range(3)]
        return nn.Sequential(*blocks, nn.Linear(16, 10))

    model = build(True)
    optimizer = sgd(model, 1.0)
    controller = ElrController(optimizer, ElrProbe(model), "critical")
    train(model, optimizer, 4)
    assert controller.probe.layers == ["0.0.weight", "1.0.weight", "2.0.weight"]
    plain = build(False)
    again = ElrController(sgd(plain, 1.0), ElrProbe(plain), "critical")
    again.load_state_dict(controller.state_dict())
    assert again.probe.layers == controller.probe.layers and again.steps == 4


def test_two_parameters_of_one_plain_name_stay_two() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.module = nn.Module()
            self.module.fc, self.fc = nn.Linear(16, 16, bias=False), nn.Linear(16, 16, bias=False)
            self.head = nn.Linear(16, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = torch.tanh(F.batch_norm(self.module.fc(x), None, None, training=True))
            return self.head(torch.tanh(self.fc(x)))

    model = Two()
    optimizer = sgd(model, 0.1)
    ElrController(optimizer, probe := ElrProbe(model), "hold")
    train(model, optimizer, 4)
    assert probe.layers == ["module.fc.weight"] and probe.roles["fc.weight"] == "scale-dependent"
