"""Effective learning rates in JAX: the theory's controls as a transformation of optax.

What is decided is decided in Rust, on the host, from one vector of norms a step; a control that is over
is asked every ``every`` steps only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ._theory import Controls, ElrError
from .theory import spread

CALM = 10
"""Steps in a row in which a control changes nothing, after which it is taken to be over."""

COSINE_TOLERANCE, MAX_COSINE = 0.1, 1e-3
"""Of ``|cos(W, ∇W)|·√numel`` and ``|cos(W, ∇W)|``: up to both a weight is scale-invariant (T1)."""


class SteeredState(NamedTuple):
    """State of :func:`steered`; vectors have a number for each weight of two or more dimensions."""

    inner: Any
    step: Any
    passed: Any
    dependent: Any
    multipliers: Any
    path: Any
    calm: Any
    highest: Any
    elr: Any
    lr: Any
    critical: Any


def steered(
    inner: optax.GradientTransformation,
    learning_rate: float | Callable[[Any], Any],
    control: str = "critical",
    *,
    measure: Literal["gradient", "update"] = "update",
    looks: int = 3,
    every: int = 20,
) -> optax.GradientTransformation:
    """An optimiser under a control of ELRs, such as ``critical`` or ``critical+hold``.

    ``inner`` is any optimiser at rate 1, such as ``optax.adamw(1.0)``: its updates are multiplied by
    ``learning_rate``, a number or a schedule, or less where the control says so. Weights that count are
    found by measurement on the first ``looks`` steps. ELRs are those of updates, ``‖u‖/‖W‖``, or of
    gradients as they come in. Norms that are not finite are left to others, such as
    ``optax.apply_if_finite``. Controls that change weights are refused.
    """
    controls = Controls(control)
    if moves_weights(controls, measure):
        raise ElrError(f"`{control}` changes weights, which a transformation of updates cannot; use critical, linear, turn, hold, within or lars")
    decide = decision(controls, measure)

    def init(params: Any) -> SteeredState:
        count = len(matrices(params))
        zeros, scalar = jnp.zeros(count), jnp.zeros(())
        return SteeredState(
            inner=inner.init(params),
            step=jnp.zeros((), jnp.int32),
            passed=jnp.zeros(count, jnp.int32),
            dependent=jnp.zeros(count, bool),
            multipliers=jnp.ones(count),
            path=scalar,
            calm=jnp.zeros((), jnp.int32),
            highest=scalar,
            elr=zeros * jnp.nan,
            lr=scalar,
            critical=scalar * jnp.nan,
        )

    def update(gradients: Any, state: SteeredState, params: Any = None) -> tuple[Any, SteeredState]:
        if params is None:
            raise ElrError("ELRs are relative to weights: call update(gradients, state, params)")
        updates, inner_state = inner.update(gradients, state.inner, params)
        passed, dependent, alive = look(matrices(params), matrices(gradients), state, looks)
        vectors = gradients if measure == "gradient" else updates
        elr = ratios(matrices(params), matrices(vectors))
        elr = jnp.where(alive & (passed > 0) & ~dependent & (elr > 0), elr, jnp.nan)
        target = jnp.asarray(learning_rate(state.step) if callable(learning_rate) else learning_rate, jnp.float32)
        awake = (state.calm < CALM) | (target > state.highest) | (state.step % every == 0)
        lr, multipliers, path, critical, idle = jax.lax.cond(
            awake, decide, unchanged, state.step, elr, target, state.multipliers, state.path
        )
        after = SteeredState(
            inner=inner_state,
            step=state.step + 1,
            passed=passed,
            dependent=dependent,
            multipliers=multipliers,
            path=path,
            calm=jnp.where(idle, state.calm + awake, 0),
            highest=jnp.where(idle, jnp.maximum(state.highest, jnp.where(awake, target, 0)), 0),
            elr=elr,
            lr=lr,
            critical=jnp.where(awake, critical, state.critical),
        )
        return scaled(updates, lr, multipliers), after

    return optax.GradientTransformation(init, update)


def moves_weights(controls: Controls, measure: str) -> bool:
    """Whether a control rescales: at the first step, or once norms have grown."""
    elr, grown = np.array([1.0, 9.0]), np.array([2.0, 3.0])
    plans = (controls.decide(step, elr, 1.0, None, measure, growths) for step, growths in ((0, None), (1, grown)))
    return any(plan.rescale is not None for plan in plans)


def decision(controls: Controls, measure: str) -> Callable[..., Any]:
    """The theory's decision, called from compiled code."""

    def host(step: Any, elr: Any, target: Any, multipliers: Any, path: Any) -> tuple[Any, ...]:
        alive = np.isfinite(elr)
        if not alive.any() or not target > 0:
            return np.float32(target), np.ones_like(elr), np.float32(path), np.float32(np.nan), np.True_
        before = np.asarray(multipliers, np.float64)[alive]
        remembered = None if (before == 1).all() else before
        living = np.asarray(elr, np.float64)[alive]
        plan = controls.decide(int(step), living, float(target), remembered, measure, None, float(path))
        chosen = np.ones_like(elr)
        if plan.multipliers is not None:
            chosen[alive] = plan.multipliers
        critical = np.nan if plan.critical is None else plan.critical
        idle = not plan.capped and plan.multipliers is None
        # A float32 of the target is the target, not what is next to it in float64.
        lr = plan.lr if plan.capped else target
        return np.float32(lr), chosen, np.float32(path + plan.turn), np.float32(critical), np.bool_(idle)

    def call(step: Any, elr: Any, target: Any, multipliers: Any, path: Any) -> Any:
        number, flag = jax.ShapeDtypeStruct((), jnp.float32), jax.ShapeDtypeStruct((), jnp.bool_)
        shapes = (number, jax.ShapeDtypeStruct(elr.shape, elr.dtype), number, number, flag)
        return jax.pure_callback(host, shapes, step, elr, target, multipliers, path, vmap_method="sequential")

    return call


