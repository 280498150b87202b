"""The effective learning rates of a model, as they are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .._theory import ElrError, Spread
from ..theory import Vector
from .evidence import Look
from .invariance import Granularity, Invariance, Role
from .norms import SAFE, Numbers, Transfer, exact, exact_rows, norms, product, row_norms, row_products
from .reading import Mask, Measure, Reading
from .table import Matrix, as_table, gradient_matrices, noting, stepped_matrices, taken_matrices
from .update import raw
from .weights import Weight

NOTES = 64
"""Notes of measurements that are kept before they are put in place."""

Change = Callable[[Reading], Reading]
"""What happened to norms since they were measured."""


@dataclass
class Measurement:
    """One step's norms on their way to the host."""

    weights: list[Weight]
    whole_inner: bool
    looked: list[int]
    parts: dict[int, tuple[int, Mask]]
    transfer: Transfer
    scaled: bool
    finish: Change
    # What was measured, to do it again in float64 where float32 does not do.
    values: list[Tensor]
    vectors: list[Tensor]
    rates: Vector | None = None


class ElrProbe:
    """The scale-invariant weights of a model, found by measurement, and their ELRs.

    A weight of two or more dimensions counts when it is orthogonal to its gradient (T1) on each of
    the first ``looks`` batches, and as long as later ones do not contradict. Its type and what follows
    it do not matter. A controller (:class:`CriticalWarmup`, :class:`HoldElr`) measures for you; without one
    call :meth:`measure` between ``backward`` and ``optimizer.step``.

    Args:
        model: the model, wrapped (compiled, DDP, FSDP) or not.
        granularity: what has an ELR of its own where it is scale-invariant by itself: ``"layer"``: whole
            weights, and slices of weights stacked along leading dimensions; ``"head"``: blocks of rows, such as
            the heads before QK-norm, also within a fused projection, and groups of group normalization;
            ``"unit"``: single rows or filters, as before batch normalization, else as ``"head"``.
        looks: batches a weight must pass before it counts.
        every: steps between measurements where no control needs them.
        asynchronous: answer with the last measurement, carried on by the theory (T4), so that a GPU
            never waits for the host.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        granularity: Granularity = "layer",
        looks: int = 3,
        every: int = 20,
        asynchronous: bool = False,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise TypeError(f"model is a {type(model).__name__}, but must be a torch.nn.Module")
        if granularity not in ("layer", "head", "unit"):
            raise ElrError(f"granularity is `{granularity}`, but must be layer, head or unit")
        for name, value in (("looks", looks), ("every", every)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} is a {type(value).__name__}, but must be an int")
            if value < 1:
                raise ElrError(f"{name} is {value}, but must be at least 1")
        self.model = model
        self.granularity = granularity
        self.every, self.asynchronous = every, asynchronous
        self.reading: Reading | None = None
        self.invariance = Invariance(model, looks, granularity)
        self._under_way: dict[Any, Measurement | Reading] = {}
        self._since: dict[Any, list[Change]] = {}
        # What is not finite in the last measurement, in words.
        self.broken: str | None = None
        self._last: dict[Any, Reading] = {}
        self._chosen: dict[Any, tuple[int, list[Weight], list[Tensor]]] = {}
        self._names: dict[Any, tuple[int, list[int], tuple[str, ...]]] = {}
        self._controllers = 0
        self._matrices: dict[str, Matrix] = {}
        self._notes: list[tuple[Any, Callable[[dict[str, Matrix]], None]]] = []
        # Norm layers that can freeze their statistics, to know whether they do.
        self._norms = [m for m in model.modules() if getattr(m, "track_running_stats", False)]

    # ── which weights ──

    @property
    def layers(self) -> list[str]:
        """The scale-invariant weights found, in the model's order."""
        return self.invariance.layers

    @property
    def roles(self) -> dict[str, Role]:
        """What each parameter is: scale-invariant, partly scale-invariant, scale-dependent, undecided,
        vector, silent (no gradient yet) or frozen."""
        return self.invariance.roles

    def explain(self) -> dict[str, str]:
        """Why each parameter is what :attr:`roles` says, in words and numbers."""
        return self.invariance.explain()

    def find(self, loss: Callable[[Any], Tensor], batches: Iterable[Any]) -> ElrProbe:
        """Look at the gradients of some batches before training, at several scales of the weights.

        ``loss(batch)`` computes the loss in training mode. Parameters that are zero throughout are given
        values for the time. Weights, gradients, buffers such as running statistics, and random numbers
        are bit for bit as before afterwards.
        """
        self.invariance.find(loss, batches, self.look)
        return self

    def look(self, only: Collection[Tensor] | None = None) -> None:
        """Look at the cosines of one batch's gradients, without measuring anything else.

        ``only`` has the parameters of one optimiser, where several share a probe.
        """
        looked = [(w, g) for w, g in self._with_gradient(only) if self.invariance.is_open(w.name)]
        if looked:
            weights, vectors = [w for w, _ in looked], [g for _, g in looked]
            self._receive(self._send(weights, [w.local(w.parameter) for w in weights], vectors, look=weights))

    # ── measuring ──

    def measure(self, grad_scale: Tensor | None = None) -> Reading:
        """Measure the gradients that are there, divided by ``grad_scale`` if they are still scaled.

        Raises:
            ElrError: if nothing has a gradient, no weight is scale-invariant, or a norm is not finite.
        """
        reading = self.read_gradients(None, None, grad_scale, everything=True, all_matrices=True)
        problem = self.problem(reading)
        if problem is not None:
            raise ElrError(problem)
        assert reading is not None
        return reading

    def read_gradients(
        self,
        key: Any,
        only: Collection[Tensor] | None,
        grad_scale: Tensor | None = None,
        *,
        everything: bool = False,
        all_matrices: bool = False,
    ) -> Reading | None:
        """Measure gradients of one optimiser's parameters; None if there are none."""
        known = None if all_matrices else self._steady(key)
        if known is not None:
            return self._answer(key, lambda: self._send(*known, look=(), grad_scale=grad_scale))
        pairs = self._with_gradient(only)
        looked = [w for w, _ in pairs if everything or all_matrices or self.invariance.is_open(w.name)]
        if not all_matrices:
            open_ = {w.name for w in looked}
            pairs = [(w, g) for w, g in pairs if w.name in open_ or self.invariance.steers(w.name)]
        if not pairs:
            return None
        weights, vectors = [w for w, _ in pairs], [g for _, g in pairs]
        if not looked:
            self._chosen[key] = self.invariance.version, weights, [w.parameter for w in weights]

        def send() -> Measurement:
            return self._send(weights, [w.local(w.parameter) for w in weights], vectors, look=looked, grad_scale=grad_scale)

        return self._answer(key, send)

    def read_updates(
        self, key: Any, weights: Sequence[Weight], before: Sequence[Tensor], changes: Sequence[Tensor], lrs: Mapping[str, float]
    ) -> Reading | None:
        """Measure updates in place of gradients, ``‖ΔW‖/λ`` (T19), given weights and changes as local tensors."""
        if not weights:
            return None
        rates = np.array([lrs.get(w.name, 0.0) for w in weights])

        def send() -> Measurement:
            sent = self._send(list(weights), list(before), list(changes), look=(), whole_inner=True)
            sent.rates = rates
            return sent

        return self._answer(key, send)

    def stepped(self, key: Any, rate_of: Callable[[str], float], measure: Measure) -> None:
        """Say at which rate each label was stepped: what the asynchronous mode carries on with."""
        if self.asynchronous:
            self._since.setdefault(key, []).append(lambda r: r.stepped(np.array([rate_of(x) for x in r.labels]), measure))

    def rescaled(self, factors: dict[str, float], measure: Measure) -> None:
        """Say by what each label's weight was multiplied."""
        if self.asynchronous:
            for key in self._under_way:
                self._since.setdefault(key, []).append(lambda r: r.rescaled(factors, measure))

    def _answer(self, key: Any, send: Callable[[], Measurement]) -> Reading:
        if not self.asynchronous:
            return self._keep(key, self._receive(send()))
        before, sent = self._settled(key), send()
        if before is None or not len(before.names):
            before = self._receive(sent)
            self._under_way[key] = before
        else:
            self._under_way[key] = sent
        return self._keep(key, before)

    def _settled(self, key: Any) -> Reading | None:
        """The measurement under way, carried on to this moment."""
        found = self._under_way.pop(key, None)
        changes = self._since.pop(key, [])
        if found is None:
            return None
        reading = self._receive(found) if isinstance(found, Measurement) else found
        for change in changes:
            reading = change(reading)
        return reading

    def _keep(self, key: Any, reading: Reading) -> Reading:
        if len(reading.names):
            self.reading = self._last[key] = reading
        return reading

    def _steady(self, key: Any) -> tuple[list[Weight], list[Tensor], list[Tensor]] | None:
        """What was measured the last time, if no verdict has changed since and all of it is plain."""
        version, weights, parameters = self._chosen.get(key, (-1, [], []))
        if version != self.invariance.version:
            return None
        gradients = [p.grad for p in parameters]
        if any(g is None or g.layout != torch.strided for g in gradients) or not all(w.is_plain for w in weights):
            return None
        return weights, list(parameters), [g for g in gradients if g is not None]

    def _with_gradient(self, only: Collection[Tensor] | None) -> list[tuple[Weight, Tensor]]:
        """Trained weights with their gradients, as local tensors. Of a sharded weight a process may have none."""
        found = []
        for weight in self.invariance.weights:
            p = weight.parameter
            if not p.requires_grad or (only is not None and p not in only):
                continue
            gradient = weight.gradient()
            if gradient is not None:
                found.append((weight, weight.local(gradient)))
            elif weight.sharding is not None:
                found.append((weight, torch.zeros_like(weight.local(p))))
        return found

    def problem(self, reading: Reading | None) -> str | None:
        """What is wrong with a measurement, with what to do; None if nothing is."""
        if self.broken is not None:
            return self.broken
        return self.nothing() if reading is None or not len(reading.names) else None

    def _find_broken(self, weights: list[Weight], sizes: Vector, steps: Vector) -> None:
        """Find the last weight with a norm that is not finite: where it began, as gradients come from the last layer."""
        bad = np.flatnonzero(~(np.isfinite(sizes) & np.isfinite(steps)))
        self.broken = None
        if len(bad):
            last = bad[-1]
            what, norm = ("gradient", steps[last]) if np.isfinite(sizes[last]) else ("weight", sizes[last])
            self.broken = diverged(weights[last].name, what, norm)

    def not_finite(self, only: Collection[Tensor] | None = None) -> str | None:
        """The last weight whose gradient is not finite: where it began, as gradients come from the last layer."""
        pairs = self._with_gradient(only)
        if not pairs:
            return None
        numbers = Numbers()
        for (weight, _), norm in zip(pairs, norms([g for _, g in pairs]), strict=True):
            numbers.add(norm, True, weight)
        found = numbers.send().receive()
        names = [weight.name for weight, _ in pairs]
        self._note(None, lambda matrices: gradient_matrices(matrices, names, found))
        bad = np.flatnonzero(~np.isfinite(found))
        return None if not len(bad) else diverged(pairs[bad[-1]][0].name, "gradient", found[bad[-1]])

    def nothing(self) -> str:
        """Why there is nothing to go by, and what to do."""
        trained = [w for w in self.invariance.weights if w.parameter.requires_grad]
        silent = [w for w in trained if w.parameter.grad is None]
        if trained and len(silent) == len(trained):
            return f"no weight has a gradient, `{silent[0].name}` for one; measure after backward and before zero_grad"
        return (
            f"no scale-invariant weight among {len(self.roles)} parameters; a weight counts when a normalization layer "
            "follows it, so that it is orthogonal to its gradient; probe.explain() says why each one does not"
        )

    # ── there and back ──

    @torch.no_grad()
    def _send(
        self,
        weights: list[Weight],
        values: list[Tensor],
        vectors: list[Tensor],
        *,
        look: Collection[Weight],
        grad_scale: Tensor | None = None,
        whole_inner: bool = False,
    ) -> Measurement:
        """Put all numbers of one step together and send them: norms of all, then what looks and parts need."""
        numbers = Numbers()
        numbers.tensors = norms([*values, *vectors])
        numbers.is_norm, numbers.weights = [True] * len(numbers.tensors), [*weights, *weights]
        if whole_inner:
            for weight, value, vector in zip(weights, values, vectors, strict=True):
                numbers.add(product(value, vector), False, weight)
        chosen = {id(weight) for weight in look}
        looked = [i for i, weight in enumerate(weights) if id(weight) in chosen]
        parts = {i: found for i, weight in enumerate(weights) if (found := self.invariance.parts(weight)) is not None}
        for i in sorted({*looked, *parts}):
            weight, value, vector = weights[i], values[i], vectors[i]
            numbers.add(row_norms(weight, value), True, weight)
            numbers.add(row_norms(weight, vector), True, weight)
            numbers.add(row_products(weight, value, vector), False, weight)
        for i in looked:
            for number, is_norm in bias_numbers(weights[i]):
                numbers.add(number, is_norm, None)
        if grad_scale is not None:
            numbers.add(grad_scale, False, None)
        transfer = numbers.send()
        if self.asynchronous:
            # Gradients are not to live longer for being measured.
            values, vectors = [], []
        return Measurement(
            weights, whole_inner, looked, parts, transfer, grad_scale is not None, lambda r: r, values, vectors
        )

    @torch.no_grad()
    def _receive(self, sent: Measurement) -> Reading:
        numbers, count = sent.transfer.receive(), len(sent.weights)
        scale = float(numbers[-1]) if sent.scaled else 1.0
        sizes, steps = numbers[:count], numbers[count : 2 * count]
        self._refine(sizes, sent.weights, sent.values)
        self._refine(steps, sent.weights, sent.vectors)
        self._find_broken(sent.weights, sizes, steps)
        at = 2 * count
        inner = None
        if sent.whole_inner:
            inner, at = numbers[at : at + count], at + count
        rows: dict[int, tuple[Vector, Vector, Vector]] = {}
        for i in sorted({*sent.looked, *sent.parts}):
            n = sent.weights[i].rows
            rows[i] = numbers[at : at + n], numbers[at + n : at + 2 * n], numbers[at + 2 * n : at + 3 * n]
            if not (SAFE[0] < sizes[i] < SAFE[1] and SAFE[0] < steps[i] < SAFE[1]) and sent.values:
                rows[i] = exact_rows(sent.weights[i], sent.values[i]), exact_rows(sent.weights[i], sent.vectors[i]), rows[i][2]
            at += 3 * n
        self._judge(sent, sizes, steps, rows, numbers, at)
        self._note(None, noting(sent.weights, sizes, steps / scale, inner))
        return self._reading(sent, sizes, steps / scale, inner, rows, scale)

    def _judge(
        self, sent: Measurement, sizes: Vector, steps: Vector, rows: dict[int, tuple[Vector, Vector, Vector]], numbers: Vector, at: int
    ) -> None:
        """Let the looked-at weights' evidence grow."""
        products = sizes * steps
        frozen = any(not m.training for m in self._norms)
        for i in sent.looked:
            weight = sent.weights[i]
            bias: tuple[float | None, float | None] = (None, None)
            if has_biases(weight):
                bias, at = (float(numbers[at]), float(numbers[at + 1])), at + 2
            size, step, inner = rows[i]
            eps = torch.finfo(weight.parameter.dtype).eps
            # Rounding of what flows by: both neighbours have far larger gradients.
            beside = [products[j] for j in (i - 1, i + 1) if 0 <= j < len(products) and np.isfinite(products[j])]
            floor = 4 * eps * min(beside) if len(beside) == 2 and eps < 1e-5 else 0.0
            self.invariance.judge(weight, Look(inner, size, step, weight.numel, eps, *bias, floor, frozen))

    def _refine(self, found: Vector, weights: list[Weight], tensors: list[Tensor]) -> None:
        """Compute what float32 cannot hold again."""
        if not tensors:
            return
        for i in np.flatnonzero(~((found > SAFE[0]) & (found < SAFE[1]))):
            if weights[i].sharding is None:
                found[i] = exact_local(tensors[i])

    def _reading(
        self,
        sent: Measurement,
        sizes: Vector,
        steps: Vector,
        inner: Vector | None,
        rows: dict[int, tuple[Vector, Vector, Vector]],
        scale: float,
    ) -> Reading:
        """What is steered, whole or by parts."""
        kept = [i for i, weight in enumerate(sent.weights) if self.invariance.steers(weight.name)]
        apart = {i: found for i in kept if i in rows and (found := self.invariance.parts(sent.weights[i])) is not None}
        rates = sent.rates
        if not apart:
            names = tuple([sent.weights[i].name for i in kept])
            weight, step = sizes[kept], steps[kept]
            cosine = None if inner is None else quotient(inner[kept], weight * step)
            return Reading(names, weight, step if rates is None else quotient(step, rates[kept]), cosine)
        columns: list[tuple[Vector, Vector, Vector, Vector]] = []
        names_: list[str] = []
        numbers: list[int] = []
        for i in kept:
            if i in apart:
                size, which = apart[i]
                w, g, dot = (block(x, size, norm)[which] for x, norm in zip(rows[i], (True, True, False), strict=True))
                g, numbers = g / scale, [*numbers, *np.flatnonzero(which).tolist()]
            else:
                w, g = sizes[i : i + 1], steps[i : i + 1]
                dot = np.zeros(1) if inner is None else inner[i : i + 1]
                numbers.append(-1)
            names_ += [sent.weights[i].name] * len(w)
            columns.append((w, g, dot, np.full(len(w), 1.0 if rates is None else rates[i])))
        weight, step, dots, lrs = (np.concatenate(column) for column in zip(*columns, strict=True))
        cosine = None if inner is None else quotient(dots, weight * step)
        return Reading(tuple(names_), weight, step if rates is None else quotient(step, lrs), cosine, tuple(numbers))

    def by_weight(self, reading: Reading, values: Vector, others: float) -> dict[Weight, Any]:
        """A number for each weight of a reading, or a tensor that multiplies its rows; rows that have none get
        ``others``."""
        found: dict[Weight, Any] = {}
        names = self.invariance.by_name
        start = 0
        for name, count in zip(reading.layers.names, reading.layers.parts, strict=True):
            weight, own = names[name], values[start : start + count]
            parts = np.arange(count) if reading.parts is None else np.array(reading.parts[start : start + count])
            start += count
            if parts[0] < 0 or (count == 1 and reading.parts is None):
                found[weight] = float(own[0])
                continue
            size, of_rows = self.invariance.part_size(weight), np.full(weight.rows, others)
            of_rows[(parts[:, None] * size + np.arange(size)).ravel()] = np.repeat(own, size)
            found[weight] = weight.by_row(torch.from_numpy(of_rows), raw(weight.parameter))
        return found

    # ── telling ──

    @property
    def spread(self) -> Spread:
        """How far apart the ELRs of the last measurement are."""
        return self._measured().spread

    def _measured(self) -> Reading:
        if self.reading is None:
            raise ElrError("nothing has been measured yet; call measure() after backward, or take a step")
        return self.reading

    def join(self) -> int:
        """A number for a controller, by which its measurements are told from others'."""
        self._controllers += 1
        return self._controllers - 1

    def last(self, key: Any) -> Reading | None:
        """The last measurement of one controller."""
        return self._last.get(key)

    def _note(self, key: Any, note: Callable[[dict[str, Matrix]], None]) -> None:
        """Keep what was measured, to be put in place when somebody asks."""
        self._notes.append((key, note))
        if len(self._notes) > NOTES:
            self._settle()

    def _settle(self) -> None:
        notes, self._notes = self._notes, []
        for _, note in notes:
            note(self._matrices)

    def note_step(self, key: Any, reading: Reading, used: Vector) -> None:
        """Note the rates at which the parts of a reading are stepped along their gradients."""
        self._note(key, lambda matrices: stepped_matrices(matrices, reading, used))

    def note_fractions(self, key: Any, reading: Reading, fractions: Vector, others: float) -> None:
        """Note which fraction of what was tried was taken: by each part of a reading, and by all others."""
        self._note(key, lambda matrices: taken_matrices(matrices, reading, fractions, others))

    @property
    def matrices(self) -> dict[str, Matrix]:
        """Weight norm, gradient norm, relative update and angle of every matrix measured so far."""
        self._settle()
        return {w.name: self._matrices[w.name] for w in self.invariance.weights if w.name in self._matrices}

    def table(self) -> str:
        """The last numbers of every matrix, scale-invariant or not, and of every part that has its own."""
        if not self.matrices:
            raise ElrError("nothing has been measured yet; call measure() after backward, or take a step")
        eps = {w.name: torch.finfo(w.parameter.dtype).eps for w in self.invariance.weights}
        return as_table(self.matrices, self.roles, self.reading, eps)

    def log_dict(
        self, prefix: str = "elr", layers: bool = True, key: Any = None, only: Collection[Tensor] | None = None
    ) -> dict[str, float]:
        """Numbers to log: ``elr/spread_decades``, ``elr/critical_lr``, ``elr/layer/NAME`` for each scale-invariant
        weight, and for every matrix ``elr/weight_norm/NAME``, ``elr/grad_norm/NAME``, ``elr/update/NAME``
        (``‖ΔW‖/‖W‖``) and ``elr/angle/NAME`` (radians). ``key`` and ``only`` choose one controller's."""
        reading = self.reading if key is None else self._last.get(key)
        numbers = {} if reading is None else reading.log_dict(prefix, layers)
        if layers:
            weights = self.invariance.by_name
            for name, matrix in self.matrices.items():
                if only is None or weights[name].parameter in only:
                    numbers |= matrix.log_dict(prefix, name)
        return numbers

    # ── copies and checkpoints ──

    def __getstate__(self) -> dict[str, Any]:
        self._settle()
        settled = {key: reading for key in list(self._under_way) if (reading := self._settled(key)) is not None}
        self._under_way.update(settled)
        return self.__dict__ | {"_since": {}, "_chosen": {}}

    def state_dict(self) -> dict[str, Any]:
        """What was found, and what is under way."""
        carried: dict[str, Any] = {}
        for key in list(self._under_way):
            reading = self._settled(key)
            if reading is not None:
                self._under_way[key] = reading
                carried[str(key)] = as_state(reading)
        return self.invariance.state_dict() | {"carried": carried}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with what was found."""
        self.invariance.load_state_dict(state)
        self._since, self._under_way = {}, {}
        carried = state.get("carried") or {}
        if "names" in carried:
            carried = {"0": carried}
        for key, kept in carried.items():
            self._under_way[int(key) if key.isdigit() else None] = of_state(kept)


def as_state(reading: Reading) -> dict[str, Any]:
    """A reading as plain lists."""
    return {
        "names": list(reading.names),
        "weight_norm": reading.weight_norm.tolist(),
        "gradient_norm": reading.gradient_norm.tolist(),
        "cosine": None if reading.cosine is None else reading.cosine.tolist(),
        "parts": None if reading.parts is None else list(reading.parts),
    }


def of_state(kept: dict[str, Any]) -> Reading:
    """A reading from plain lists."""
    cosine, parts = kept.get("cosine"), kept.get("parts")
    return Reading(
        tuple(kept["names"]),
        np.array(kept["weight_norm"]),
        np.array(kept["gradient_norm"]),
        None if cosine is None else np.array(cosine),
        None if parts is None else tuple(parts),
    )


def has_biases(weight: Weight) -> bool:
    """Whether biases of a weight's layer have gradients."""
    return any(b.grad is not None and not hasattr(b, "placements") for b in weight.biases)


