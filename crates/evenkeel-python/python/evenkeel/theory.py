"""The theory's functions, for anything that NumPy takes for an array."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _theory
from ._theory import ElrError, Forecast, Phase, Snapshot, Spread

Vector = NDArray[np.float64]

POLICIES: tuple[str, ...] = tuple(_theory.policies())
"""The policies of the critical learning rate, the default first."""


def vector(values: ArrayLike, name: str) -> Vector:
    """One-dimensional 64-bit floats, or an error that says what was given instead."""
    try:
        array = np.ascontiguousarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ElrError(f"{name} must be numbers, one for each layer: {error}") from error
    if array.ndim != 1:
        raise ElrError(f"{name} has shape {array.shape}, but must have one dimension")
    return array


def spread(elr: ArrayLike) -> Spread:
    """How far apart ELRs are: standard deviation and range of their logarithms (T3)."""
    return _theory.spread(vector(elr, "elr"))


def critical_lr(elr: ArrayLike, policy: str = POLICIES[0]) -> float:
    """The critical learning rate of a network by one policy (T11–T14)."""
    return _theory.critical_lr(vector(elr, "elr"), policy)


def critical_lrs(elr: ArrayLike) -> dict[str, float]:
    """The critical learning rate of a network by every policy."""
    return dict(_theory.critical_lrs(vector(elr, "elr")))


def advance(elr: ArrayLike, lr: ArrayLike) -> Vector:
    """The ELRs after a step of plain SGD at one rate, or at one for each layer (T5)."""
    elrs = vector(elr, "elr")
    rates = np.broadcast_to(np.asarray(lr, dtype=np.float64), elrs.shape)
    return _theory.advance(elrs, np.ascontiguousarray(rates))


def forecast(
    elr: ArrayLike,
    lr: float,
    steps: int,
    *,
    optimizer: str = "sgd",
    control: str = "none",
    schedule: str = "constant",
) -> Forecast:
    """Predict a network's ELRs over steps, from those of step 0.

    ``optimizer``, ``control`` and ``schedule`` are written as for ``evenkeel train``:
    ``"momentum:mu=0.9,l2=5e-4"``, ``"critical:minimax"``, ``"linear-warmup:100+cosine"``.
    """
    return _theory.forecast(vector(elr, "elr"), lr, steps, optimizer, control, schedule)


def advise(
    elr: ArrayLike,
    lr: float,
    *,
    optimizer: str = "sgd",
    layers: Sequence[str] | None = None,
    step: int | None = None,
) -> dict[str, Any]:
    """What is the matter with a network's ELRs at a planned rate, and what would help.

    The keys are those of ``evenkeel advise --json``. ``control`` is the one to take, with its ``reason``,
    ``confidence`` (``high``, ``medium`` or ``low``), ``doubt`` and ``lines`` to paste. ``growth_per_layer``
    has ``value``, ``slope``, ``standard_error``, ``r2`` and ``direction``: ``input``, ``output`` or ``none``.

    Args:
        elr: One ELR for each layer.
        lr: The planned learning rate.
        optimizer: Such as ``sgd``, ``momentum:mu=0.9`` or ``adamw``.
        layers: Names of the layers. Where the numbers in them do not ascend, they are taken in natural order.
        step: The training step of the ELRs, such as ``log.step``. Only at step 0 they are those of an
            initialisation; default: not known.
    """
    elrs = vector(elr, "elr")
    names = [f"layer{index}" for index in range(len(elrs))] if layers is None else list(layers)
    return _theory.advise(elrs, lr, optimizer, names, step)


def phase(
    lr: ArrayLike,
    decades: ArrayLike,
    *,
    layers: int = 16,
    optimizer: str = "sgd",
    control: str = "none",
) -> Phase:
    """Map how long until ELRs are equal: a row for each initial spread, a column for each rate.

    ELRs are spaced geometrically around a mean of 1; with another mean, divide the rate by it.
    """
    return _theory.phase(
        vector(lr, "lr"), vector(decades, "decades"), layers, optimizer, control
    )


def rescale_factors(elr: ArrayLike, measure: str = "gradient") -> Vector:
    """The factors to multiply weights by, so that all ELRs become equal (T22)."""
    return _theory.rescale_factors(vector(elr, "elr"), measure)


def read_snapshot(path: str | os.PathLike[str]) -> Snapshot:
    """Read norms from CSV, JSON or JSON Lines: ``layer,weight_norm,grad_norm`` or ``layer,elr``."""
    return Snapshot.parse(pathlib.Path(path).read_bytes(), os.fspath(path))