def unchanged(step: Any, elr: Any, target: Any, multipliers: Any, path: Any) -> Any:
    """What is done without asking: the target, for all."""
    return target, jnp.ones_like(multipliers), path, jnp.float32(jnp.nan), jnp.bool_(True)


def matrices(tree: Any) -> list[Any]:
    """The leaves of two or more dimensions."""
    return [leaf for leaf in jax.tree.leaves(tree) if leaf.ndim >= 2]


def names(params: Any) -> list[str]:
    """What the numbers of a state's vectors are of."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return [jax.tree_util.keystr(path) for path, leaf in leaves if leaf.ndim >= 2]


def norms(leaves: list[Any]) -> Any:
    """The norm of each, in float32."""
    return jnp.stack([jnp.linalg.norm(leaf.astype(jnp.float32)) for leaf in leaves])


def ratios(weights: list[Any], vectors: list[Any]) -> Any:
    """Norms relative to those of weights; zero for a weight of zero."""
    sizes, steps = norms(weights), norms(vectors)
    return jnp.where(sizes > 0, steps / jnp.where(sizes > 0, sizes, 1), 0)


def look(weights: list[Any], gradients: list[Any], state: SteeredState, looks: int) -> tuple[Any, Any, Any]:
    """Which weights have passed, which are out, and which are alive: what a probe learns of one batch."""
    pairs = zip(weights, gradients, strict=True)
    inner = jnp.stack([jnp.vdot(w.astype(jnp.float32), g.astype(jnp.float32)) for w, g in pairs])
    product = norms(weights) * norms(gradients)
    alive = jnp.isfinite(product) & (product > 0)
    cosine = jnp.abs(inner) / jnp.where(alive, product, 1)
    bound = jnp.array([min(MAX_COSINE, COSINE_TOLERANCE / w.size**0.5) for w in weights])
    looked = alive & ~state.dependent & (state.passed < looks)
    passed = state.passed + (looked & (cosine <= bound))
    return passed, state.dependent | (looked & (cosine > bound)), alive


def scaled(updates: Any, lr: Any, multipliers: Any) -> Any:
    """Updates at a rate, and those of weights at their multiples of it."""
    leaves, structure = jax.tree.flatten(updates)
    own = iter(multipliers)
    rates = [lr * next(own) if leaf.ndim >= 2 else lr for leaf in leaves]
    return jax.tree.unflatten(structure, [leaf * rate.astype(leaf.dtype) for leaf, rate in zip(leaves, rates, strict=True)])


def log_dict(state: SteeredState, params: Any, prefix: str = "elr", layers: bool = True) -> dict[str, float]:
    """Numbers to log of the last step, as those of ``evenkeel.torch``."""
    elr = np.asarray(state.elr, np.float64)
    alive = np.isfinite(elr)
    numbers = {f"{prefix}/lr": float(state.lr)}
    if not alive.any():
        return numbers
    found = spread(elr[alive])
    numbers |= {f"{prefix}/spread_decades": found.decades, f"{prefix}/spread_std": found.std}
    if np.isfinite(state.critical):
        numbers[f"{prefix}/critical_lr"] = float(state.critical)
    if layers:
        pairs = zip(names(params), elr, strict=True)
        numbers |= {f"{prefix}/layer/{name}": float(e) for name, e in pairs if np.isfinite(e)}
    return numbers
