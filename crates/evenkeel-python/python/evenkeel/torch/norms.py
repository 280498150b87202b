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
    if all(t.dtype == torch.float32 for t in tensors):
        return list(torch._foreach_norm(list(tensors)))
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
    """Norms in float64 on the host: slow, and right where squares leave the range of float32."""
    found = norms([tensor.detach().cpu().double()], by_row)
    return np.atleast_1d(found[0].numpy())


@dataclass
class Transfer:
    """Numbers on their way to the host."""

    host: Tensor
    event: torch.cuda.Event | None
    sizes: list[int]

    @classmethod
    def of(cls, tensors: Sequence[Tensor]) -> Transfer:
        """Sends all at once; on CUDA without waiting."""
        sizes = [t.numel() for t in tensors]
        device, dtype = tensors[0].device, tensors[0].dtype
        if any(t.dtype != dtype for t in tensors):
            dtype = torch.float32 if device.type == "mps" else torch.float64
        together = [t.reshape(-1).to(device=device, dtype=dtype, non_blocking=True) for t in tensors]
        joined = torch.cat(together)
        if device.type != "cuda":
            return cls(joined.cpu(), None, sizes)
        host = torch.empty(joined.shape, dtype=dtype, pin_memory=True)
        host.copy_(joined, non_blocking=True)
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        return cls(host, event, sizes)

    def receive(self) -> list[Vector]:
        """The numbers, once they are there."""
        if self.event is not None:
            self.event.synchronize()
        numbers = self.host.double().numpy()
        return np.split(numbers, np.cumsum(self.sizes)[:-1])
