"""Norms and inner products of many tensors with one transfer to the host, and one reduction over processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..theory import Vector
from .weights import Weight

# Norms whose squares stay within float32: others are computed again in float64.
SAFE = (1e-15, 1e18)


def wide(tensor: Tensor) -> torch.dtype:
    """The type to add up in."""
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32


def norms(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The norm of each tensor, in float32 at least."""
    if not tensors:
        return []
    if all(t.dtype != torch.float64 for t in tensors):
        return list(torch._foreach_norm(list(tensors), 2, torch.float32))
    return [torch.linalg.vector_norm(t, dtype=wide(t)) for t in tensors]


def product(one: Tensor, other: Tensor) -> Tensor:
    """The inner product of two tensors."""
    if one.dtype == other.dtype == torch.float32 and one.is_contiguous() and other.is_contiguous():
        return torch.dot(one.view(-1), other.view(-1))
    return (one.to(wide(one)) * other.to(wide(one))).sum()


@dataclass
class Numbers:
    """Numbers to send together: each is a norm or a sum, local to this process or a part of a whole."""

    tensors: list[Tensor] = field(default_factory=list)
    is_norm: list[bool] = field(default_factory=list)
    weights: list[Weight | None] = field(default_factory=list)

    def add(self, tensor: Tensor, is_norm: bool, weight: Weight | None) -> None:
        """Put one number, or a vector of them, behind the others."""
        self.tensors.append(tensor)
        self.is_norm.append(is_norm)
        self.weights.append(weight)

    def send(self) -> Transfer:
        """Send all of them on their way; sharded ones are added up over processes first."""
        joined = together(self.tensors)
        if any(w is not None and w.sharding is not None for w in set(self.weights)):
            joined = self._reduced(joined.double())
        return Transfer.of(joined)

    def _reduced(self, joined: Tensor) -> Tensor:
        """Add up what is sharded: squares of norms, and sums, with one all-reduce for each set of processes."""
        groups: dict[tuple[Any, ...], list[float]] = {}
        norm = torch.cat([torch.full((t.numel(),), flag) for t, flag in zip(self.tensors, self.is_norm, strict=True)])
        total = len(norm)
        start = 0
        for tensor, weight in zip(self.tensors, self.weights, strict=True):
            end = start + tensor.numel()
            if weight is not None and weight.sharding is not None:
                share = groups.setdefault(weight.sharding.groups, [0.0] * total)
                share[start:end] = [1.0 / weight.sharding.copies] * (end - start)
            start = end
        norm = norm.to(joined.device)
        for members, share in groups.items():
            weight_of = torch.tensor(share, dtype=joined.dtype, device=joined.device)
            sums = torch.where(norm, joined.square(), joined) * weight_of
            for group in members:
                torch.distributed.all_reduce(sums, group=group)
            joined = torch.where(weight_of > 0, torch.where(norm, sums.clamp(min=0).sqrt(), sums), joined)
        return joined


@dataclass
class Transfer:
    """Numbers on their way to the host."""

    host: Tensor
    event: torch.cuda.Event | None

    @classmethod
    def of(cls, joined: Tensor) -> Transfer:
        """Send all at once; on CUDA without waiting."""
        if joined.device.type != "cuda":
            return cls(joined.cpu(), None)
        host = torch.empty(joined.shape, dtype=joined.dtype, pin_memory=True)
        host.copy_(joined, non_blocking=True)
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        return cls(host, event)

    def receive(self) -> Vector:
        """The numbers, one behind the other, once they are there."""
        if self.event is not None:
            self.event.synchronize()
        numbers: Vector = self.host.double().numpy()
        return numbers


def together(tensors: Sequence[Tensor]) -> Tensor:
    """Everything in one vector, on the first tensor's device."""
    device, dtype = tensors[0].device, tensors[0].dtype
    if all(t.ndim == 0 and t.device == device and t.dtype == dtype for t in tensors):
        return torch.stack(list(tensors))
    if any(t.dtype != dtype for t in tensors):
        dtype = torch.float32 if device.type == "mps" else torch.float64
    return torch.cat([t.reshape(-1).to(device=device, dtype=dtype, non_blocking=True) for t in tensors])


def row_norms(weight: Weight, local: Tensor) -> Tensor:
    """The norm of each row, of this process's part."""
    if weight.sharding is None:
        found: Tensor = torch.linalg.vector_norm(weight.matrix(local), dim=1, dtype=wide(local))
        return found
    return weight.row_sums(local.double().square()).sqrt()


def row_products(weight: Weight, one: Tensor, other: Tensor) -> Tensor:
    """The inner product of each row, of this process's part."""
    return weight.row_sums(one.to(wide(one)) * other.to(wide(one)))


def exact(weight: Weight, tensor: Tensor) -> float:
    """A norm in float64: slow, and right where squares leave the range of float32."""
    local = weight.local(tensor)
    # MPS knows no float64.
    near = local.cpu() if local.device.type == "mps" else local
    return float(torch.linalg.vector_norm(near, dtype=torch.float64))


def exact_rows(weight: Weight, tensor: Tensor) -> Vector:
    """The norm of each row in float64."""
    local = weight.local(tensor)
    near = local.cpu() if local.device.type == "mps" else local
    found: Vector = row_norms(weight, near.double()).cpu().numpy()
    return found
