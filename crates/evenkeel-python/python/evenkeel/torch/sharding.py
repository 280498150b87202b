"""Weights whose numbers are spread over processes: DTensor (FSDP2, HSDP, tensor parallel) and FSDP1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .._theory import ElrError

if TYPE_CHECKING:
    from .weights import Weight


class Sharding:
    """How the parts that processes have of a weight make a whole."""

    groups: tuple[Any, ...]
    """The process groups over which parts are added up, one after the other."""

    copies: int
    """How many of these processes have each number."""

    def local(self, tensor: Tensor) -> Tensor:
        """This process's part of a tensor that is sharded as the weight is."""
        raise NotImplementedError

    def row_ids(self, weight: Weight, local: Tensor) -> Tensor:
        """The row of each index of the local tensor's first dimension, or of each of its numbers."""
        raise NotImplementedError


class MeshSharding(Sharding):
    """A DTensor on a mesh of devices."""

    def __init__(self, name: str, parameter: Any) -> None:
        from torch.distributed.tensor import Replicate, Shard
        from torch.distributed.tensor._utils import compute_local_shape_and_global_offset

        mesh, self.placements = parameter.device_mesh, parameter.placements
        for placement in self.placements:
            if not isinstance(placement, (Replicate, Shard)) and type(placement).__name__ != "_StridedShard":
                raise ElrError(f"`{name}` is placed as {placement}, which has no norm of its own; permitted: Shard and Replicate")
        sharded = [i for i, p in enumerate(self.placements) if not isinstance(p, Replicate)]
        self.groups = tuple(mesh.get_group(i) for i in sharded)
        # Only dimensions that shard are summed over, so that replicas count once.
        self.copies = 1
        shape, offset = compute_local_shape_and_global_offset(parameter.shape, mesh, self.placements)
        self.size, self.offset = tuple(shape), tuple(offset)
        self.strided = any(type(p).__name__ == "_StridedShard" for p in self.placements)
        self.name = name

    def local(self, tensor: Any) -> Tensor:
        if tensor.placements != self.placements:
            tensor = tensor.redistribute(placements=self.placements)
        found: Tensor = tensor.to_local()
        return found

    def row_ids(self, weight: Weight, local: Tensor) -> Tensor:
        if self.strided and len(self.groups) > 1:
            raise ElrError(f"`{self.name}` is sharded twice along one dimension, so that its rows cannot be told apart; use granularity='layer'")
        first = torch.arange(local.shape[0], device=local.device) + (self.offset[0] if self.offset else 0)
        if weight.transposed_groups:
            raise ElrError(f"`{self.name}` is a sharded transposed convolution, whose rows are not told apart; use granularity='layer'")
        if not weight.is_stacked or len(weight.shape) == 3:
            return first
        # Rows are the slices along all leading dimensions.
        leading = local.shape[1 : len(weight.shape) - 2]
        offsets = self.offset[1 : len(weight.shape) - 2]
        for count, offset, whole in zip(leading, offsets, weight.shape[1:-2], strict=True):
            first = (first[:, None] * whole + torch.arange(count, device=local.device) + offset).reshape(-1)
        return first


class FlatSharding(Sharding):
    """A parameter of FSDP1 with ``use_orig_params=True``: a stretch of the flattened weight."""

    def __init__(self, group: Any, start: int) -> None:
        self.groups, self.copies, self.start = (group,), 1, start

    def local(self, tensor: Tensor) -> Tensor:
        return tensor

    def row_ids(self, weight: Weight, local: Tensor) -> Tensor:
        if weight.transposed_groups:
            raise ElrError(f"`{weight.name}` is a sharded transposed convolution, whose rows are not told apart; use granularity='layer'")
        width = max(1, weight.numel // max(1, weight.rows))
        return (torch.arange(local.numel(), device=local.device) + self.start) // width


def sharding_of(name: str, parameter: nn.Parameter) -> Sharding | None:
    """How a parameter is sharded, if it is."""
    return MeshSharding(name, parameter) if hasattr(parameter, "placements") else None


def flat_shards(model: nn.Module) -> dict[nn.Parameter, tuple[tuple[int, ...], Sharding]]:
    """The parameters of FSDP1 modules with their whole shapes."""
    if not torch.distributed.is_available() or not torch.distributed.is_initialized():
        return {}
    from torch.distributed.fsdp import FullyShardedDataParallel

    found: dict[nn.Parameter, tuple[tuple[int, ...], Sharding]] = {}
    for module in model.modules():
        if not isinstance(module, FullyShardedDataParallel):
            continue
        handle = getattr(module, "_handle", None)
        if handle is None:
            continue
        if not handle._use_orig_params:
            raise ElrError("FSDP has flattened all weights into one: wrap with use_orig_params=True, or use fully_shard")
        flat = handle.flat_param
        sharded = handle.uses_sharded_strategy
        for parameter, shape, info in zip(flat._params, flat._shapes, flat._shard_param_infos, strict=True):
            if sharded:
                start = info.intra_param_start_idx if info.in_shard else 0
                found[parameter] = tuple(shape), FlatSharding(handle.process_group, int(start or 0))
    return found
