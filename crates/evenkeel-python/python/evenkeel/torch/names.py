"""Parameter names without the prefixes that wrappers add."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from torch import nn

WRAPPERS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"})
"""Attributes under which compilers, FSDP1 and activation checkpointing keep the module they wrap."""


def plain_names(model: nn.Module) -> dict[str, str]:
    """Map each parameter's name to the name it has in the unwrapped model. No two are mapped to one."""
    names = [name for name, _ in model.named_parameters()]
    short = shortened(names, {path for path, part in model.named_modules() if holds_module(part)})
    return dict(zip(names, short, strict=True))


def shortened(names: Iterable[str], wrapped: Iterable[str] = ()) -> list[str]:
    """Names without wrappers' prefixes; where two would become one, both stay as they are.

    ``wrapped`` has the paths of modules, such as DDP's, whose ``module`` is the wrapped model.
    """
    full = list(names)
    inner = {f"{path}.module" if path else "module" for path in wrapped}
    short = [strip(name, inner) for name in full]
    # An unknown wrapper: everything is within its `module`.
    while short and all(name.startswith("module.") for name in short):
        short = [name.removeprefix("module.") for name in short]
    often = Counter(short)
    return [one if often[one] == 1 else name for name, one in zip(full, short, strict=True)]


def strip(name: str, inner: set[str]) -> str:
    """One name without the parts that wrappers have put into it."""
    kept: list[str] = []
    path = ""
    for part in name.split("."):
        path = f"{path}.{part}" if path else part
        if part not in WRAPPERS and path not in inner:
            kept.append(part)
    return ".".join(kept)


def holds_module(module: nn.Module) -> bool:
    """Whether a module is a wrapper whose ``module`` is the model: DDP, DataParallel, AveragedModel."""
    kinds = (nn.parallel.DistributedDataParallel, nn.DataParallel)
    return isinstance(module, kinds) or type(module).__name__ in ("AveragedModel", "FullyShardedDataParallel", "DeepSpeedEngine")
