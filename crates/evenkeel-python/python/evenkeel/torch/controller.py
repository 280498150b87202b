"""The theory's controls, acting on a PyTorch optimiser by hooks on its step."""

from __future__ import annotations

import functools
import math
import weakref
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, optim

from .. import _theory
from .._theory import ElrError, Plan
from ..theory import Vector
from .invariance import STEADY
from .notices import Notices
from .probe import ElrProbe
from .rates import Rates, unwrapped
from .reading import Measure, Reading
from .rescale import carry_
from .update import Update, raw
from .weights import Weight

_steered: weakref.WeakKeyDictionary[optim.Optimizer, str] = weakref.WeakKeyDictionary()

UNCAPPED = frozenset({"none", "hold", "rescale", "sphere"})
"""Controls that leave the global rate alone."""


class ElrController:
    """Measures at each step of an optimiser, and lets the step act as a control decides.

    Rates are changed for the length of the step only, so that whatever schedules them finds its own numbers
    again, in any order. Under plain SGD the ELR is that of the gradient; under other optimisers it is that of
    the update they make, of which a fraction is taken. What is controlled is the angle by which the step turns
    a weight.

    It never stops a run by itself. When there is nothing to go by (no scale-invariant weight, no gradient, a
    norm that is not finite), the step passes at the schedule's rate, an :class:`ElrWarning` says once why, and
    later steps are looked at again. When a control has changed nothing for some steps, it measures only every
    ``probe.every`` steps, until the schedule asks for a higher rate.

    Args:
        optimizer: what steps. Of wrappers (Accelerate's, Lightning's, SAM, Lookahead) the optimiser within is steered.
        probe: measures the model. Controllers of several optimisers may share one.
        control: written as for ``evenkeel train``, such as ``"critical"``, ``"hold"``, ``"critical:minimax+hold"``; or
            ``evenkeel.Controls``, or an object with ``name``, ``stage`` and ``decide(context)``.
        measure: ``"auto"``, or ``"gradient"`` or ``"update"`` to go by its ELR.

    Raises:
        TypeError: for arguments of other types.
        ElrError: for an unknown control, and for optimisers that cannot be steered.
    """

    def __init__(
        self,
        optimizer: optim.Optimizer,
        probe: ElrProbe,
        control: Any = "critical",
        *,
        measure: Literal["auto", "gradient", "update"] = "auto",
    ) -> None:
        if not isinstance(probe, ElrProbe):
            raise TypeError(f"probe is a {type(probe).__name__}, but must be an ElrProbe")
        optimizer = unwrapped(optimizer)
        refuse_unsteerable(optimizer)
        self.measure: Measure = chosen(optimizer, measure)
        self._given = control
        self._controller = _theory.Controller(control, self.measure)
        if optimizer in _steered:
            raise ElrError(
                f"this optimizer is steered by `{_steered[optimizer]}` already; close() that, or join both: "
                f"ElrController(optimizer, probe, '{_steered[optimizer]}+{self.control}')"
            )
        self.optimizer, self.probe = optimizer, probe
        self.plan: Plan | None = None
        self._key = probe.join()
        self._start()

    def _start(self) -> None:
        """Begin to see the optimiser's steps."""
        kinds = {part.partition(":")[0] for part in self.control.split("+")}
        own = getattr(self._given, "stage", None) if not isinstance(self._given, str) else None
        self._observes = kinds == {"none"}
        self._caps = own == "rate" if isinstance(own, str) else not kinds <= UNCAPPED
        self._rates = Rates(self.optimizer)
        self._update = Update(self.optimizer)
        self._notices = Notices()
        self._waited = 0
        self._decided = False
        self._weights: list[Weight] = []
        self._awake = self._ready = self._skipped = self._by_update = False
        self._scaled: dict[Weight, Any] = {}
        self._size: tuple[int, ...] = ()
        self._parameters: set[Tensor] = set()
        self._lrs: tuple[tuple[float, ...], dict[str, float]] | None = None
        self._versions = self._versions_now()
        self._hooks = [
            self.optimizer.register_step_pre_hook(self._pre),
            self.optimizer.register_step_post_hook(self._post),
        ]
        _steered[self.optimizer] = self.control

    @property
    def control(self) -> str:
        """The control's name, as it is read."""
        return self._controller.control

    @property
    def steps(self) -> int:
        """Steps taken so far."""
        return self._controller.steps

    @property
    def finished(self) -> bool:
        """Whether the control has nothing to do any more."""
        return self._controller.finished

    def close(self) -> None:
        """Leave the optimiser alone from now on."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        self._update.free()
        _steered.pop(self.optimizer, None)

    def last_lr(self) -> list[float]:
        """The rate of each parameter group in the last step, or in the next one before there was any."""
        self._notice_unseen_steps()
        return list(self._rates.used) or self._rates.asked()

    def log_dict(self, prefix: str = "elr", layers: bool = True) -> dict[str, float]:
        """The probe's numbers, with the rate that acted and the critical one."""
        numbers = {f"{prefix}/lr": max(self.last_lr())}
        numbers |= self.probe.log_dict(prefix, layers, self._key, self._own())
        if self.plan is not None and self.plan.critical is not None:
            numbers[f"{prefix}/critical_lr"] = self.plan.critical
        return numbers

    def table(self) -> str:
        """The probe's table, with what the control did in the last step that was measured."""
        lines = [self.probe.table()]
        if self.plan is not None:
            acts = self.plan.capped or self.plan.multiplies or self.plan.rescale is not None
            critical = "" if self.plan.critical is None else f", critical rate {self.plan.critical:.4g}"
            did = f"acted at a rate of {self.plan.lr:.4g}" if acts else "would do nothing at this rate"
            lines.append(f"{self.control}: {did}; the schedule asks for {self.plan.target:.4g}{critical}")
        return "\n".join(lines)

    # ── the step ──

    def _pre(self, optimizer: optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Before a step. A closure computes the gradients within it; weights are remembered before that."""
        closure = args[1] if len(args) > 1 else kwargs.get("closure")
        self._begin(callable(closure))
        if not callable(closure):
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
    def _begin(self, by_closure: bool) -> None:
        self._undo()
        self._update.forget()
        self._rates.begin()
        self._ready = self._skipped = self._by_update = False
        self._own()
        self._awake = self._wakes()
        self._notice_foreign_changes()
        if self._awake and by_closure and not self._observes:
            self._update.remember(p for p in self._rates.parameters() if p.requires_grad)

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _prepare(self) -> None:
        """Measure the gradients that are there now, once a step."""
        if self._ready:
            return
        self._ready = True
        # A fused optimiser gets the scaler's verdict with the step, and skips it by itself.
        inf = getattr(self.optimizer, "found_inf", None)
        # The first gradient is enough to know that there are some; each costs a look from Python.
        trained = self._is_sharded or next(self._rates.trained(), None) is not None
        self._skipped = not trained or (inf is not None and float(inf) > 0)
        if self._skipped or not self._awake:
            return
        if self.measure == "gradient":
            self._by_gradients()
        else:
            self._before_update()

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _post(self, optimizer: optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not self._ready:  # a closure that was never called
            self._skipped = True
        before = self.steps
        if self._by_update:
            self._after_update()
        elif self._scaled and self._update.before:
            self._take({}, 1.0)
        if not self._skipped:
            if self.steps == before and not self._decided:
                self._controller.pass_over()
            self._carry_on()
        self._decided = False
        self._undo()
        self._rates.restore()
        self._update.forget()
        if self.finished:
            self._update.free()
        self._versions = self._versions_now()

    def _wakes(self) -> bool:
        """Whether this step is measured."""
        rate = self._rates.highest
        if not math.isfinite(rate):
            self._notices.say("rate", unknown_rate(self.optimizer))
            return False
        every = self.probe.every
        if self._waited > max(STEADY, self.probe.invariance.looks):
            return self.steps % every == 0
        return bool(self._controller.wakes(max(rate, 0.0), every))

    @property
    def _shows_all(self) -> bool:
        """Whether every matrix is measured in this step, steered or not."""
        return self.steps < 3 or self.steps % self.probe.every == 0

    def _own(self) -> set[Tensor]:
        """The optimiser's parameters."""
        if self._size != (size := self._count()):
            self._size, self._lrs, self._parameters = size, None, set(self._rates.parameters())
        return self._parameters

    def _count(self) -> tuple[int, ...]:
        return tuple([len(group["params"]) for group in self.optimizer.param_groups])

    @functools.cached_property
    def _is_sharded(self) -> bool:
        return any(weight.sharding is not None for weight in self.probe.invariance.weights)

    # ── measured before the step ──

    def _by_gradients(self) -> None:
        scale = getattr(self.optimizer, "grad_scale", None)
        reading = self.probe.read_gradients(self._key, self._own(), scale, all_matrices=self._shows_all)
        plan = self._decide(reading)
        if plan is None or reading is None:
            return
        lrs = self._layer_lrs()
        used = np.array([lrs.get(name, 0.0) for name in reading.names]) * plan.fraction * plan.multipliers
        self.probe.note_step(self._key, reading, used)
        if plan.capped:
            self._rates.scale(plan.fraction)
        if plan.rescale is not None:
            self._carry(reading, plan.rescale)
        if plan.multiplies:
            self._multiply(reading, plan.multipliers)

    def _multiply(self, reading: Reading, multipliers: Vector) -> None:
        """Let each layer step at a multiple of the rate: its gradient is multiplied where that is the same, else
        a fraction of its step is taken."""
        self._scaled = self.probe.by_weight(reading, multipliers, 1.0)
        if not steps_linearly(self.optimizer):
            self._update.remember(w.parameter for w in self._scaled)
            return
        with torch.no_grad():
            multiply_gradients_(self._scaled, inverse=False)

    # ── measured after the step ──

    def _before_update(self) -> None:
        own = self._own()
        if not self.probe.asynchronous:
            problem = self.probe.not_finite(own)
            if problem is not None:
                self._notices.say("finite", problem)
                return
        self.probe.look(own)
        steers = self.probe.invariance.steers
        weights = [w for w in self.probe.invariance.weights if w.parameter in own and w.parameter.requires_grad]
        if not self._shows_all:
            weights = [w for w in weights if steers(w.name)]
        self._weights = weights
        wanted: list[Tensor] = [w.parameter for w in weights]
        if self._caps:
            wanted += [p for p in self._rates.trained()]
        self._update.remember(wanted)
        if not self._observes:
            self._update.lift()
        self._by_update = True

    def _after_update(self) -> None:
        weights = self._weights
        changes = self._update.changes([w.parameter for w in weights])
        before = [w.real(self._update.before[w.parameter]) for w in weights]
        changed = [w.real(change) for w, change in zip(weights, changes, strict=True)]
        reading = self.probe.read_updates(self._key, weights, before, changed, self._layer_lrs())
        plan = self._decide(reading)
        if plan is None or reading is None:
            return
        if plan.capped or plan.multiplies:
            fractions = plan.fractions
            self._take(self.probe.by_weight(reading, fractions, plan.fraction), plan.fraction)
            self._rates.taken(plan.fraction)
            self.probe.note_fractions(self._key, reading, fractions, plan.fraction)
        if plan.rescale is not None:
            self._carry(reading, plan.rescale)

    def _take(self, fractions: dict[Weight, Any], others: float) -> None:
        """Take a fraction of each update: of steered weights their own, of all others the same."""
        chosen: dict[Tensor, Any] = {w.parameter: f for w, f in (fractions or self._scaled).items()}
        self._update.take({p: chosen.get(p, others) for p in self._update.before})

    # ── deciding ──

    def _decide(self, reading: Reading | None) -> Plan | None:
        """What the control decides; None, with the reason said once, if there is nothing to go by."""
        target = self._rates.highest
        problem = self.probe.problem(reading)
        if problem is not None or reading is None:
            self._wait(problem or "", reading)
            return None
        if target <= 0:
            return None
        self._waited = 0
        lrs = self._layer_lrs()
        ratio = np.array([lrs.get(name, 0.0) for name in reading.names]) / target
        elr = np.nan_to_num(reading.elr) * ratio
        self.plan = self._controller.step(reading.layers, reading.weight_norm, elr, target, reading.cosine)
        self._decided = True
        return self.plan

    def _wait(self, problem: str, reading: Reading | None) -> None:
        """Let the step pass, and say why if more looks will hardly help."""
        self._waited += 1
        if self.probe.broken is not None:
            self._notices.say("finite", problem)
        elif self._waited > self.probe.invariance.looks + 1:
            foreign = self._foreign()
            self._notices.say("nothing", foreign or f"{self.control}: {problem}; training goes on at the schedule's rate")

    # ── acting ──

    def _carry(self, reading: Reading, factors: Vector) -> None:
        """Rescale the layers that are steered."""
        every = np.where(np.isfinite(factors), factors, 1.0)
        carry_(self.probe, reading, every, self.optimizer)
        self.probe.rescaled(dict(zip(reading.labels, every.tolist(), strict=True)), self.measure)

    def _undo(self) -> None:
        """Give gradients that were multiplied for the step their lengths back."""
        if self._scaled and steps_linearly(self.optimizer):
            with torch.no_grad():
                multiply_gradients_(self._scaled, inverse=True)
        self._scaled = {}

    def _carry_on(self) -> None:
        """Tell the asynchronous probe at which rates each layer was stepped."""
        if not self.probe.asynchronous or self.plan is None:
            return
        lrs, reading = self._layer_lrs(), self.probe.last(self._key)
        own: dict[str, float] = {}
        if reading is not None and self._decided and self.plan.multiplies and len(reading.names) == len(self.plan.multipliers):
            own = dict(zip(reading.labels, self.plan.multipliers.tolist(), strict=True))
        self.probe.stepped(self._key, lambda x: lrs.get(layer_of(x, lrs), 0.0) * own.get(x, 1.0), self.measure)

    def _layer_lrs(self) -> dict[str, float]:
        """The rate of each weight in this step, as the schedule asks for it or as it acts."""
        key = tuple(self._rates.used)
        if self._lrs is None or self._lrs[0] != key:
            self._lrs = key, self._rates.of(self.probe.invariance.weights)
        return self._lrs[1]

    # ── what this optimiser does not do ──

    def _foreign(self) -> str | None:
        """Whether the optimiser has none of the model's weights."""
        own = self._own()
        if any(w.parameter in own for w in self.probe.invariance.weights):
            return None
        return (
            f"this {type(self.optimizer).__name__} holds none of the model's weights, so its steps change none of them; if others "
            "step in backward hooks, make a controller for each of those, or give the optimizer that holds the weights"
        )

    def _versions_now(self) -> list[int]:
        return [w.parameter._version for w in self.probe.invariance.weights]

    def _notice_foreign_changes(self) -> None:
        """Say once what this optimiser cannot see: it has no weights, or they change outside of its steps."""
        if self.steps == 0 and (foreign := self._foreign()) is not None:
            self._notices.say("foreign", foreign)
        if "outside" in self._notices.said or self._versions == (now := self._versions_now()):
            return
        own = self._own()
        changed = [
            w.name
            for w, a, b in zip(self.probe.invariance.weights, self._versions, now, strict=False)
            if a != b and w.parameter in own and w.sharding is None
        ]
        if changed and self.steps > 0:
            self._notices.say(
                "outside",
                f"weights change outside of optimizer.step, `{changed[0]}` for one (by another optimizer, in a hook or in the "
                "forward pass); only steps of this optimizer are measured and steered",
            )

    def _notice_unseen_steps(self) -> None:
        """Say once that weights change, though this optimiser's step was never called."""
        if self.steps == 0 and not self._ready and self._hooks and self._versions != self._versions_now():
            self._notices.say(
                "unseen",
                f"weights have changed, but {type(self.optimizer).__name__}.step was never called; what changes weights in other "
                "ways (first_step and second_step, backward hooks) is not steered: give the optimizer whose step is called",
            )

    # ── copies and checkpoints ──

    def __getstate__(self) -> dict[str, Any]:
        state = {k: v for k, v in self.__dict__.items() if k not in TRANSIENT}
        return state | {"_kept": self._controller.state_dict(), "_used": list(self._rates.used), "_said": set(self._notices.said), "_open": bool(self._hooks)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        kept, used, said, is_open = (state.pop(key) for key in ("_kept", "_used", "_said", "_open"))
        self.__dict__.update(state)
        self.plan = None
        self._controller = _theory.Controller(self._given, self.measure)
        self._controller.load_state_dict(kept)
        self._start()
        self._rates.used, self._notices.said = used, said
        if not is_open:
            self.close()

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs to go on as it would have."""
        return {
            "control": self.control,
            "controller": self._controller.state_dict(),
            "waited": self._waited,
            "used": list(self._rates.used),
            "probe": self.probe.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on as the run that was saved."""
        if state["control"] != self.control:
            raise ElrError(f"the checkpoint was steered by `{state['control']}`, not by `{self.control}`")
        self._controller.load_state_dict(state["controller"])
        self._waited = state.get("waited", 0)
        self._rates.used = list(state["used"])
        self.probe.load_state_dict(state["probe"])
        self._versions = self._versions_now()


TRANSIENT = frozenset({"_hooks", "_controller", "_rates", "_update", "_notices", "_scaled", "_weights", "_versions", "_parameters", "_lrs", "_size", "plan", "_is_sharded"})


def refuse_unsteerable(optimizer: optim.Optimizer) -> None:
    """Refuse by name what cannot be steered."""
    if isinstance(optimizer, optim.LBFGS):
        raise ElrError("LBFGS chooses the length of its steps by itself; use SGD or one of Adam's kind")
    if any(group.get("lr") is None for group in optimizer.param_groups):
        raise ElrError(unknown_rate(optimizer))


def unknown_rate(optimizer: optim.Optimizer) -> str:
    """What to do about a rate that nobody knows."""
    index = next((i for i, g in enumerate(optimizer.param_groups) if g.get("lr") is None), 0)
    return (
        f"{type(optimizer).__name__} has no known rate: lr of parameter group {index} is {optimizer.param_groups[index].get('lr')}; set "
        "a number, such as lr=1e-3 (for Adafactor with relative_step=False)"
    )


def chosen(optimizer: optim.Optimizer, measure: str) -> Measure:
    """Which ELR to go by: that of what is applied, which under plain SGD is known before the step."""
    if measure == "auto":
        return "gradient" if steps_linearly(optimizer) else "update"
    if measure == "gradient" or measure == "update":
        return measure  # type: ignore[return-value]
    raise ElrError(f"measure is `{measure}`, but must be auto, gradient or update")


def steps_linearly(optimizer: optim.Optimizer) -> bool:
    """Whether a step is the gradient times the rate and nothing else: plain SGD."""
    return type(optimizer) is optim.SGD and all(
        not group["momentum"] and not group["weight_decay"] for group in optimizer.param_groups
    )


def multiply_gradients_(factors: dict[Weight, Any], *, inverse: bool) -> None:
    """Multiply gradients in place, by numbers or by tensors that multiply rows."""
    pairs = [(raw(g), f) for w, f in factors.items() if (g := w.parameter.grad) is not None]
    numbers = [(g, f) for g, f in pairs if not isinstance(f, Tensor) and f != 1.0]
    if numbers:
        torch._foreach_mul_([g for g, _ in numbers], [1.0 / f if inverse else f for _, f in numbers])
    for gradient, factor in pairs:
        if isinstance(factor, Tensor):
            wide = factor.to(device=gradient.device, dtype=gradient.real.dtype if gradient.is_complex() else gradient.dtype)
            gradient.mul_(wide.reciprocal() if inverse else wide)


def numbered(controllers: Sequence[ElrController], layers: bool) -> list[dict[str, float]]:
    """What each controller has to log; with its number where there are several."""
    several = len(controllers) > 1
    return [c.log_dict(f"elr/{i}" if several else "elr", layers) for i, c in enumerate(controllers) if c.steps > 0]


def layer_of(label: str, layers: dict[str, float]) -> str:
    """The layer that a part belongs to."""
    return label if label in layers else label.rpartition("[")[0]
