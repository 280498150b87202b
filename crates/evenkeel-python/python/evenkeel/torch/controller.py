"""The theory's controls, acting on a PyTorch optimiser by hooks on its step."""

from __future__ import annotations

import functools
import weakref
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor, optim

from .._theory import Controls, ElrError, Plan
from ..theory import Vector
from .probe import ElrProbe
from .rates import Rates, unwrapped
from .reading import Mask, Measure, Reading
from .rescale import carry_
from .update import Update

CALM = 10
"""Steps in a row in which a control changes nothing, after which it is taken to be over."""

_steered: weakref.WeakKeyDictionary[optim.Optimizer, str] = weakref.WeakKeyDictionary()


class ElrController:
    """Measures at each step of an optimiser, decides, and lets the step act accordingly.

    ``control`` is written as for ``evenkeel train``: ``critical``, ``hold``, ``rescale``,
    ``critical:minimax+hold``, … Rates are changed for the length of the step only, so that whatever
    schedules them finds its own numbers again, in any order. Under SGD the ELR is that of the
    gradient; under other optimisers, and where ELRs are held under momentum, it is that of the update
    they make, which is taken as far as the control says. ``measure`` chooses otherwise.

    When a control has changed nothing for some steps it is over, and measures only every
    ``probe.every`` steps, until the schedule asks for a higher rate.
    """

    def __init__(
        self,
        optimizer: optim.Optimizer,
        probe: ElrProbe,
        control: str = "critical",
        *,
        measure: Literal["auto", "gradient", "update"] = "auto",
    ) -> None:
        optimizer = unwrapped(optimizer)
        self._controls = Controls(control)
        self.measure = checked(optimizer, self._controls, measure)
        self.optimizer, self.probe = optimizer, probe
        self.plan: Plan | None = None
        self.steps = 0
        self._calm, self._highest = 0, 0.0
        # By label, while layers come and go.
        self._multipliers: dict[str, float] = {}
        self._starts: dict[str, float] = {}
        # The angle that weights have turned, summed over steps, mean over layers, in radians.
        self._path = 0.0
        self._rates = Rates(optimizer)
        self._update = Update()
        self._measured = False
        self._skipped = False
        self._hooks = [
            optimizer.register_step_pre_hook(self._pre),
            optimizer.register_step_post_hook(self._post),
        ]
        _steered[optimizer] = self.control

    @property
    def control(self) -> str:
        """The control's name, as it is read."""
        return self._controls.name

    @property
    def finished(self) -> bool:
        """Whether the control has nothing to do any more."""
        return self._calm >= CALM

    def close(self) -> None:
        """Leave the optimiser alone from now on."""
        for hook in self._hooks:
            hook.remove()
        _steered.pop(self.optimizer, None)

    def last_lr(self) -> list[float]:
        """The rate of each parameter group in the last step, or in the next one before there was any."""
        return list(self._rates.used) or self._rates.asked()

    def log_dict(self, prefix: str = "elr", layers: bool = True) -> dict[str, float]:
        """The probe's numbers, with the rate that acted and the critical one."""
        numbers = {f"{prefix}/lr": max(self.last_lr())}
        if self.probe.reading is not None:
            numbers |= self.probe.log_dict(prefix, layers)
        if self.plan is not None and self.plan.critical is not None:
            numbers[f"{prefix}/critical_lr"] = self.plan.critical
        return numbers

    # ── the step ──

    def _pre(self, optimizer: optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Before a step; a closure computes the gradients within it, and is followed by this."""
        closure = args[1] if len(args) > 1 else kwargs.get("closure")
        if closure is None:
            self._prepare()
            return None

        @functools.wraps(closure)
        def measured() -> Any:
            loss = closure()
            self._prepare()
            return loss

        if len(args) > 1:
            return (args[0], measured, *args[2:]), kwargs
        return args, kwargs | {"closure": measured}

    # What is decided is not for tracing, should the step be compiled.
    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _prepare(self) -> None:
        self._rates.begin()
        self._update.forget()
        # A fused optimiser gets the scaler's verdict with the step, and skips it by itself.
        inf = getattr(self.optimizer, "found_inf", None)
        # The first gradient is enough to know that there are some; each costs a look from Python.
        trained = next(self._rates.trained(), None) is not None
        self._skipped = not trained or (inf is not None and float(inf) > 0)
        self._measured = not self._skipped and self._awake()
        if not self._measured:
            return
        if self.measure == "gradient":
            self._act(self.probe.measure(getattr(self.optimizer, "grad_scale", None)))
        else:
            self.probe.look()
            self._update.remember(self._rates.trained())

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _post(self, optimizer: optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._measured and self.measure == "update":
            self._act_on_update()
        elif self._update.before:
            self._take(1.0)
        if not self._skipped and self.probe.asynchronous:
            lrs, multipliers = self._layer_lrs(), dict(self._multipliers)
            rate_of = lambda label: lrs.get(layer_of(label, lrs), 0.0) * multipliers.get(label, 1.0)  # noqa: E731
            self.probe.stepped(rate_of, self.measure)
        self._rates.restore()
        self._update.forget()
        self.steps += not self._skipped

    def _awake(self) -> bool:
        return not self.finished or self._rates.highest > self._highest or self.steps % self.probe.every == 0

    def _act(self, reading: Reading) -> None:
        """Decide by gradients, before the step."""
        plan = self._decide(reading)
        if plan is None:
            return
        if plan.capped:
            self._rates.scale(plan.lr / self._rates.highest)
        if plan.rescale is not None:
            self._carry(reading, plan.rescale)
        if plan.multipliers is not None:
            # Their layers take a share of what the step will have been.
            names = {name for name, lives in zip(reading.names, reading.alive, strict=True) if lives}
            self._update.remember(p for n, p in self.probe.invariance.candidates() if n in names)

    def _act_on_update(self) -> None:
        """Decide by the update that the optimiser has tried, and take a share of it."""
        before = {n: self._update.before[p] for n, p in self._matrices() if p in self._update.before}
        reading = self.probe.measure_update(before, self._layer_lrs())
        plan = self._decide(reading)
        if plan is None:
            return
        if plan.capped or plan.multipliers is not None:
            share = plan.lr / self._rates.highest if plan.capped else 1.0
            self._take(share)
            self._rates.taken(share)
        if plan.rescale is not None:
            self._carry(reading, plan.rescale)

    # ── deciding ──

    def _steered(self, reading: Reading) -> tuple[Mask, Vector]:
        """Which layers are steered, and their ELRs as they act: what counts is λE at each group's rate."""
        lrs, target = self._layer_lrs(), self._rates.highest
        ratios = np.array([lrs.get(name, 0.0) for name in reading.names]) / target
        steered = reading.alive & (ratios > 0)
        return steered, (reading.elr * ratios)[steered]

    def _decide(self, reading: Reading) -> Plan | None:
        """What the theory decides; nothing without a layer that is alive or a rate to act at."""
        target = self._rates.highest
        if target <= 0:
            return None
        alive, elr = self._steered(reading)
        if not alive.any():
            return None
        labels = [label for label, lives in zip(reading.labels, alive, strict=True) if lives]
        weight = reading.weight_norm[alive]
        multipliers = aligned(self._multipliers, labels, 1.0) if self._multipliers else None
        # By how much norms have grown since the first step (T25); nothing before it.
        growths = weight / aligned(self._starts, labels, weight) if self._starts else None
        plan = self._controls.decide(self.steps, elr, target, multipliers, self.measure, growths, self._path)
        self._begin(labels, weight, plan)
        self._multipliers = {} if plan.multipliers is None else by_label(labels, plan.multipliers)
        self._path += plan.turn
        self._count(plan, target)
        self.plan = plan
        return plan

    def _begin(self, labels: list[str], weight: Vector, plan: Plan) -> None:
        """Remember at which norm each layer began, which is the one that it is rescaled to."""
        new = [i for i, label in enumerate(labels) if label not in self._starts]
        if new:
            norms = weight if plan.rescale is None else weight * plan.rescale
            self._starts |= {labels[i]: float(norms[i]) for i in new}

    def _count(self, plan: Plan, target: float) -> None:
        idle = not plan.capped and plan.rescale is None and plan.multipliers is None
        self._calm = self._calm + 1 if idle else 0
        self._highest = max(self._highest, target) if idle else 0.0

    # ── acting ──

    def _carry(self, reading: Reading, factors: Vector) -> None:
        """Rescale the layers that are steered."""
        every = np.ones(len(reading.names))
        every[self._steered(reading)[0]] = factors
        carry_(self.probe, reading.names, every, self.optimizer)
        self.probe.rescaled(by_label(reading.labels, every), self.measure)

    def _take(self, share: float) -> None:
        """Take a share of each update, times its layer's or its rows' multipliers."""
        names: dict[Tensor, str] = {p: n for n, p in self._matrices()}

        def share_of(p: Tensor) -> Vector:
            name = names.get(p, "")
            if not self._multipliers or name in self._multipliers or f"{name}[0]" not in self._multipliers:
                return np.array([share * self._multipliers.get(name, 1.0)])
            return share * aligned(self._multipliers, [f"{name}[{row}]" for row in range(p.shape[0])], 1.0)

        self._update.take(share_of)

    def _matrices(self) -> list[tuple[str, torch.nn.Parameter]]:
        return self.probe.invariance.matrices

    def _layer_lrs(self) -> dict[str, float]:
        return self._rates.of(self._matrices())

    # ── checkpoints ──

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs to go on as it would have."""
        return {
            "control": self.control,
            "steps": self.steps,
            "calm": self._calm,
            "highest": self._highest,
            "multipliers": dict(self._multipliers),
            "starts": dict(self._starts),
            "path": self._path,
            "used": list(self._rates.used),
            "probe": self.probe.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on as the run that was saved."""
        if state["control"] != self.control:
            raise ElrError(f"the checkpoint was steered by `{state['control']}`, not by `{self.control}`")
        self.steps, self._calm, self._highest = state["steps"], state["calm"], state["highest"]
        self._multipliers, self._starts = dict(state["multipliers"]), dict(state["starts"])
        # Earlier checkpoints have none, and were under no control that goes by it.
        self._path = state.get("path", 0.0)
        self._rates.used = list(state["used"])
        self.probe.load_state_dict(state["probe"])


def checked(optimizer: optim.Optimizer, controls: Controls, measure: str) -> Measure:
    """Which ELR to go by, if the optimiser can be steered."""
    if not isinstance(optimizer, optim.Optimizer):
        raise ElrError(f"optimizer is a {type(optimizer).__name__}, but must be a torch.optim.Optimizer")
    if isinstance(optimizer, optim.LBFGS):
        raise ElrError("LBFGS chooses the length of its steps by itself; use SGD or one of Adam's kind")
    if optimizer in _steered:
        other = _steered[optimizer]
        raise ElrError(
            f"this optimizer is steered by `{other}` already; close() that, or join both: "
            f"ElrController(optimizer, probe, '{other}+{controls.name}')"
        )
    if measure == "auto":
        if not isinstance(optimizer, optim.SGD):
            return "update"
        momentum = max(group["momentum"] for group in optimizer.param_groups)
        return cast(Measure, controls.measure(f"momentum:mu={momentum!r}"))
    if measure in ("gradient", "update"):
        return cast(Measure, measure)
    raise ElrError(f"measure is `{measure}`, but must be auto, gradient or update")


def aligned(kept: dict[str, float], labels: list[str], default: float | Vector) -> Vector:
    """What is kept of each label; the default for new ones."""
    defaults = np.broadcast_to(default, len(labels))
    return np.array([kept.get(label, own) for label, own in zip(labels, defaults, strict=True)], dtype=np.float64)


def by_label(labels: list[str] | tuple[str, ...], values: Vector) -> dict[str, float]:
    """Numbers by label."""
    return dict(zip(labels, values.tolist(), strict=True))


def layer_of(label: str, layers: dict[str, float]) -> str:
    """The layer that a unit belongs to."""
    return label if label in layers else label.rpartition("[")[0]
