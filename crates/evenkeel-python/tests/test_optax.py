"""The transformation of optax, beside the same network in PyTorch."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from evenkeel import ElrError
from evenkeel.optax import SteeredState, log_dict, roles, steered
from evenkeel.torch import ElrController, ElrProbe

DEPTH, WIDTH = 6, 24


def weights() -> dict[str, np.ndarray]:
    """A network with batch normalization and tanh: nothing at which rounding would decide."""
    draw = np.random.default_rng(0)
    shapes = {f"w{i}": (16 if i == 0 else WIDTH, WIDTH) for i in range(DEPTH)} | {"out": (WIDTH, 10)}
    found = {n: (draw.normal(size=s) * (i + 1) ** 0.7 / s[0] ** 0.5).astype(np.float32) for i, (n, s) in enumerate(shapes.items())}
    return found | {"bias": np.zeros(10, np.float32)}


def data() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(1).normal(size=(64, 16)).astype(np.float32)
    return x, x[:, :10].argmax(1)


def loss(params: Any) -> Any:
    x, y = map(jnp.asarray, data())
    for index in range(DEPTH):
        x = x @ params[f"w{index}"]
        x = jnp.tanh((x - x.mean(0)) / jnp.sqrt(x.var(0) + 1e-5))
    scores = x @ params["out"] + params["bias"]
    return optax.softmax_cross_entropy_with_integer_labels(scores, y).mean()


class Torch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.ParameterDict({n: nn.Parameter(torch.from_numpy(w.T.copy() if w.ndim == 2 else w)) for n, w in weights().items()})

    def loss(self) -> torch.Tensor:
        x, y = map(torch.from_numpy, data())
        for index in range(DEPTH):
            x = torch.tanh(F.batch_norm(F.linear(x, self.w[f"w{index}"]), None, None, training=True))
        return F.cross_entropy(F.linear(x, self.w["out"], self.w["bias"]), y)


def train(transformation: Any, steps: int) -> tuple[Any, list[Any]]:
    """Compiled steps from the same weights, and the state after each."""
    params = {n: jnp.asarray(w) for n, w in weights().items()}
    state, states = transformation.init(params), []

    @jax.jit
    def step(params: Any, state: Any) -> Any:
        updates, state = transformation.update(jax.grad(loss)(params), state, params)
        return optax.apply_updates(params, updates), state

    for _ in range(steps):
        params, state = step(params, state)
        states.append(state)
    return params, states


@pytest.mark.parametrize("control", ["critical", "critical:minimax", "critical+hold", "band:0.5:0.1", "linear:3"])
@pytest.mark.parametrize("kind", ["sgd", "momentum", "adamw"])
def test_it_trains_as_the_same_network_in_pytorch(kind: str, control: str) -> None:
    model = Torch()
    if kind == "adamw":
        lr, inner, measure = 0.7, optax.adamw(1.0, weight_decay=0.1), "update"
        optimizer: torch.optim.Optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.1)
    else:
        mu = 0.5 if kind == "momentum" else 0.0
        lr, inner, measure = 30.0, optax.sgd(1.0, momentum=mu or None), "gradient"
        optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=mu)
    controller, lrs = ElrController(optimizer, ElrProbe(model), control, measure=measure), []
    for _ in range(4):
        optimizer.zero_grad()
        model.loss().backward()
        optimizer.step()
        lrs.append(controller.last_lr()[0])
    params, states = train(steered(inner, lr, control, measure=measure), 4)
    assert [float(state.lr) for state in states] == pytest.approx(lrs, rel=1e-3)
    assert lrs[0] < lr or "hold" in control or "band" in control
    for name, theirs in model.w.items():
        ours = np.asarray(params[name])
        theirs = theirs.detach().numpy().T if ours.ndim == 2 else theirs.detach().numpy()
        assert np.linalg.norm(ours - theirs) < 2e-3 * max(np.linalg.norm(theirs), 1e-3) or name == "bias"


def test_it_finds_the_weights_that_count() -> None:
    params, states = train(steered(optax.sgd(1.0), 1.0), 3)
    assert roles(states[-1], params) == {"['out']": "scale-dependent"} | {f"['w{i}']": "scale-invariant" for i in range(DEPTH)}
    numbers = log_dict(states[-1], params)
    assert numbers["elr/critical_lr"] > 0 and numbers["elr/spread_decades"] > 0
    assert "elr/layer/['w0']" in numbers and "elr/layer/['out']" not in numbers


def test_it_is_over_by_itself_and_awake_when_the_rate_rises() -> None:
    schedule = optax.join_schedules([optax.constant_schedule(1e-4), optax.constant_schedule(50.0)], [12])
    _, states = train(steered(optax.sgd(1.0), schedule, every=10), 13)
    assert float(states[11].lr) == pytest.approx(1e-4) and 0 < float(states[12].lr) < 50


def test_clipping_and_accumulation_come_before() -> None:
    chain = optax.MultiSteps(optax.chain(optax.clip_by_global_norm(1e-3), steered(optax.sgd(1.0), 4.0)), 2)
    params, states = train(chain, 4)
    state = next(s for s in states[-1].inner_opt_state if isinstance(s, SteeredState))
    assert int(state.step) == 2
    assert np.nanmax(np.asarray(state.elr)) < 1e-2


def test_controls_that_change_weights_are_refused() -> None:
    for control in ("rescale", "critical+sphere"):
        with pytest.raises(ElrError, match="changes weights"):
            steered(optax.sgd(1.0), 1.0, control)
    with pytest.raises(ElrError, match="call update"):
        transformation = steered(optax.sgd(1.0), 1.0)
        transformation.update({}, transformation.init({"w": jnp.ones((2, 2))}))
