"""The effective learning rates of a model, as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from .._theory import ElrError, Spread
from ..theory import Vector
from .invariance import Invariance
from .norms import SAFE, Transfer, exact, norms, products
from .reading import Measure, Reading

Change = Callable[[Reading], Reading]
"""What happened to norms since they were measured."""


@dataclass
class Measurement:
    """One step's norms on their way to the host."""

    names: list[str]
    numels: list[int]
    rows: list[int]
    looked: list[int]
    transfer: Transfer
    scaled: bool
    finish: Change
    # What was measured, to do it again in float64 where float32 does not do.
    weights: list[Tensor]
    vectors: list[Tensor]


class ElrProbe:
    """The scale-invariant weights of a model, found by measurement, and their ELRs.

    A weight of two or more dimensions counts when it is orthogonal to its gradient (T1) on each of the
    first ``looks`` steps; its type and what follows it do not matter. A controller
    (:class:`CriticalWarmup`, :class:`HoldElr`) measures for you; without one call :meth:`measure`
    between ``backward`` and ``optimizer.step``.

    ``granularity="unit"`` takes each row or filter (the first dimension) for itself where it is
    scale-invariant by itself, as before batch normalization, and whole weights elsewhere. ``every`` is
    the number of steps between measurements where no control needs them. ``asynchronous`` answers with
    the last measurement, carried on by the theory (T4), so that a GPU never waits for the host.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        granularity: Literal["layer", "unit"] = "layer",
        looks: int = 3,
        every: int = 20,
        asynchronous: bool = False,
    ) -> None:
        if granularity not in ("layer", "unit"):
            raise ElrError(f"granularity is `{granularity}`, but must be layer or unit")
        for name, value in (("looks", looks), ("every", every)):
            if value < 1:
                raise ElrError(f"{name} is {value}, but must be at least 1")
        self.model = model
        self.by_unit = granularity == "unit"
        self.every, self.asynchronous = every, asynchronous
        self.reading: Reading | None = None
        self.invariance = Invariance(model, looks, self.by_unit)
        self._under_way: Measurement | Reading | None = None
        self._since: list[Change] = []

    # ── which weights ──

    @property
    def layers(self) -> list[str]:
        """The scale-invariant weights found, in the model's order."""
        return self.invariance.layers

    @property
    def roles(self) -> dict[str, str]:
        """What each parameter is: scale-invariant, scale-dependent, vector, silent or frozen."""
        return self.invariance.roles

    def find(self, loss: Callable[[Any], Tensor], batches: Iterable[Any]) -> ElrProbe:
        """Look at the gradients of some batches before training, at several scales of the weights.

        ``loss(batch)`` computes the loss in training mode. Weights, gradients, buffers such as running
        statistics, and random numbers are as before afterwards.
        """
        self.invariance.find(loss, batches, self.look)
        return self

    def look(self) -> None:
        """Look at the cosines of one batch's gradients, without measuring anything else."""
        looked = [(n, p) for n, p in self._with_gradient() if self.invariance.is_open(n)]
        if looked:
            self._receive(self._send(looked, [gradient(n, p) for n, p in looked]))

    # ── measuring ──

    def measure(self, grad_scale: Tensor | None = None) -> Reading:
        """Measure the gradients that are there, divided by ``grad_scale`` if they are still scaled."""
        weights = self._with_gradient()
        if not weights:
            raise ElrError(self._nothing())
        vectors = [gradient(n, p) for n, p in weights]
        return self._answer(lambda: self._send(weights, vectors, grad_scale))

    def measure_update(self, before: dict[str, Tensor], lrs: dict[str, float]) -> Reading:
        """Measure updates in place of gradients, ``‖ΔW‖/λ`` (T19), given the weights before the step."""
        tracked = [(n, p) for n, p in self.invariance.candidates() if n in before and self.invariance.tracks(n)]
        if not tracked:
            raise ElrError(self._nothing())
        changes = [p.detach() - before[n] for n, p in tracked]
        weights = [(n, before[n]) for n, _ in tracked]

        def per_rate(reading: Reading) -> Reading:
            # An update at rate 0 says nothing: the layer takes no part in this step.
            lr = np.array([lrs.get(name, 0.0) for name in reading.names])
            norm = np.divide(reading.gradient_norm, lr, out=np.zeros_like(lr), where=lr > 0)
            return Reading(reading.names, reading.weight_norm, norm)

        return self._answer(lambda: self._send(weights, changes, look=False, finish=per_rate))

    def stepped(self, rate_of: Callable[[str], float], measure: Measure) -> None:
        """Say at which rate each label was stepped: what the asynchronous mode carries on with."""
        if self.asynchronous:
            self._since.append(lambda r: r.stepped(np.array([rate_of(x) for x in r.labels]), measure))

    def rescaled(self, factors: dict[str, float], measure: Measure) -> None:
        """Say by what each label's weight was multiplied."""
        if self.asynchronous:
            self._since.append(lambda r: r.rescaled(factors, measure))

    def _answer(self, send: Callable[[], Measurement]) -> Reading:
        if not self.asynchronous:
            return self._keep(self._receive(send()))
        before, sent = self._settled(), send()
        if before is None or not len(before.names):
            before = self._receive(sent)
            self._under_way = before
        else:
            self._under_way = sent
        return self._keep(before)

    def _settled(self) -> Reading | None:
        """The measurement under way, carried on to this moment."""
        found, self._under_way = self._under_way, None
        changes, self._since = self._since, []
        if found is None:
            return None
        reading = self._receive(found) if isinstance(found, Measurement) else found
        for change in changes:
            reading = change(reading)
        return reading

    def _keep(self, reading: Reading) -> Reading:
        if not len(reading.names):
            raise ElrError(self._nothing())
        self.reading = reading.check()
        return self.reading

    def _with_gradient(self) -> list[tuple[str, Tensor]]:
        return [(n, p) for n, p in self.invariance.candidates() if p.grad is not None]

    def _nothing(self) -> str:
        silent = [n for n, p in self.invariance.candidates() if p.grad is None]
        if silent:
            return f"no weight has a gradient, `{silent[0]}` for one; measure after backward and before zero_grad"
        return (
            f"no scale-invariant weight among {len(self.roles)} parameters; a weight counts when a normalization layer "
            "follows it, so that it is orthogonal to its gradient"
        )

    # ── there and back ──

    @torch.no_grad()
    def _send(
        self,
        weights: list[tuple[str, Tensor]],
        vectors: list[Tensor],
        grad_scale: Tensor | None = None,
        look: bool = True,
        finish: Change = lambda reading: reading,
    ) -> Measurement:
        names, tensors = [n for n, _ in weights], [w.detach() for _, w in weights]
        looked = [i for i, n in enumerate(names) if look and self.invariance.is_open(n)]
        numbers = norms(tensors + vectors, self.by_unit)
        numbers += products([tensors[i] for i in looked], [vectors[i] for i in looked], self.by_unit)
        if grad_scale is not None:
            numbers.append(grad_scale)
        rows = [w.shape[0] if self.by_unit else 1 for w in tensors]
        numels = [w.numel() for w in tensors]
        if self.asynchronous:
            # Gradients are not to live longer for being measured.
            tensors, vectors = [], []
        sent = Transfer.of(numbers)
        return Measurement(names, numels, rows, looked, sent, grad_scale is not None, finish, tensors, vectors)

    def _receive(self, sent: Measurement) -> Reading:
        numbers = sent.transfer.receive()
        scale, ends = numbers[-1] if sent.scaled else 1.0, np.cumsum(sent.rows)
        count = int(ends[-1])
        starts = ends - sent.rows
        sizes, steps, inner = numbers[:count], numbers[count : 2 * count], numbers[2 * count :]
        for found, tensors in ((sizes, sent.weights), (steps, sent.vectors)):
            self._refine(found, tensors, starts, ends)
        for i in sent.looked:
            a, b, rows = starts[i], ends[i], sent.rows[i]
            self.invariance.judge(sent.names[i], sent.numels[i], inner[:rows], sizes[a:b], steps[a:b])
            inner = inner[rows:]
        kept = [i for i, name in enumerate(sent.names) if self.invariance.tracks(name)]
        parts = [(sent.names[i], slice(starts[i], ends[i])) for i in kept]
        return sent.finish(self._gather(parts, sizes, steps / scale))

    def _refine(self, found: Vector, tensors: list[Tensor], starts: Vector, ends: Vector) -> None:
        """Compute what float32 cannot hold again."""
        bad = ~((found > SAFE[0]) & (found < SAFE[1]))
        if not bad.any():
            return
        for tensor, a, b in zip(tensors, starts, ends, strict=False):
            if bad[a:b].any():
                found[a:b] = exact(tensor, self.by_unit)

    def _gather(self, parts: list[tuple[str, slice]], sizes: Vector, steps: Vector) -> Reading:
        """Rows that stand by themselves as they are, others as one."""
        if not self.by_unit:
            at = [part.start for _, part in parts]
            return Reading(tuple(n for n, _ in parts), sizes[at], steps[at])
        names: list[str] = []
        numbers: list[tuple[Vector, Vector]] = []
        for name, part in parts:
            pair = sizes[part], steps[part]
            if not self.invariance.has_units(name):
                pair = whole(pair[0]), whole(pair[1])
            names += [name] * len(pair[0])
            numbers.append(pair)
        empty: Vector = np.zeros(0)
        weight = np.concatenate([empty, *(w for w, _ in numbers)])
        return Reading(tuple(names), weight, np.concatenate([empty, *(g for _, g in numbers)]))

    # ── telling ──

    @property
    def spread(self) -> Spread:
        """How far apart the ELRs of the last measurement are."""
        return self._measured().spread

    def _measured(self) -> Reading:
        if self.reading is None:
            raise ElrError("nothing has been measured yet; call measure() after backward, or take a step")
        return self.reading

    def table(self) -> str:
        """The last measurement, a line for each layer or unit."""
        return self._measured().table()

    def log_dict(self, prefix: str = "elr", layers: bool = True) -> dict[str, float]:
        """Numbers to log: ``elr/spread_decades``, ``elr/critical_lr`` and one for each layer."""
        return self._measured().log_dict(prefix, layers)

    # ── checkpoints ──

    def state_dict(self) -> dict[str, Any]:
        """What was found, and what is under way."""
        self._under_way = reading = self._settled()
        carried = None if reading is None else {
            "names": list(reading.names),
            "weight_norm": reading.weight_norm.tolist(),
            "gradient_norm": reading.gradient_norm.tolist(),
        }
        return self.invariance.state_dict() | {"carried": carried}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with what was found."""
        self.invariance.load_state_dict(state)
        carried, self._since = state["carried"], []
        self._under_way = None if carried is None else Reading(
            tuple(carried["names"]), np.array(carried["weight_norm"]), np.array(carried["gradient_norm"])
        )


def whole(norms: Vector) -> Vector:
    """The norm of all rows together."""
    together: Vector = np.sqrt(np.sum(np.square(norms), keepdims=True))
    return together


def gradient(name: str, parameter: Tensor) -> Tensor:
    """A parameter's gradient; a sparse or a sharded one is refused by name."""
    found = parameter.grad
    assert found is not None
    if found.layout != torch.strided:
        raise ElrError(
            f"`{name}` has a sparse gradient, whose rows step by themselves: it has no effective learning rate as a whole; "
            "build the layer with sparse=False, or freeze it"
        )
    if hasattr(found, "full_tensor"):
        raise ElrError(f"`{name}` is sharded over processes, of which each knows a part of the norm only; use DDP")
    return found.detach()
