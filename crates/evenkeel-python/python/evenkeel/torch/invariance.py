"""Which weights of a model are scale-invariant, learnt by looking at several batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from .._theory import ElrError
from ..theory import Vector
from .evidence import BOUNDS, EARLY, ENOUGH, SLOPE, TOTAL, Evidence, Look
from .names import plain_names
from .reading import Mask
from .weights import Weight, weights_of

Granularity = Literal["layer", "head", "unit"]

STEADY = 8
"""Looks on successive steps at least; afterwards one at each full measurement, or after a contradiction."""

GROWTH = 2.0
"""What ``find`` scales weights by from one look to the next: a power of two rounds nothing."""

Role = Literal[
    "scale-invariant", "partly scale-invariant", "scale-dependent", "undecided", "vector", "silent", "frozen"
]


class Invariance:
    """Evidence about a model's weights. Every verdict can be revised by later batches."""

    def __init__(self, model: nn.Module, looks: int, granularity: Granularity) -> None:
        self.model, self.looks, self.granularity = model, looks, granularity
        self._weights: list[Weight] | None = None
        self._by_name: dict[str, Weight] | None = None
        self._evidence: dict[str, Evidence] = {}
        # Weights that are normalised in the forward pass itself, so that rescaling them does not last.
        self.forced: set[str] = set()
        # Changes whenever anything is learnt.
        self.version = 0

    @property
    def weights(self) -> list[Weight]:
        """Weights of two or more dimensions: each once, tied or not, by its first name."""
        if self._weights is None:
            self._weights = weights_of(self.model)
        return self._weights

    @property
    def by_name(self) -> dict[str, Weight]:
        """The weights by their names."""
        if self._by_name is None:
            self._by_name = {weight.name: weight for weight in self.weights}
        return self._by_name

    def evidence(self, name: str) -> Evidence:
        """What is known of a weight."""
        return self._evidence.setdefault(name, Evidence())

    def tracks(self, name: str) -> bool:
        """Whether a weight counts as scale-invariant, as a whole or in part: all its looks have passed."""
        return name in self._evidence and (self._evidence[name].counts or self._counting_parts(name) is not None)

    def steers(self, name: str) -> bool:
        """Whether controls go by a weight: it counts, or has passed too clearly for chance."""
        return name in self._evidence and (self._evidence[name].steers or self._counting_parts(name) is not None)

    def is_open(self, name: str) -> bool:
        """Whether a weight is to be looked at on the next step too."""
        return name not in self._evidence or self._evidence[name].is_open(max(self.looks, STEADY))

    def judge(self, weight: Weight, look: Look) -> None:
        """Learn from one batch."""
        evidence = self.evidence(weight.name)
        self.version += 1
        if evidence.add(look, self.looks) and self.granularity != "layer" and evidence.by_rows <= 0:
            self._judge_blocks(evidence, look)

    # ── parts of weights ──

    def parts(self, weight: Weight) -> tuple[int, Mask] | None:
        """Rows in a part, and which parts count by themselves; None for a weight that is taken whole."""
        evidence = self._evidence.get(weight.name)
        if evidence is None or weight.rows < 2:
            return None
        if evidence.by_rows > ENOUGH and (self.granularity == "unit" or weight.is_stacked):
            return 1, np.ones(weight.rows, dtype=bool)
        return self._counting_parts(weight.name)

    def part_size(self, weight: Weight) -> int:
        """Rows in a part of a weight that is not taken whole."""
        found = self.parts(weight)
        return 1 if found is None else found[0]

    def _counting_parts(self, name: str) -> tuple[int, Mask] | None:
        """The finest blocks of rows that cover most of what counts."""
        evidence = self._evidence[name]
        if not evidence.blocks or evidence.looks < self.looks:
            return None
        best: tuple[float, int, Mask] | None = None
        for size, values in sorted(evidence.blocks.items()):
            # The more parts there are, the more pass by chance.
            counting = values > ENOUGH + math.log(len(values))
            covered = float(counting.mean())
            if counting.any() and (best is None or covered > best[0] + 1e-9):
                best = covered, size, counting
        if best is None or (evidence.counts and best[0] < 1.0):
            return None
        return best[1], best[2]

    def _judge_blocks(self, evidence: Evidence, look: Look) -> None:
        """Add evidence for every way to cut the rows into blocks of equal size, as heads are."""
        count = len(look.inner)
        for size in block_sizes(count):
            inner = look.inner.reshape(-1, size).sum(1)
            product = np.sqrt(np.square(look.size).reshape(-1, size).sum(1) * np.square(look.step).reshape(-1, size).sum(1))
            alive = np.isfinite(product) & (product > 0)
            z = np.abs(inner) / np.where(alive, product, 1.0) * (look.numel / count * size) ** 0.5
            worth = np.clip(-np.log(SLOPE * np.maximum(z, 1e-12)), *BOUNDS)
            before = evidence.blocks.get(size, np.zeros(len(inner)))
            evidence.blocks[size] = np.clip(before + np.where(alive, worth, 0.0), *TOTAL)

    # ── before training ──

    def find(self, loss: Callable[[Any], Tensor], batches: Iterable[Any], look: Callable[[], None]) -> None:
        """Look at some batches, at several scales of what has passed, and leave no trace."""
        scale = 1.0
        with self._kept(), torch.random.fork_rng():
            originals = {p: p.detach().clone() for p in self.model.parameters()}
            fill_zeros_(list(self.model.parameters()))
            filled = {p: p.detach().clone() for p in originals}
            for batch in batches:
                for p in originals:
                    p.grad = None
                set_: dict[str, Tensor] = {}
                for weight in self.weights:
                    grows = self.steers(weight.name) and weight.name not in self.forced
                    value = filled[weight.parameter] * (scale if grows else 1.0)
                    with torch.no_grad():
                        weight.parameter.copy_(value)
                    set_[weight.name] = value
                with torch.enable_grad():
                    loss(batch).backward()  # type: ignore[no-untyped-call]
                self._notice_forced(set_)
                look()
                scale *= GROWTH
            with torch.no_grad():
                for p, value in originals.items():
                    p.copy_(value)

    def _notice_forced(self, values: dict[str, Tensor]) -> None:
        """Notice which weights the forward pass has set to a norm of its own."""
        for weight in self.weights:
            value = values[weight.name]
            if weight.sharding is None and not torch.equal(weight.parameter.detach(), value):
                self.forced.add(weight.name)

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Keep parameters, gradients and buffers as they are, whatever happens within."""
        parameters = [(p, p.detach().clone(), p.grad) for p in self.model.parameters()]
        buffers = [(b, b.detach().clone()) for b in self.model.buffers()]
        try:
            yield
        finally:
            with torch.no_grad():
                for p, value, gradient in parameters:
                    p.copy_(value)
                    p.grad = gradient
                for buffer, value in buffers:
                    buffer.copy_(value)

    # ── telling ──

    @property
    def layers(self) -> list[str]:
        """The scale-invariant weights found, in the model's order."""
        return [w.name for w in self.weights if w.parameter.requires_grad and self.tracks(w.name)]

    @property
    def roles(self) -> dict[str, Role]:
        """What each parameter is."""
        matrices = {w.name for w in self.weights}
        names = plain_names(self.model)
        return {
            names[full]: self._role(names[full], p, names[full] in matrices) for full, p in self.model.named_parameters()
        }

    def _role(self, name: str, parameter: nn.Parameter, is_matrix: bool) -> Role:
        if not parameter.requires_grad:
            return "frozen"
        if not is_matrix:
            return "vector"
        evidence = self._evidence.get(name)
        if evidence is None or evidence.looks == 0:
            return "silent"
        if evidence.counts:
            return "scale-invariant"
        if self._counting_parts(name) is not None:
            return "partly scale-invariant"
        return "undecided" if evidence.total > 0 or (evidence.last == 0 and evidence.total == 0) else "scale-dependent"

    def explain(self) -> dict[str, str]:
        """Why each parameter is what it is, in words."""
        return {name: f"{role}: {self._why(name, role)}" for name, role in self.roles.items()}

    def _why(self, name: str, role: Role) -> str:
        if role == "frozen":
            return "requires_grad is False"
        if role == "vector":
            return "it has one dimension; gains and biases have no effective learning rate of their own"
        evidence = self._evidence.get(name, Evidence())
        if role == "silent":
            return evidence.why or "it has had no gradient so far"
        words = f"|cos(W, ∇W)|·√n is {evidence.rms:.2g} over the last {len(evidence.recent)} of {evidence.looks} looks; {evidence.why}"
        if role == "partly scale-invariant":
            found = self._counting_parts(name)
            assert found is not None
            words = f"{int(found[1].sum())} of {len(found[1])} blocks of {found[0]} rows are scale-invariant by themselves"
        if role == "undecided":
            words += f"; evidence {evidence.total:.1f} nats after {evidence.looks} of {self.looks} looks"
        return words + ("; its forward pass normalises it, so rescaling it does not last" if name in self.forced else "")

    def state_dict(self) -> dict[str, Any]:
        """What was found, for a checkpoint."""
        return {"evidence": {name: found.state() for name, found in self._evidence.items()}, "forced": sorted(self.forced)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with what was found; earlier checkpoints name what passed and what did not."""
        kept = state["evidence"] if "evidence" in state else earlier(state)
        names = {weight.name for weight in self.weights}
        absent = [name for name in kept if name not in names]
        if absent:
            raise ElrError(f"there is no parameter `{absent[0]}` to go on with; give a model of the structure that was saved")
        self.version += 1
        self._evidence = {name: Evidence.of(found) for name, found in kept.items()}
        self.forced = set(state.get("forced", ()))


def earlier(state: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Evidence of a checkpoint from before verdicts had any."""
    found = {}
    for name, passed in state["passed"].items():
        out = name in state["dependent"]
        by_rows = 0.0 if out or name in state["whole"] else TOTAL[1]
        total = TOTAL[0] if out else min(TOTAL[1], EARLY * passed)
        found[name] = Evidence(looks=passed, total=total, by_rows=by_rows, counts=not out and passed >= 3).state()
    return found


def block_sizes(rows: int) -> list[int]:
    """Sizes of blocks that rows may be cut into: at least two blocks of at least two rows."""
    return [size for size in range(2, rows // 2 + 1) if rows % size == 0]


@torch.no_grad()
def fill_zeros_(parameters: list[nn.Parameter]) -> None:
    """Give parameters that are zero throughout some value, so that what they hide has a gradient."""
    generator = torch.Generator().manual_seed(0)
    for p in parameters:
        if not p.requires_grad or p.numel() == 0 or hasattr(p, "placements") or bool((p != 0).any()):
            continue
        spread = 0.1 if p.ndim < 2 else 0.1 / max(1, p[0].numel()) ** 0.5
        p.copy_(torch.randn(p.shape, generator=generator) * spread + (0.2 if p.ndim < 2 else 0.0))
