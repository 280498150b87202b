"""Which weights are scale-invariant, learnt by looking at several batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .._theory import ElrError
from ..theory import Vector

COSINE_TOLERANCE = 0.1
"""``|cos(W, ∇W)|·√numel`` up to which a weight counts as scale-invariant (T1): random directions have
about 1, rounding and the ε of norms leave some thousandths."""

MAX_COSINE = 1e-3
"""``|cos(W, ∇W)|`` that no scale-invariant weight exceeds, however small it is."""

UNIT_TOLERANCE = 0.02
"""Root mean square of ``|cos|·√numel`` over a weight's rows up to which they stand by themselves."""

GROWTH = 2.0
"""What ``find`` scales weights by from one look to the next: a power of two rounds nothing."""


class Invariance:
    """What is known of a model's weights. One that fails a single look is out for good."""

    def __init__(self, model: nn.Module, looks: int, by_unit: bool) -> None:
        self.model, self.looks, self.by_unit = model, looks, by_unit
        # A model's parameters stay what they are, while freezing comes and goes.
        self._matrices: list[tuple[str, nn.Parameter]] | None = None
        self._passed: dict[str, int] = {}
        self._dependent: set[str] = set()
        self._whole: set[str] = set()

    @property
    def matrices(self) -> list[tuple[str, nn.Parameter]]:
        """Weights of two or more dimensions: each once, tied or not, by its first name."""
        if self._matrices is None:
            named = self.model.named_parameters()
            self._matrices = [(plain(n), p) for n, p in named if p.ndim >= 2]
        return self._matrices

    def candidates(self) -> list[tuple[str, nn.Parameter]]:
        """Weights that are trained and may be scale-invariant."""
        return [(n, p) for n, p in self.matrices if p.requires_grad and n not in self._dependent]

    def tracks(self, name: str) -> bool:
        """Whether a weight counts as scale-invariant."""
        return name in self._passed and name not in self._dependent

    def is_open(self, name: str) -> bool:
        """Whether a weight has to be looked at again."""
        return name not in self._dependent and self._passed.get(name, 0) < self.looks

    def has_units(self, name: str) -> bool:
        """Whether a weight's rows are taken by themselves."""
        return self.by_unit and name not in self._whole

    def judge(self, name: str, numel: int, inner: Vector, size: Vector, step: Vector) -> None:
        """Learn from one batch: the inner products ⟨W, ∇W⟩ of rows or of the whole, and both norms."""
        alive = np.isfinite(inner) & np.isfinite(step) & (size > 0) & (step > 0)
        if not alive.any():
            return
        inner, size, step = inner[alive], size[alive], step[alive]
        cosine = abs(float(inner.sum() / (np.linalg.norm(size) * np.linalg.norm(step))))
        if cosine > min(MAX_COSINE, COSINE_TOLERANCE / numel**0.5):
            self._dependent.add(name)
            return
        self._passed[name] = self._passed.get(name, 0) + 1
        rms = float(np.sqrt(np.mean(np.square(inner / (size * step)))))
        if self.by_unit and rms * (numel / len(alive)) ** 0.5 > UNIT_TOLERANCE:
            self._whole.add(name)

    # ── before training ──

    def find(self, loss: Callable[[Any], Tensor], batches: Iterable[Any], look: Callable[[], None]) -> None:
        """Look at some batches, at several scales of what has passed, and leave no trace."""
        parameters = list(self.model.parameters())
        gradients = [p.grad for p in parameters]
        buffers = [(b, b.detach().clone()) for b in self.model.buffers()]
        tracked: list[nn.Parameter] = []
        factor = 1.0
        # Random numbers such as dropout's are drawn in a fork.
        with torch.random.fork_rng():
            try:
                for batch in batches:
                    for p in parameters:
                        p.grad = None
                    with torch.enable_grad():
                        loss(batch).backward()  # type: ignore[no-untyped-call]
                    look()
                    scale_(tracked, 1.0 / factor)
                    tracked = [p for n, p in self.candidates() if self.tracks(n)]
                    factor *= GROWTH
                    scale_(tracked, factor)
            finally:
                scale_(tracked, 1.0 / factor)
                with torch.no_grad():
                    for buffer, value in buffers:
                        buffer.copy_(value)
                for p, gradient in zip(parameters, gradients, strict=True):
                    p.grad = gradient

    # ── telling ──

    @property
    def layers(self) -> list[str]:
        """The scale-invariant weights found, in the model's order."""
        return [n for n, _ in self.candidates() if self.tracks(n)]

    @property
    def roles(self) -> dict[str, str]:
        """What each parameter is: scale-invariant, scale-dependent, vector, silent or frozen."""
        named = self.model.named_parameters()
        return {plain(name): self._role(plain(name), p) for name, p in named}

    def _role(self, name: str, parameter: nn.Parameter) -> str:
        if not parameter.requires_grad:
            return "frozen"
        if parameter.ndim < 2:
            return "vector"
        if name in self._dependent:
            return "scale-dependent"
        return "scale-invariant" if name in self._passed else "silent"

    def state_dict(self) -> dict[str, Any]:
        """What was found, for a checkpoint."""
        return {
            "passed": dict(self._passed),
            "dependent": sorted(self._dependent),
            "whole": sorted(self._whole),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with what was found."""
        names = {name for name, _ in self.matrices}
        absent = [name for name in state["passed"] if name not in names]
        if absent:
            raise ElrError(f"there is no parameter `{absent[0]}` to go on with; give a model of the structure that was saved")
        self._passed, self._dependent = dict(state["passed"]), set(state["dependent"])
        self._whole = set(state["whole"])


def plain(name: str) -> str:
    """A parameter's name without what wrappers put into it."""
    for wrapper in ("_orig_mod.", "_fsdp_wrapped_module."):
        name = name.replace(wrapper, "")
    return name.removeprefix("module.")


@torch.no_grad()
def scale_(parameters: list[nn.Parameter], factor: float) -> None:
    """Multiply weights in place."""
    for parameter in parameters:
        parameter.mul_(factor)