def bias_numbers(weight: Weight) -> list[tuple[Tensor, bool]]:
    """``⟨b, ∇b⟩`` and ``‖∇b‖`` of the biases of a weight's layer, if there are any."""
    pairs = [(b.detach(), b.grad) for b in weight.biases if b.grad is not None and not hasattr(b, "placements")]
    if not pairs:
        return []
    inner = torch.stack([torch.sum(b.double() * g.double()) for b, g in pairs]).sum()
    step = torch.stack([torch.linalg.vector_norm(g.double()) for _, g in pairs]).norm()
    return [(inner, False), (step, True)]


def diverged(name: str, what: str, norm: float) -> str:
    """Where a run is no longer finite, and what to do."""
    return (
        f"layer `{name}`: {what} norm is {norm}, but must be finite; the loss has "
        "diverged: lower the learning rate, or use a gradient scaler under float16"
    )


def block(values: Vector, size: int, is_norm: bool) -> Vector:
    """Numbers of rows put together into blocks."""
    if size == 1:
        return values
    if is_norm:
        found: Vector = np.sqrt(np.square(values).reshape(-1, size).sum(1))
        return found
    summed: Vector = values.reshape(-1, size).sum(1)
    return summed


def quotient(a: Vector, b: Vector) -> Vector:
    """A quotient that is zero where the divisor is."""
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)


def exact_local(tensor: Tensor) -> float:
    """A local tensor's norm in float64."""
    near = tensor.cpu() if tensor.device.type == "mps" else tensor
    return float(torch.linalg.vector_norm(near.detach().double()))
