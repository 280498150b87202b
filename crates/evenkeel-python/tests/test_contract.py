"""PyTorch and optax act on recorded sequences as every host of the controller does.

The sequences are those of ``test_controller.py``: networks under plain SGD with a steady base gradient ``c = ‖W‖‖∇W‖``. Here they are
real parameters, with gradients of norm ``c/‖W‖`` orthogonal to them.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from test_controller import SEQUENCES
from torch import nn

from evenkeel import optax as host
from evenkeel.torch import ElrController, ElrProbe

STEADY = [sequence for sequence in SEQUENCES if sequence["steady"]]
SHAPE = (4, 6)


def starts(sequence):
    """First weights, and the base gradient of each."""
    first = sequence["steps"][0]
    bases = np.multiply(first["weight_norm"], first["gradient_norm"])
    direction = np.cos(0.3 + np.arange(24.0)).reshape(SHAPE)
    return [direction * norm / np.linalg.norm(direction) for norm in first["weight_norm"]], bases


def orthogonal(weight, base, step):
    """A gradient of norm ``base/‖W‖`` orthogonal to the weight, another one in each step."""
    raw = np.sin(1 + np.arange(weight.size) * (0.7 + 0.1 * step)).reshape(weight.shape)
    across = raw - weight * (raw * weight).sum() / (weight**2).sum()
    return across * base / np.linalg.norm(weight) / np.linalg.norm(across)


def ids(sequence):
    return sequence["name"]


@pytest.mark.parametrize("sequence", STEADY, ids=ids)
def test_pytorch_acts_as_recorded(sequence):
    weights, bases = starts(sequence)
    model = nn.ParameterList([nn.Parameter(torch.tensor(weight)) for weight in weights])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    controller = ElrController(optimizer, ElrProbe(model), sequence["control"])
    for number, step in enumerate(sequence["steps"]):
        norms = [parameter.norm().item() for parameter in model]
        np.testing.assert_allclose(norms, step["weight_norm"], rtol=1e-9)
        for parameter, base in zip(model, bases, strict=True):
            parameter.grad = torch.tensor(orthogonal(parameter.detach().numpy(), base, number))
        optimizer.param_groups[0]["lr"] = step["target"]
        optimizer.step()
        assert max(controller.last_lr()) == pytest.approx(step["plan"]["lr"], rel=1e-9)


@pytest.mark.parametrize("sequence", STEADY, ids=ids)
def test_optax_acts_as_recorded(sequence):
    if any(step["plan"]["rescales"] for step in sequence["steps"]):
        with pytest.raises(host.ElrError, match="changes weights"):
            host.steered(optax.sgd(1.0), 0.1, sequence["control"])
        return
    weights, bases = starts(sequence)
    targets = jnp.array([step["target"] for step in sequence["steps"]], jnp.float32)
    transform = host.steered(optax.sgd(1.0), lambda step: targets[step], sequence["control"], measure="gradient")
    params = [jnp.array(weight, jnp.float32) for weight in weights]
    state, update = transform.init(params), jax.jit(transform.update)
    for number, step in enumerate(sequence["steps"]):
        norms = [float(jnp.linalg.norm(weight)) for weight in params]
        np.testing.assert_allclose(norms, step["weight_norm"], rtol=3e-4)
        gradients = [orthogonal(np.asarray(w, np.float64), base, number) for w, base in zip(params, bases, strict=True)]
        updates, state = update([jnp.array(g, jnp.float32) for g in gradients], state, params)
        params = optax.apply_updates(params, updates)
