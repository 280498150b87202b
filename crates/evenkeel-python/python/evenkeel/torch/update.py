"""The step that an optimiser has made, of which a fraction is taken."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, optim

MOMENTS = frozenset({
    "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "exp_inf", "momentum_buffer", "square_avg", "grad_avg", "acc_delta", "sum",
    "prev", "step_size", "step", "mu_product", "eta", "ax", "exp_avg_sq_row", "exp_avg_sq_col",
})  # fmt: skip
"""State that is no copy of weights; what else has a weight's shape is looked at."""

HALF = (torch.float16, torch.bfloat16)


class Update:
    """Weights as they were before a step, and the state that moves with them."""

    def __init__(self, optimizer: optim.Optimizer) -> None:
        self._optimizer = optimizer
        self.before: dict[Tensor, Tensor] = {}
        self._buffers: dict[Tensor, Tensor] = {}
        # Keys of state that holds weights: schedule-free's z, float32 masters.
        self._own: set[str] | None = None
        self._own_before: dict[Tensor, dict[str, Tensor]] = {}
        self._lifted: dict[Tensor, Lifted] = {}
        self._changes: dict[Tensor, Tensor] = {}

    @torch.no_grad()
    def remember(self, parameters: Iterable[Tensor]) -> None:
        """Keep what the step is about to change."""
        new = [p for p in parameters if p not in self.before]
        if self._own is None and self._optimizer.state:
            self._own = {key for p in new for key in self._copies(p)}
        now = [raw(p) for p in new]
        for p, value in zip(new, now, strict=True):
            kept = self._buffers.get(p)
            if kept is None or kept.shape != value.shape or kept.dtype != value.dtype or kept.device != value.device:
                self._buffers[p] = torch.empty_like(value)
        copies = [self._buffers[p] for p in new]
        if new:
            torch._foreach_copy_(copies, now)
        self.before |= dict(zip(new, copies, strict=True))
        for p in new if self._own else ():
            state = self._optimizer.state.get(p, {})
            self._own_before[p] = {key: raw(state[key]).clone() for key in self._own or () if key in state}

    @torch.no_grad()
    def lift(self) -> None:
        """Let 16-bit weights step in float32, so that a fraction is taken before it is rounded."""
        if self._own or any(hasattr(p, "placements") for p in self.before):
            return
        known = type(self._optimizer).__module__.startswith("torch.optim")
        for p in self.before:
            state = self._optimizer.state.get(p, {})
            if p.dtype in HALF and p.grad is not None and (known or state):
                self._lifted[p] = Lifted(p, state)

    def forget(self) -> None:
        """Let go of it, and put 16-bit weights back in place."""
        for p, lifted in self._lifted.items():
            lifted.lower(p, self._optimizer.state.get(p, {}))
        self.before, self._own_before, self._lifted, self._changes = {}, {}, {}, {}

    def free(self) -> None:
        """Free the memory that is kept from step to step."""
        self._buffers = {}

    @torch.no_grad()
    def changes(self, parameters: list[Tensor]) -> list[Tensor]:
        """What the step has changed, before rounding where that is known; as local tensors."""
        self._find_own()
        plain = [p for p in parameters if p not in self._changes and self._master(p) is None]
        now = [raw(p) for p in plain]
        before = [self.before[p].to(n.dtype) if p in self._lifted else self.before[p] for p, n in zip(plain, now, strict=True)]
        if plain:
            self._changes |= dict(zip(plain, torch._foreach_sub(now, before), strict=True))
        for p in parameters:
            key = self._master(p)
            if key is not None and p not in self._changes:
                self._changes[p] = raw(self._optimizer.state[p][key]) - self._own_before[p][key]
        return [self._changes[p] for p in parameters]

    @torch.no_grad()
    def take(self, fractions: dict[Tensor, Any]) -> None:
        """Take a fraction of each change: a number, or a tensor that multiplies it. 1 leaves every bit alone."""
        some = [p for p, f in fractions.items() if isinstance(f, Tensor) or f != 1.0]
        changes = self.changes(some)
        numbers = [p for p in some if not isinstance(fractions[p], Tensor)]
        if numbers:
            torch._foreach_mul_([self._changes[p] for p in numbers], [float(fractions[p]) for p in numbers])
        for p, change in zip(some, changes, strict=True):
            if isinstance(fractions[p], Tensor):
                scaled_(change, fractions[p])
        plain = [p for p in some if self._master(p) is None]
        values = [self._changes[p] for p in plain]
        before = [self.before[p].to(v.dtype) if p in self._lifted else self.before[p] for p, v in zip(plain, values, strict=True)]
        if plain:
            torch._foreach_add_(values, before)
            torch._foreach_copy_([raw(p) for p in plain], values)
        for p in some:
            self._take_own(p, fractions[p])
        self._changes = {}

    def _take_own(self, p: Tensor, fraction: Any) -> None:
        """Let the weights that an optimiser keeps for itself move by the same fraction."""
        master = self._master(p)
        for key, old in self._own_before.get(p, {}).items():
            now = raw(self._optimizer.state[p][key])
            change = self._changes[p] if key == master else scaled_(now - old, fraction)
            now.copy_(old + change)
            if key == master:
                raw(p).copy_(now)

    def _master(self, p: Tensor) -> str | None:
        """The key of a wider copy of a weight in the optimiser's state."""
        for key, value in self._own_before.get(p, {}).items():
            if value.dtype == torch.float32 and p.dtype in HALF:
                return key
        return None

    def _find_own(self) -> None:
        """Find out, after the first step, which state holds weights. It began as a copy of them."""
        if self._own is not None or not self._optimizer.state:
            return
        self._own = set()
        for p, before in self.before.items():
            for key in self._copies(p):
                self._own.add(key)
                dtype = self._optimizer.state[p][key].dtype
                self._own_before.setdefault(p, {})[key] = before.to(dtype, copy=True)

    def _copies(self, p: Tensor) -> list[str]:
        """The keys of state that is all but equal to a weight."""
        return [
            key
            for key, value in self._optimizer.state.get(p, {}).items()
            if key not in MOMENTS and isinstance(value, Tensor) and value.shape == p.shape and resembles(raw(value), raw(p))
        ]


