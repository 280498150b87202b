"""Rescaling of weights without changing the function (T22), with what hangs on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn, optim

from .._theory import ElrError
from ..theory import Vector, rescale_factors
from .probe import ElrProbe
from .reading import Reading
from .update import raw, scaled_

ADAM = {"exp_avg": -1, "exp_avg_sq": -2, "max_exp_avg_sq": -2}
POWERS: dict[str, dict[str, int]] = {
    "SGD": {"momentum_buffer": -1},
    "Adam": ADAM,
    "AdamW": ADAM,
    "NAdam": ADAM,
    "RAdam": ADAM,
    "RMSprop": {"square_avg": -2, "grad_avg": -1, "momentum_buffer": 0},
    "Adagrad": {"sum": -2},
}
"""How an optimiser's state follows a weight that is multiplied by ``a``: by which power of it. First
moments live where gradients live, second ones where their squares do."""


def rescale_(
    model: nn.Module, probe: ElrProbe, optimizer: optim.Optimizer | None = None
) -> dict[str, float]:
    """Make all ELRs equal now: multiply each weight by its factor, and return the factors.

    Goes by the probe's last measurement. In training mode the network computes the same function
    afterwards. A batch normalization's running statistics belong to the old weights: they adapt with
    the next batches. Gradients that are there and the optimiser's state are carried along.
    """
    if probe.model is not model:
        raise ElrError("the probe looks at another model; give the one that it was made for")
    if probe.reading is None:
        raise ElrError("nothing has been measured yet; call probe.measure() after backward")
    reading = probe.reading
    factors = np.ones(len(reading.names))
    factors[reading.alive] = rescale_factors(reading.elr[reading.alive])
    carry_(probe, reading, factors, optimizer)
    probe.rescaled(dict(zip(reading.labels, factors.tolist(), strict=True)), "gradient")
    probe.reading = None
    means: dict[str, list[float]] = {}
    for name, factor in zip(reading.names, factors, strict=True):
        means.setdefault(name, []).append(float(np.log(factor)))
    return {name: float(np.exp(np.mean(logs))) for name, logs in means.items()}


@torch.no_grad()
def carry_(probe: ElrProbe, reading: Reading, factors: Vector, optimizer: optim.Optimizer | None) -> None:
    """Multiply weights by factors, gradients by their inverse, and the optimiser's state along.

    Everything is looked at before anything is changed.
    """
    work: list[tuple[Tensor, Any, int]] = []
    for weight, factor in probe.by_weight(reading, factors, 1.0).items():
        parameter = weight.parameter
        work.append((parameter, factor, 1))
        if parameter.grad is not None:
            work.append((parameter.grad, factor, -1))
        if optimizer is not None:
            work += [(t, factor, power) for t, power in state(optimizer, parameter)]
    for tensor, factor, power in work:
        scaled_(raw(tensor), factor**power)


def state(optimizer: optim.Optimizer, parameter: nn.Parameter) -> list[tuple[Tensor, int]]:
    """The tensors of an optimiser's state that follow a parameter, with their powers."""
    kind = next((k.__name__ for k in type(optimizer).__mro__ if k.__name__ in POWERS), None)
    known = POWERS[kind] if kind is not None else {}
    found = []
    for key, value in optimizer.state.get(parameter, {}).items():
        if not isinstance(value, Tensor) or value.shape != parameter.shape:
            continue
        if key not in known:
            raise ElrError(
                f"state `{key}` of {type(optimizer).__name__} cannot be rescaled: what it means is not known here; "
                f"known: {', '.join(POWERS)}. Rescale before the first step instead"
            )
        found.append((value, known[key]))
    return found
