"""Matrices of a model as every process sees them: whole, sharded, complex, stacked."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from .._theory import ElrError
from .names import plain_names
from .sharding import Sharding, flat_shards, sharding_of


class Weight:
    """A parameter of two or more dimensions, and how its rows lie in memory.

    A row is what has an output of its own: an index of the first dimension, an output channel of a
    transposed convolution, or a slice of weights stacked along leading dimensions. Complex numbers
    count as pairs of reals.
    """

    def __init__(
        self, name: str, parameter: nn.Parameter, owner: nn.Module, shape: tuple[int, ...], sharding: Sharding | None
    ) -> None:
        self.name, self.parameter, self.sharding = name, parameter, sharding
        self.shape = shape
        self.is_complex = parameter.is_complex()
        self.numel = functools.reduce(lambda a, b: a * b, shape, 1) * (2 if self.is_complex else 1)
        self.transposed_groups = int(getattr(owner, "groups", 1)) if getattr(owner, "transposed", False) else 0
        self.is_stacked = len(shape) > 2 and not is_kernel(owner, shape)
        self.rows = self._count_rows()
        # The vectors that move together with this weight when its layer is scaled: biases of the same layer.
        self.biases: list[nn.Parameter] = []

    def _count_rows(self) -> int:
        if self.transposed_groups:
            return self.shape[1] * self.transposed_groups
        if self.is_stacked:
            return functools.reduce(lambda a, b: a * b, self.shape[:-2], 1)
        return self.shape[0]

    @property
    def is_plain(self) -> bool:
        """Whether its numbers lie in this process as they are."""
        return self.sharding is None and not self.is_complex

    def local(self, tensor: Tensor) -> Tensor:
        """This process's part of the weight, or of a tensor like it, as real numbers."""
        if self.is_plain:
            return tensor
        return self.real(tensor if self.sharding is None else self.sharding.local(tensor))

    def real(self, raw: Tensor) -> Tensor:
        """A local tensor as real numbers."""
        return torch.view_as_real(raw.detach()) if self.is_complex else raw.detach()

    def gradient(self) -> Tensor | None:
        """The gradient that is there; a sparse one is refused by name."""
        found = self.parameter.grad
        if found is not None and found.layout != torch.strided:
            raise ElrError(
                f"`{self.name}` has a sparse gradient, whose rows step by themselves: it has no effective learning rate as a "
                "whole; build the layer with sparse=False, or freeze it"
            )
        return found

    def row_sums(self, local: Tensor) -> Tensor:
        """The sum over each row of a local tensor; rows of other processes are zero."""
        if self.sharding is None:
            return self.matrix(local).sum(1)
        ids = self.sharding.row_ids(self, local)
        sums = local.new_zeros(self.rows)
        if local.numel() == 0:
            return sums
        if ids.numel() == local.shape[0]:
            return sums.index_add_(0, ids, local.reshape(local.shape[0], -1).sum(1))
        return sums.index_add_(0, ids, local.reshape(ids.numel(), -1).sum(1))

    def by_row(self, factors: Tensor, local: Tensor) -> Tensor:
        """A factor for each row, in a shape that multiplies a local tensor."""
        if self.sharding is not None:
            ids = self.sharding.row_ids(self, local)
            picked = factors.to(local.device)[ids]
            if ids.numel() == local.shape[0]:
                return picked.view(-1, *[1] * (local.ndim - 1))
            return picked.repeat_interleave(local.numel() // max(1, ids.numel())).view(local.shape)
        if self.transposed_groups:
            wide = factors.view(self.transposed_groups, 1, self.shape[1])
            wide = wide.expand(-1, self.shape[0] // self.transposed_groups, -1).reshape(self.shape[:2])
            return wide.view(*self.shape[:2], *[1] * (local.ndim - 2))
        if self.is_stacked:
            return factors.view(*self.shape[:-2], *[1] * (local.ndim - len(self.shape) + 2))
        return factors.view(-1, *[1] * (local.ndim - 1))

    def matrix(self, local: Tensor) -> Tensor:
        """A row for each row."""
        if self.transposed_groups:
            groups, out = self.transposed_groups, self.shape[1]
            split = local.reshape(groups, self.shape[0] // groups, out, -1)
            return split.transpose(1, 2).reshape(groups * out, -1)
        return local.reshape(self.rows, -1)


MOST_TAPS = 121
"""Entries per channel up to which a tensor of four or more dimensions is a convolution's kernel, as 11 × 11 is."""


def is_kernel(owner: nn.Module, shape: tuple[int, ...]) -> bool:
    """Whether the dimensions after the first two are those of a kernel, also of one that a model convolves with by itself."""
    return isinstance(owner, nn.modules.conv._ConvNd) or (len(shape) > 3 and math.prod(shape[2:]) <= MOST_TAPS)


def weights_of(model: nn.Module) -> list[Weight]:
    """Every weight of two or more dimensions, each once, tied or not, under its first plain name."""
    names = plain_names(model)
    flat = flat_shards(model)
    found: list[Weight] = []
    seen: set[nn.Parameter] = set()
    for full, parameter, owner in owned_parameters(model):
        if parameter in seen or full not in names:
            continue
        seen.add(parameter)
        whole = tuple(parameter.shape)
        shape, sharding = flat[parameter] if parameter in flat else (whole, sharding_of(names[full], parameter))
        if len(shape) >= 2:
            weight = Weight(names[full], parameter, owner, shape, sharding)
            # Of sharded biases processes have different parts, or none.
            weight.biases = biases_of(full, shape, owner, model) if sharding is None else []
            found.append(weight)
    return found


def owned_parameters(model: nn.Module) -> Iterator[tuple[str, nn.Parameter, nn.Module]]:
    """Parameters with their names and the modules that own them."""
    for path, module in model.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            yield f"{path}.{name}" if path else name, parameter, module


def biases_of(full: str, shape: tuple[int, ...], owner: nn.Module, model: nn.Module) -> list[nn.Parameter]:
    """The biases of a weight's layer: of its module, or `q_bias` and the like beside a `qkv` module.

    Under `torch.nn.utils.parametrize` a weight lives two modules below its layer.
    """
    path = full.rpartition(".")[0].partition(".parametrizations")[0].removesuffix("parametrizations")
    parent = path.rpartition(".")[0]
    layer = submodule(model, path)
    found = [p for n, p in layer.named_parameters(recurse=False) if "bias" in n and fits(p, shape)]
    if path:
        beside = submodule(model, parent).named_parameters(recurse=False)
        found += [p for n, p in beside if n != "bias" and n.endswith("bias") and fits(p, shape)]
    return found


def submodule(model: nn.Module, path: str) -> nn.Module:
    """A module by its path; the model itself without one."""
    return model.get_submodule(path) if path else model


def fits(parameter: nn.Parameter, shape: tuple[int, ...]) -> bool:
    """Whether a vector may be the bias of a weight, or of a third of a fused one."""
    return parameter.ndim == 1 and (parameter.numel() in shape[:2] or 3 * parameter.numel() == shape[0] or hasattr(parameter, "_unsharded"))


