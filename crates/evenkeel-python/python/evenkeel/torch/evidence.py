"""How sure it is that one weight is scale-invariant, from its gradients on several batches."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..theory import Vector

SLOPE = 8.0
"""A look at ``z = |cos(W, ∇W)|·√numel`` is worth ``−ln(SLOPE·z)`` nats of evidence.

A weight that depends on its scale has z of about 1, as two random directions have. Rounding and the ε
of norms leave z anywhere below some hundredths. The slope is chosen on public models
(``scripts/score_verdicts.py``).
"""

BOUNDS = (-4.0, 6.0)
"""The least and the most that one look is worth, in nats."""

TOTAL = (-8.0, 12.0)
"""The range of the sum over looks, so that new evidence can revise an old verdict."""

ENOUGH = 2.3
"""Evidence from which a weight counts as scale-invariant once it has had all its looks."""

CLOSE = 0.15
"""Root mean square of z over the latest looks up to which a weight may come to count."""

EARLY = 4.6
"""Evidence from which it is already steered before it has had them."""

TELLING_ROWS = 4
"""Rows from which their separate cosines are evidence about the whole."""


@dataclass
class Look:
    """One batch's numbers of one weight, by row: ``⟨W, ∇W⟩``, ``‖W‖`` and ``‖∇W‖``.

    ``bias_inner`` and ``bias_step`` are ``⟨b, ∇b⟩`` and ``‖∇b‖`` of the layer's biases, both None without one.
    ``floor`` is the product ``‖W‖‖∇W‖`` below which a gradient may be nothing but rounding.
    """

    inner: Vector
    size: Vector
    step: Vector
    numel: int
    eps: float
    bias_inner: float | None = None
    bias_step: float | None = None
    floor: float = 0.0
    frozen_statistics: bool = False


@dataclass
class Evidence:
    """What looks have shown of one weight."""

    looks: int = 0
    total: float = 0.0
    by_rows: float = 0.0
    counts: bool = False
    why: str = ""
    last: float = 0.0
    product: float = 0.0
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=6))
    blocks: dict[int, Vector] = field(default_factory=dict)

    def add(self, look: Look, needed: int) -> bool:
        """Learn from one look; whether there was anything to learn."""
        size, step = float(np.linalg.norm(look.size)), float(np.linalg.norm(look.step))
        product = size * step
        if not math.isfinite(product) or product <= 0:
            self.why = self.why or "its gradient is zero so far"
            return False
        if product < look.floor:
            self.why = self.why or "its gradient is nothing but rounding so far"
            return False
        if self.product and abs(product / self.product - 1) < 1e-9:
            return False  # the same batch at the same weights
        self.product = product
        inner = float(look.inner.sum())
        z = abs(inner) / product * look.numel**0.5
        alone, value = self._worth(look, inner, step, z)
        self.looks += 1
        self.recent.append(z)
        self.last = value
        self.total = bounded(self.total + value, TOTAL)
        self.by_rows = bounded(self.by_rows + (alone or -1.0), TOTAL)
        self.counts = self.total > 0 if self.counts else self._comes_to_count(needed)
        return True

    def _comes_to_count(self, needed: int) -> bool:
        """Whether all looks are done and speak for the weight."""
        return self.looks >= needed and self.total > ENOUGH and self.rms <= CLOSE

    @property
    def rms(self) -> float:
        """Root mean square of z over the latest looks; NaN before there are any."""
        return math.sqrt(sum(z * z for z in self.recent) / len(self.recent)) if self.recent else math.nan

    def _worth(self, look: Look, inner: float, step: float, z: float) -> tuple[float, float]:
        """Evidence for separate rows, and for the whole, with the reason in words."""
        value = bounded(-math.log(SLOPE * max(z, 1e-12)), BOUNDS)
        alone = rows_worth(look)
        if alone > 0:
            value = max(value, min(BOUNDS[1], alone))
        self.why = "a normalization layer makes up for its scale" if value > 0 else "no normalization layer makes up for its scale"
        if value <= 0 and look.frozen_statistics:
            self.why = "normalization layers used frozen statistics (eval mode), so nothing made up for its scale"
        elif value <= 0 and z < 0.5 and self.total >= 0:
            self.why = "nearly invariant: the ε of a norm still matters at this scale, or it passes by chance"
        if look.bias_step is None or look.bias_inner is None or look.bias_step <= look.eps**0.5 * step:
            return alone, value
        bias = look.bias_inner
        if abs(inner + bias) < 0.3 * abs(bias):
            self.why = "invariant only together with its bias"
            return alone, min(value, -2.0)
        if value > 0 and abs(inner) > 0.1 * abs(bias):
            self.why = "its bias is still too small to tell whether the weight alone is invariant"
            return 0.0, 0.0
        return alone, value

    @property
    def steers(self) -> bool:
        """Whether controls go by it: it counts, or all that has been seen speaks for it."""
        return self.counts or self.total > EARLY

    def is_open(self, needed: int) -> bool:
        """Whether the next step is to be looked at, too: not all looks done, or the last one contradicts."""
        return self.looks < needed or (self.last > 0) != self.counts

    def state(self) -> dict[str, Any]:
        """Plain numbers for a checkpoint."""
        blocks = {str(size): values.tolist() for size, values in self.blocks.items()}
        return {
            "looks": self.looks, "total": self.total, "by_rows": self.by_rows, "counts": self.counts,
            "why": self.why, "last": self.last, "product": self.product, "recent": list(self.recent), "blocks": blocks,
        }

    @classmethod
    def of(cls, state: dict[str, Any]) -> Evidence:
        """Evidence from a checkpoint."""
        kept = dict(state)
        kept["recent"] = deque(kept["recent"], maxlen=6)
        kept["blocks"] = {int(size): np.array(values) for size, values in kept["blocks"].items()}
        return cls(**kept)


def rows_worth(look: Look) -> float:
    """Evidence from rows that are all orthogonal to their gradients: chance cannot do that. 0 for none."""
    alive = (look.size > 0) & (look.step > 0) & np.isfinite(look.inner)
    count = int(alive.sum())
    width = look.numel / len(look.inner)
    if count < TELLING_ROWS or width < 2:
        return 0.0
    cosines = look.inner[alive] / (look.size[alive] * look.step[alive])
    z = float(np.sqrt(np.mean(np.square(cosines)))) * width**0.5
    return max(0.0, bounded(-count * math.log(SLOPE * max(z, 1e-12)), BOUNDS))


def bounded(value: float, bounds: tuple[float, float]) -> float:
    """A number within bounds."""
    return min(max(value, bounds[0]), bounds[1])