class Lifted:
    """A 16-bit weight, its gradient and its optimiser's state in float32 for the length of a step."""

    def __init__(self, p: Tensor, state: dict[str, Any]) -> None:
        self.value, self.gradient = p.data, p.grad
        self.dtypes = {key: value.dtype for key, value in state.items() if isinstance(value, Tensor)}
        for key, value in state.items():
            if isinstance(value, Tensor) and value.dtype in HALF:
                state[key] = value.float()
        assert self.gradient is not None
        p.grad = None
        p.data = self.value.float()
        p.grad = self.gradient.float()

    @torch.no_grad()
    def lower(self, p: Tensor, state: dict[str, Any]) -> None:
        """Round to 16 bits once."""
        self.value.copy_(p.data)
        p.grad = None
        p.data = self.value
        p.grad = self.gradient
        for key, value in state.items():
            if isinstance(value, Tensor) and value.shape == p.shape and value.dtype == torch.float32:
                state[key] = value.to(self.dtypes.get(key, self.value.dtype))


def raw(tensor: Tensor) -> Tensor:
    """The part of a tensor that lies in this process."""
    found: Any = tensor.detach()
    local: Tensor = found.to_local() if hasattr(found, "placements") else found
    return local


def resembles(value: Tensor, weight: Tensor) -> bool:
    """Whether a tensor is a copy of a weight, up to a step of it."""
    size = torch.linalg.vector_norm(weight.double())
    gap = torch.linalg.vector_norm(value.double() - weight.double())
    return bool(size > 0) and bool(gap < 0.1 * size)


def scaled_(tensor: Tensor, factor: Any) -> Tensor:
    """Multiply a tensor in place by a number, or by a tensor in its own type."""
    if isinstance(factor, Tensor):
        wide = torch.float64 if tensor.dtype in (torch.float64, torch.complex128) else torch.float32
        return tensor.mul_(factor.to(device=tensor.device, dtype=wide))
    return tensor.mul_(factor)
