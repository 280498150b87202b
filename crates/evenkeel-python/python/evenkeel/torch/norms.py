"""Norms of many tensors with one transfer to the host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..theory import Vector

# Norms whose squares stay within float32: others are computed again in float64.
SAFE = (1e-15, 1e18)


def norms(tensors: Sequence[Tensor], by_row: bool) -> list[Tensor]:
    """The norm of each tensor, or of each of its rows, in float32 at least."""
    if by_row:
        return [torch.linalg.vector_norm(rows(t), dim=1, dtype=wide(t)) for t in tensors]
    if all(t.dtype != torch.float64 for t in tensors):
        return list(torch._foreach_norm(list(tensors), 2, torch.float32))
    return [torch.linalg.vector_norm(t, dtype=wide(t)) for t in tensors]


def products(ones: Sequence[Tensor], others: Sequence[Tensor], by_row: bool) -> list[Tensor]:
    """The inner product of each pair of tensors, or of each pair of rows."""
    dim = (1,) if by_row else None
    pairs = zip(ones, others, strict=True)
    return [torch.sum(rows(a).to(wide(a)) * rows(b).to(wide(a)), dim=dim) for a, b in pairs]


def rows(tensor: Tensor) -> Tensor:
    """A tensor as a matrix: a row for each output."""
    return tensor.reshape(tensor.shape[0], -1)


def wide(tensor: Tensor) -> torch.dtype:
    """The type to add up in."""
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32


def exact(tensor: Tensor, by_row: bool) -> Vector:
    """Norms in float64: slow, and right where squares leave the range of float32."""
    # MPS knows no float64.
    near = tensor.cpu() if tensor.device.type == "mps" else tensor
    return np.atleast_1d(norms([near.detach().double()], by_row)[0].cpu().numpy())


@dataclass
class Transfer:
    """Numbers on their way to the host."""

    host: Tensor
    event: torch.cuda.Event | None

    @classmethod
    def of(cls, tensors: Sequence[Tensor]) -> Transfer:
        """Sends all at once; on CUDA without waiting."""
        joined = together(tensors)
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
