"""Which weights are scale-invariant, and what their norms are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from .._theory import ElrError, Spread
from ..theory import Vector, critical_lrs
from .norms import SAFE, Transfer, exact, norms, products
from .reading import Reading

COSINE_TOLERANCE = 0.1
"""``|cos(W, ∇W)|·√numel`` up to which a weight counts as scale-invariant (T1): random directions have
about 1, rounding and the ε of norms leave some thousandths."""

MAX_COSINE = 1e-3
"""``|cos(W, ∇W)|`` that no scale-invariant weight exceeds, however small it is."""

GROWTH = 2.0
"""What ``find`` scales weights by from one look to the next: a power of two rounds nothing."""


@dataclass
class Measurement:
    """One step's norms on their way to the host."""

    weights: list[tuple[str, Tensor]]
    vectors: list[Tensor]
    looked: list[str]
    transfer: Transfer
    scaled: bool


class ElrProbe:
    """The scale-invariant weights of a model, found by measurement, and their ELRs.

    A weight of two or more dimensions counts when it is orthogonal to its gradient (T1) on each of the
    first ``looks`` steps; its type and what follows it do not matter. A controller
    (:class:`CriticalWarmup`, :class:`HoldElr`) measures for you; without one call :meth:`measure`
    between ``backward`` and ``optimizer.step``.

    ``granularity="unit"`` takes each row or filter (the first dimension) for itself. ``every`` is the
    number of steps between measurements where no control needs them. ``asynchronous`` answers with
    the last step's norms, carried on by the theory (T4), so that a GPU never waits for the host.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        granularity: Literal["layer", "unit"] = "layer",
        looks: int = 3,
        every: int = 10,
        asynchronous: bool = False,
    ) -> None:
        if granularity not in ("layer", "unit"):
            raise ElrError(f"granularity is `{granularity}`, but must be layer or unit")
        for name, value in (("looks", looks), ("every", every)):
            if value < 1:
                raise ElrError(f"{name} is {value}, but must be at least 1")
        self.model = model
        self.by_unit = granularity == "unit"
        self.looks, self.every, self.asynchronous = looks, every, asynchronous
        self.reading: Reading | None = None
        # A model's parameters stay what they are, while freezing comes and goes.
        self._matrices: list[tuple[str, nn.Parameter]] | None = None
        self._cosines: dict[str, float] = {}
        self._passed: dict[str, int] = {}
        self._dependent: set[str] = set()
        self._under_way: Measurement | None = None
        self._rates: Callable[[str], float] | None = None

    # ── what there is ──

    def candidates(self) -> list[tuple[str, nn.Parameter]]:
        """Weights that may be scale-invariant: each once, tied or not, by its first name."""
        if self._matrices is None:
            named = self.model.named_parameters()
            self._matrices = [(plain(n), p) for n, p in named if p.ndim >= 2]
        return [(n, p) for n, p in self._matrices if p.requires_grad]

    @property
    def layers(self) -> list[str]:
        """The scale-invariant weights found, in the model's order."""
        return [n for n, _ in self.candidates() if n in self._passed and n not in self._dependent]

    @property
    def roles(self) -> dict[str, str]:
        """What each parameter is: scale-invariant, scale-dependent, vector, silent or frozen."""
        named = self.model.named_parameters()
        return {plain(name): self._role(plain(name), p) for name, p in named}

    def _role(self, name: str, parameter: nn.Parameter) -> str:
        if not parameter.requires_grad:
            return "frozen"
        if parameter.ndim < 2:
            return "vector"
        if name in self._dependent:
            return "scale-dependent"
        return "scale-invariant" if name in self._passed else "silent"

    # ── measuring ──

    def find(self, loss: Callable[[Any], Tensor], batches: Iterable[Any]) -> ElrProbe:
        """Look at the gradients of some batches before training, at several scales of the weights.

        ``loss(batch)`` computes the loss in training mode. Gradients, buffers such as running
        statistics, and random numbers are as before afterwards.
        """
        parameters = list(self.model.parameters())
        gradients = [p.grad for p in parameters]
        buffers = [(b, b.detach().clone()) for b in self.model.buffers()]
        tracked: list[nn.Parameter] = []
        factor = 1.0
        # Random numbers such as dropout's are drawn in a fork.
        with torch.random.fork_rng():
            try:
                for batch in batches:
                    for p in parameters:
                        p.grad = None
                    with torch.enable_grad():
                        loss(batch).backward()  # type: ignore[no-untyped-call]
                    self.look()
                    scale_(tracked, 1.0 / factor)
                    tracked, factor = self._parameters(self.layers), factor * GROWTH
                    scale_(tracked, factor)
            finally:
                scale_(tracked, 1.0 / factor)
                with torch.no_grad():
                    for buffer, value in buffers:
                        buffer.copy_(value)
                for p, gradient in zip(parameters, gradients, strict=True):
                    p.grad = gradient
        return self

    def look(self) -> None:
        """Look at the cosines of one batch's gradients, without measuring anything else."""
        weights = [(n, p) for n, p in self.candidates() if self._open(n) and p.grad is not None]
        if weights:
            self._receive(self._send(weights, [gradient(n, p) for n, p in weights]))

    def measure(self, grad_scale: Tensor | None = None) -> Reading:
        """Measure the gradients that are there, divided by ``grad_scale`` if they are still scaled."""
        candidates = [(n, p) for n, p in self.candidates() if n not in self._dependent]
        weights = [(n, p) for n, p in candidates if p.grad is not None]
        if not weights:
            raise ElrError(self._nothing())
        sent = self._send(weights, [gradient(n, p) for n, p in weights], grad_scale)
        if not self.asynchronous:
            return self._keep(self._receive(sent))
        before, self._under_way = self._under_way, sent
        if before is None:
            return self._keep(self._receive(sent))
        reading = self._receive(before)
        if self._rates is not None:
            reading = reading.stepped(np.array([self._rates(name) for name in reading.names]))
        return self._keep(reading)

    def measure_update(self, before: dict[str, Tensor], lrs: dict[str, float]) -> Reading:
        """Measure updates in place of gradients, ``‖ΔW‖/λ`` (T19), given the weights before the step."""
        weights = [(n, before[n], p) for n, p in self.candidates() if n in before and self._tracks(n)]
        if not weights:
            raise ElrError(self._nothing())
        changes = [p.detach() - w for _, w, p in weights]
        sent = self._send([(n, w) for n, w, _ in weights], changes, look=False)
        reading = self._receive(sent)
        lr = np.array([lrs[name] for name in reading.names])
        # An update at rate 0 says nothing: the layer takes no part in this step.
        per_rate = np.divide(reading.gradient_norm, lr, out=np.zeros_like(lr), where=lr > 0)
        return self._keep(Reading(reading.names, reading.weight_norm, per_rate))

    def stepped(self, rates: Callable[[str], float]) -> None:
        """Say at which rate each layer was stepped: what the asynchronous mode carries on with."""
        self._rates = rates

    def _keep(self, reading: Reading) -> Reading:
        if not len(reading.names):
            raise ElrError(self._nothing())
        self.reading = reading.check()
        return self.reading

    def _nothing(self) -> str:
        silent = [n for n, p in self.candidates() if p.grad is None and n not in self._dependent]
        if silent:
            return f"no weight has a gradient, `{silent[0]}` for one; measure after backward and before zero_grad"
        return (
            f"no scale-invariant weight among {len(self.roles)} parameters; a weight counts when a normalization layer "
            "follows it, so that it is orthogonal to its gradient"
        )

    def _open(self, name: str) -> bool:
        return name not in self._dependent and self._passed.get(name, 0) < self.looks

    @torch.no_grad()
    def _send(
        self,
        weights: list[tuple[str, Any]],
        vectors: list[Tensor],
        grad_scale: Tensor | None = None,
        look: bool = True,
    ) -> Measurement:
        tensors = [p.detach() for _, p in weights]
        looked = [i for i, (n, _) in enumerate(weights) if look and self._open(n)]
        numbers = norms(tensors + vectors, self.by_unit)
        numbers += products([tensors[i] for i in looked], [vectors[i] for i in looked], self.by_unit)
        if grad_scale is not None:
            numbers.append(grad_scale)
        names = [weights[i][0] for i in looked]
        kept = list(zip([n for n, _ in weights], tensors, strict=True))
        return Measurement(kept, vectors, names, Transfer.of(numbers), grad_scale is not None)

    def _receive(self, sent: Measurement) -> Reading:
        numbers = sent.transfer.receive()
        scale = float(numbers.pop()[0]) if sent.scaled else 1.0
        count = len(sent.weights)
        sizes, steps = numbers[:count], numbers[count : 2 * count]
        inner = dict(zip(sent.looked, numbers[2 * count :], strict=True))
        for index, (name, weight) in enumerate(sent.weights):
            sizes[index] = self._safe(sizes[index], weight)
            steps[index] = self._safe(steps[index], sent.vectors[index])
            if name in inner:
                self._judge(name, weight, inner[name], sizes[index], steps[index])
        tracked = [i for i, (name, _) in enumerate(sent.weights) if self._tracks(name)]
        names = [n for i in tracked for n in [sent.weights[i][0]] * len(sizes[i])]
        empty: Vector = np.zeros(0)
        return Reading(
            tuple(names),
            np.concatenate([empty, *(sizes[i] for i in tracked)]),
            np.concatenate([empty, *(steps[i] for i in tracked)]) / scale,
        )

    def _tracks(self, name: str) -> bool:
        return name in self._passed and name not in self._dependent

    def _safe(self, found: Vector, tensor: Tensor) -> Vector:
        low, high = float(np.min(found)), float(np.max(found))
        if low > SAFE[0] and high < SAFE[1]:
            return found
        return exact(tensor, self.by_unit)

    def _judge(self, name: str, weight: Tensor, inner: Vector, size: Vector, step: Vector) -> None:
        alive = np.isfinite(inner) & np.isfinite(step) & (size > 0) & (step > 0)
        if not alive.any():
            return
        cosines = inner[alive] / (size[alive] * step[alive])
        cosine = float(np.sqrt(np.mean(np.square(cosines))))
        self._cosines[name] = cosine
        numel = weight.numel() / len(size)
        if cosine <= min(MAX_COSINE, COSINE_TOLERANCE / numel**0.5):
            self._passed[name] = self._passed.get(name, 0) + 1
        else:
            self._dependent.add(name)

    def _parameters(self, names: list[str]) -> list[nn.Parameter]:
        wanted = set(names)
        return [p for n, p in self.candidates() if n in wanted]

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
        """The last measurement, a line for each layer."""
        reading = self._measured()
        width = max(len("layer"), *(len(name) for name in reading.names))
        lines = [f"{'layer':<{width}}  {'|W|':>10}  {'|grad W|':>10}  {'ELR':>10}"]
        for name, w, g, e in zip(reading.names, reading.weight_norm, reading.gradient_norm, reading.elr, strict=True):
            lines.append(f"{name:<{width}}  {w:>10.3e}  {g:>10.3e}  {e:>10.3e}")
        return "\n".join(lines)

    def log_dict(self, prefix: str = "elr", layers: bool = True) -> dict[str, float]:
        """Numbers to log: ``elr/spread_decades``, ``elr/critical_lr`` and one for each layer."""
        reading = self._measured()
        alive = reading.elr[reading.alive]
        if not len(alive):
            return {}
        spread = reading.spread
        numbers = {
            f"{prefix}/spread_decades": spread.decades,
            f"{prefix}/spread_std": spread.std,
            f"{prefix}/critical_lr": critical_lrs(alive)["no-overshoot"],
        }
        if layers:
            logs: dict[str, list[float]] = {}
            for name, elr in zip(reading.names, reading.elr, strict=True):
                if np.isfinite(elr):
                    logs.setdefault(name, []).append(float(np.log(elr)))
            numbers |= {f"{prefix}/layer/{name}": float(np.exp(np.mean(x))) for name, x in logs.items()}
        return numbers

    def state_dict(self) -> dict[str, Any]:
        """What was found, for a checkpoint."""
        return {"passed": dict(self._passed), "dependent": sorted(self._dependent)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with what was found."""
        names = {name for name, _ in self.candidates()}
        absent = [name for name in state["passed"] if name not in names]
        if absent:
            raise ElrError(f"there is no parameter `{absent[0]}` to go on with; give a model of the structure that was saved")
        self._passed, self._dependent = dict(state["passed"]), set(state["dependent"])


def plain(name: str) -> str:
    """A parameter's name without what wrappers put into it."""
    for wrapper in ("_orig_mod.", "_fsdp_wrapped_module."):
        name = name.replace(wrapper, "")
    return name.removeprefix("module.")


def gradient(name: str, parameter: nn.Parameter) -> Tensor:
    """A parameter's gradient; a sparse one is refused by name."""
    found = parameter.grad
    assert found is not None
    if found.layout != torch.strided:
        raise ElrError(
            f"`{name}` has a sparse gradient, whose rows step by themselves: it has no effective learning rate as a whole; "
            "build the layer with sparse=False, or freeze it"
        )
    return found.detach()


@torch.no_grad()
def scale_(parameters: list[nn.Parameter], factor: float) -> None:
    """Multiply weights in place."""
    for parameter in parameters:
        parameter.mul_(factor)
