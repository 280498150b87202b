"""The numbers of every matrix, as a table and for loggers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..theory import Vector
from .reading import Reading
from .weights import Weight

MARKS = {
    "scale-invariant": "invariant", "partly scale-invariant": "in part", "scale-dependent": "dependent",
    "undecided": "undecided", "silent": "silent", "frozen": "frozen", "vector": "vector",
}


@dataclass
class Matrix:
    """What was last measured of one matrix; NaN for what was not."""

    weight_norm: float = math.nan
    gradient_norm: float = math.nan
    relative_update: float = math.nan
    angle: float = math.nan
    tangent: float = math.nan
    radial: float = math.nan

    def tried(self, size: float, step: float, inner: float) -> None:
        """Note the step that an optimiser tried: the length of ΔW and ⟨W, ΔW⟩."""
        if size > 0:
            radial = inner / size
            self.applied(math.sqrt(max(0.0, step * step - radial * radial)) / size, radial / size)

    def applied(self, tangent: float, radial: float) -> None:
        """Note a step by its parts across and along the weight, over the weight's norm."""
        self.tangent, self.radial = tangent, radial
        self.relative_update = math.hypot(tangent, radial)
        self.angle = math.atan2(tangent, 1.0 + radial)

    def take(self, fraction: float) -> None:
        """Note that only a fraction of the step was taken."""
        if not math.isnan(self.relative_update):
            self.applied(self.tangent * fraction, self.radial * fraction)

    def log_dict(self, prefix: str, name: str) -> dict[str, float]:
        """What is known, by the names of loggers."""
        numbers = {
            "weight_norm": self.weight_norm, "grad_norm": self.gradient_norm,
            "update": self.relative_update, "angle": self.angle,
        }
        return {f"{prefix}/{kind}/{name}": value for kind, value in numbers.items() if not math.isnan(value)}


Matrices = dict[str, Matrix]


def noting(weights: Sequence[Weight], sizes: Vector, steps: Vector, inner: Vector | None) -> Callable[[Matrices], None]:
    """Note norms of weights with those of gradients, or of the steps that were tried."""

    def note(matrices: Matrices) -> None:
        for i, (weight, size, step) in enumerate(zip(weights, sizes.tolist(), steps.tolist(), strict=True)):
            matrix = matrices.setdefault(weight.name, Matrix())
            matrix.weight_norm = size
            if inner is None:
                matrix.gradient_norm = step
            else:
                matrix.tried(size, step, float(inner[i]))

    return note


def gradient_matrices(matrices: Matrices, names: Sequence[str], norms: Vector) -> None:
    """Note norms of gradients."""
    for name, norm in zip(names, norms.tolist(), strict=True):
        matrices.setdefault(name, Matrix()).gradient_norm = norm


def by_layer(reading: Reading, values: Vector) -> dict[str, float]:
    """The norm of each layer's vector from those of its parts."""
    squares: dict[str, float] = {}
    for name, value in zip(reading.names, values.tolist(), strict=True):
        squares[name] = squares.get(name, 0.0) + value * value
    return {name: math.sqrt(total) for name, total in squares.items()}


def stepped_matrices(matrices: Matrices, reading: Reading, used: Vector) -> None:
    """Note steps along gradients, which are orthogonal to their weights."""
    for name, length in by_layer(reading, reading.gradient_norm * used).items():
        matrix = matrices.setdefault(name, Matrix())
        if matrix.weight_norm > 0:
            matrix.applied(length / matrix.weight_norm, 0.0)


def taken_matrices(matrices: Matrices, reading: Reading, fractions: Vector, others: float) -> None:
    """Note fractions of tried steps: of parts their own, of all other matrices the same."""
    tried = by_layer(reading, reading.gradient_norm)
    taken = by_layer(reading, reading.gradient_norm * np.nan_to_num(fractions))
    for name, matrix in matrices.items():
        share = taken[name] / tried[name] if tried.get(name) else others
        matrix.take(share)


def as_table(
    matrices: Mapping[str, Matrix], roles: Mapping[str, str], reading: Reading | None, eps: Mapping[str, float]
) -> str:
    """A line for each matrix and each part with an ELR of its own, and what is to be known about them."""
    rows: list[tuple[str, ...]] = [("layer", "role", "|W|", "|grad W|", "ELR", "|dW|/|W|", "angle")]
    parts: dict[str, list[tuple[str, float, float, float]]] = {}
    if reading is not None:
        for name, label, w, g, e in zip(
            reading.names, reading.labels, reading.weight_norm, reading.gradient_norm, reading.elr, strict=True
        ):
            parts.setdefault(name, []).append((label, w, g, e))
    coarse = []
    for name, m in matrices.items():
        own = parts.get(name, [])
        whole = own[0][3] if len(own) == 1 and own[0][0] == name else math.nan
        numbers = (m.weight_norm, m.gradient_norm, whole, m.relative_update, m.angle)
        rows.append((name, MARKS.get(roles.get(name, ""), "?"), *map(number, numbers)))
        if math.isnan(whole):
            rows += [(label, "part", number(w), number(g), number(e), "", "") for label, w, g, e in own]
        # Half a unit in the last place of a number of the weight's mean size.
        if m.relative_update < eps.get(name, 0.0) / 2:
            coarse.append(name)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(x.ljust(n) if i < 2 else x.rjust(n) for i, (x, n) in enumerate(zip(row, widths, strict=True))) for row in rows]
    if coarse:
        lines.append(
            f"updates of {len(coarse)} matrices, `{coarse[0]}` for one, are below the resolution of their type and are lost "
            "in rounding: keep weights in float32, or use a larger rate"
        )
    return "\n".join(line.rstrip() for line in lines)


def number(value: float) -> str:
    """A number as people write it."""
    return "" if math.isnan(value) else f"{value:.4g}"
