"""The theory's controls, acting on a PyTorch optimiser by hooks on its step."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, optim

from .._theory import Controls, ElrError, Plan
from ..theory import Vector
from .probe import ElrProbe
from .rescale import carry_, shaped
from .reading import Reading

CALM = 10
"""Steps in a row in which a control changes nothing, after which it is taken to be over."""

_steered: weakref.WeakKeyDictionary[optim.Optimizer, ElrController] = weakref.WeakKeyDictionary()


class ElrController:
    """Measures at each step of an optimiser, decides, and lets the step act accordingly.

    ``control`` is written as for ``evenkeel train``: ``critical``, ``hold``, ``rescale``,
    ``critical:minimax+hold``, … Rates are changed for the length of the step only, so that whatever
    schedules them finds its own numbers again, in any order. Under SGD the ELR is that of the
    gradient; under other optimisers it is that of the update they make, which is taken as far as the
    control says. ``measure`` chooses otherwise.

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
        if not isinstance(optimizer, optim.Optimizer):
            raise ElrError(f"optimizer is a {type(optimizer).__name__}, but must be a torch.optim.Optimizer")
        if isinstance(optimizer, optim.LBFGS):
            raise ElrError("LBFGS chooses the length of its steps by itself; use SGD or one of Adam's kind")
        if optimizer in _steered:
            other = _steered[optimizer].control
            raise ElrError(
                f"this optimizer is steered by `{other}` already; close() that, or join both: "
                f"ElrController(optimizer, probe, '{other}+{control}')"
            )
        if measure not in ("auto", "gradient", "update"):
            raise ElrError(f"measure is `{measure}`, but must be auto, gradient or update")
        auto = "gradient" if isinstance(optimizer, optim.SGD) else "update"
        self.optimizer, self.probe = optimizer, probe
        self.measure = auto if measure == "auto" else measure
        self._controls = Controls(control)
        self.plan: Plan | None = None
        self.steps = 0
        self._calm, self._highest = 0, 0.0
        self._multipliers: dict[str, float] = {}
        self._starts: dict[str, float] = {}
        self._targets: list[Any] = []
        self._used: list[float] = []
        self._before: dict[Tensor, Tensor] = {}
        self._measured = False
        self._hooks = [
            optimizer.register_step_pre_hook(self._pre),
            optimizer.register_step_post_hook(self._post),
        ]
        _steered[optimizer] = self

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
        return list(self._used) if self._used else [float(g["lr"]) for g in self.optimizer.param_groups]

    def log_dict(self, prefix: str = "elr") -> dict[str, float]:
        """The probe's numbers, with the rate that acted and the critical one."""
        numbers = {f"{prefix}/lr": max(self.last_lr())}
        if self.probe.reading is not None:
            numbers |= self.probe.log_dict(prefix)
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

    def _prepare(self) -> None:
        self._restore()
        self._used = [float(group["lr"]) for group in self.optimizer.param_groups]
        self._before.clear()
        self._measured = False
        inf = getattr(self.optimizer, "found_inf", None)
        if inf is not None and float(inf) > 0:
            # A fused optimiser gets the scaler's verdict with the step, and skips it by itself.
            return
        self._measured = self._awake()
        if not self._measured:
            return
        if self.measure == "gradient":
            scale = getattr(self.optimizer, "grad_scale", None)
            self._act(self.probe.measure(scale))
        else:
            self.probe.look()
            self._remember(every=True)

    def _post(self, optimizer: optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._measured and self.measure == "update" and self._before:
            self._measure_update()
        elif self._before:
            self._take()
        self.probe.stepped(self._rate_of(dict(self._multipliers), self._layer_lrs()))
        self._restore()
        self._before.clear()
        self.steps += 1

    def _awake(self) -> bool:
        target = max(self._used)
        return not self.finished or target > self._highest or self.steps % self.probe.every == 0

    def _act(self, reading: Reading) -> None:
        """Decide by gradients, before the step."""
        plan = self._decide(reading)
        if plan is None:
            return
        if plan.capped:
            share = plan.lr / max(self._used)
            self._set([lr * share for lr in self._used])
        if plan.rescale is not None:
            self._carry(reading, plan.rescale)
        if plan.multipliers is not None:
            self._remember(every=False)

    def _measure_update(self) -> None:
        """Decide by the update that the optimiser has tried, and take a share of it."""
        before = {n: self._before[p] for n, p in self.probe.candidates() if p in self._before}
        reading = self.probe.measure_update(before, self._layer_lrs())
        plan = self._decide(reading)
        if plan is None:
            return
        if plan.capped or plan.multipliers is not None:
            share = plan.lr / max(self._used) if plan.capped else 1.0
            self._take(share)
            self._used = [lr * share for lr in self._used]
        if plan.rescale is not None:
            self._carry(reading, plan.rescale)

    def _decide(self, reading: Reading) -> Plan | None:
        """What the theory decides; nothing without a layer that is alive or a rate to act at."""
        target, alive = max(self._used), reading.alive
        if not alive.any() or target <= 0:
            return None
        lrs = self._layer_lrs()
        # A layer acts at its own group's rate: what counts is λE.
        ratios = np.array([lrs[name] / target for name in reading.names])
        alive &= ratios > 0
        names = [name for name, lives in zip(reading.names, alive, strict=True) if lives]
        before = np.array([self._multipliers.get(name, 1.0) for name in names])
        elr = np.ascontiguousarray((reading.elr * ratios)[alive])
        remembered = before if self._multipliers else None
        weight = reading.weight_norm[alive]
        growths = self._growths(names, weight)
        plan = self._controls.decide(self.steps, elr, target, remembered, self.measure, growths)
        self.plan = plan
        if growths is None and not self.probe.by_unit:
            factors = np.ones(len(names)) if plan.rescale is None else plan.rescale
            self._starts = dict(zip(names, (weight * factors).tolist(), strict=True))
        self._multipliers = {}
        if plan.multipliers is not None:
            if self.probe.by_unit:
                raise ElrError("units of a layer share one rate: hold them through weights, or probe layers")
            self._multipliers = dict(zip(names, plan.multipliers.tolist(), strict=True))
        idle = not plan.capped and plan.rescale is None and plan.multipliers is None
        self._calm = self._calm + 1 if idle else 0
        self._highest = max(self._highest, target) if idle else 0.0
        return plan

    def _growths(self, names: list[str], weight: Vector) -> Vector | None:
        """By how much norms have grown since the first step (T25); nothing before it."""
        if not self._starts:
            return None
        starts = [self._starts.setdefault(n, float(w)) for n, w in zip(names, weight, strict=True)]
        return np.ascontiguousarray(weight / np.array(starts))

    # ── acting ──

    def _carry(self, reading: Reading, factors: Vector) -> None:
        alive = np.ones(len(reading.names))
        alive[reading.alive] = factors
        carry_(self.probe, reading.names, alive, self.optimizer)

    def _remember(self, every: bool) -> None:
        """Keep weights as they are before the step: all, or those of the layers with multipliers."""
        names = self._names()
        for group in self.optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None and (every or names.get(p, "") in self._multipliers):
                    self._before[p] = p.detach().clone()

    @torch.no_grad()
    def _take(self, share: float = 1.0) -> None:
        """Take a share of each update, times its layer's multiplier."""
        names = self._names()
        now, before = [p.detach() for p in self._before], list(self._before.values())
        factors = [share * self._multipliers.get(names.get(p, ""), 1.0) for p in self._before]
        torch._foreach_sub_(now, before)
        torch._foreach_mul_(now, factors)
        torch._foreach_add_(now, before)

    def _names(self) -> dict[Tensor, str]:
        return {p: n for n, p in self.probe.candidates()}

    def _layer_lrs(self) -> dict[str, float]:
        names = self._names()
        return {
            names[p]: lr
            for group, lr in zip(self.optimizer.param_groups, self._used, strict=True)
            for p in group["params"]
            if p in names
        }

    def _rate_of(self, multipliers: dict[str, float], lrs: dict[str, float]) -> Callable[[str], float]:
        return lambda name: lrs.get(name, 0.0) * multipliers.get(name, 1.0)

    def _set(self, lrs: list[float]) -> None:
        groups = self.optimizer.param_groups
        self._targets = [g["lr"].clone() if isinstance(g["lr"], Tensor) else g["lr"] for g in groups]
        for group, lr in zip(groups, lrs, strict=True):
            assign(group, lr)
        self._used = lrs

    def _restore(self) -> None:
        """Give the groups the rates of their schedule back."""
        groups = self.optimizer.param_groups
        for group, target in zip(groups, self._targets, strict=False):
            assign(group, target)
        self._targets = []

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
            "used": list(self._used),
            "probe": self.probe.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on as the run that was saved."""
        if state["control"] != self.control:
            raise ElrError(f"the checkpoint was steered by `{state['control']}`, not by `{self.control}`")
        self.steps, self._calm, self._highest = state["steps"], state["calm"], state["highest"]
        self._multipliers, self._used = dict(state["multipliers"]), list(state["used"])
        self._starts = dict(state["starts"])
        self.probe.load_state_dict(state["probe"])


def assign(group: dict[str, Any], lr: Any) -> None:
    """Set a group's rate; one that is a tensor stays that tensor, which a compiled step holds."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(lr)
    else:
        group["lr"] = lr
