"""The step that an optimiser has made, of which a share is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from ..theory import Vector
from .rescale import shaped


class Update:
    """Weights as they were before a step."""

    def __init__(self) -> None:
        self.before: dict[Tensor, Tensor] = {}

    def remember(self, parameters: Iterable[Tensor]) -> None:
        """Keep what the step is about to change."""
        self.before = {p: p.detach().clone() for p in parameters}

    def forget(self) -> None:
        """Let go of it."""
        self.before = {}

    @torch.no_grad()
    def take(self, share_of: Callable[[Tensor], Vector]) -> None:
        """Take a share of each update, or one of each row's. A share of 1 leaves every bit alone."""
        shares = {p: share_of(p) for p in self.before}
        changed = [p for p, share in shares.items() if (share != 1.0).any()]
        if not changed:
            return
        now, before = [p.detach() for p in changed], [self.before[p] for p in changed]
        torch._foreach_sub_(now, before)
        if all(len(shares[p]) == 1 for p in changed):
            torch._foreach_mul_(now, [float(shares[p][0]) for p in changed])
        else:
            for p, change in zip(changed, now, strict=True):
                change.mul_(shaped(torch.from_numpy(shares[p]), change))
        torch._foreach_add_(now, before)
