"""Effective learning rates in JAX: the theory's controls as a transformation of optax.

What is decided is decided in Rust, on the host, from one vector of numbers a step; a control that is over
is asked every ``every`` steps only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ._theory import Controller, Controls, ElrError, Layers
from .theory import Vector, spread

SLOPE, LEAST, MOST, TOTAL = 8.0, -4.0, 6.0, 12.0
"""A look at ``z = |cos(W, ∇W)|·√numel`` is worth ``−ln(SLOPE·z)`` nats, within bounds, as in ``evenkeel.torch``."""

ENOUGH, EARLY = 2.3, 4.6
"""Evidence from which a weight counts once all its looks are done, and from which it is steered before."""

F32 = jnp.float32


class SteeredState(NamedTuple):
    """State of :func:`steered`.

    ``evidence`` and ``looks`` have a number for each weight of two or more dimensions, as a whole and by slices;
    ``elr`` has one for each slice along its leading dimensions (see :func:`labels`).
    """

    inner: Any
    step: Any
    words: Any
    evidence: Any
    looks: Any
    elr: Any
    lr: Any
    critical: Any


def steered(
    inner: optax.GradientTransformation,
    learning_rate: float | Callable[[Any], Any],
    control: Any = "critical",
    *,
    measure: Literal["gradient", "update"] = "update",
    looks: int = 3,
    every: int = 20,
) -> optax.GradientTransformation:
    """An optimiser under a control of ELRs, such as ``critical`` or ``critical+hold``.

    Weights that count are found by measurement, as in ``evenkeel.torch``. Weights stacked along leading
    dimensions, as under ``jax.lax.scan``, have an ELR for each slice where slices are scale-invariant by
    themselves. A call whose updates are all zero, as those within ``optax.MultiSteps``, is no step. Norms that are
    not finite are left to others, such as ``optax.apply_if_finite``.

    Args:
        inner: any optimiser at rate 1, such as ``optax.adamw(1.0)``; its updates are multiplied by the rate.
        learning_rate: a number or a schedule over steps taken.
        control: written as for ``evenkeel train``, or an object with ``name``, ``stage`` and ``decide(context)``.
            Controls that change weights are refused.
        measure: go by ELRs of updates, ``‖u‖/‖W‖``, or of gradients as they come in.
        looks: batches that a weight must pass before it counts.
        every: steps between measurements where the control has nothing to do.
    """
    controls = control if isinstance(control, Controls) else Controls(control)
    if controls.rescales:
        raise ElrError(
            f"`{controls.name}` changes weights, which a transformation of updates cannot; use critical, linear, max-angle, "
            "hold, band or lars"
        )
    decide = decision(controls, measure, looks, every)

    def init(params: Any) -> SteeredState:
        count, slices = len(matrices(params)), sum(parts(params))
        words = Controller(controls, measure).words(layers(params))
        return SteeredState(
            inner=inner.init(params),
            step=jnp.zeros((), jnp.int32),
            words=jnp.asarray(words, jnp.uint32),
            evidence=jnp.zeros((2, count), F32),
            looks=jnp.zeros(count, jnp.int32),
            elr=jnp.full(slices, jnp.nan, F32),
            lr=jnp.zeros((), F32),
            critical=jnp.full((), jnp.nan, F32),
        )

    def update(gradients: Any, state: SteeredState, params: Any = None) -> tuple[Any, SteeredState]:
        if params is None:
            raise ElrError("ELRs are relative to weights: call update(gradients, state, params)")
        updates, inner_state = inner.update(gradients, state.inner, params)
        rate = learning_rate(state.step) if callable(learning_rate) else learning_rate
        target = jnp.asarray(rate, F32)
        if not matrices(params):
            moved = jax.tree.map(lambda u: u * target.astype(u.dtype), updates)
            return moved, state._replace(inner=inner_state, step=state.step + 1, lr=target)
        numbers = jnp.stack([
            slice_sums(params, params), slice_sums(params, gradients), slice_sums(gradients, gradients),
            slice_sums(params, updates), slice_sums(updates, updates),
        ])  # fmt: skip
        is_step = jnp.any(jnp.stack([jnp.any(leaf != 0) for leaf in jax.tree.leaves(updates)]))
        fractions, others, kept = decide(params, numbers, target, is_step, state)
        after = kept._replace(inner=inner_state, step=state.step + is_step.astype(jnp.int32))
        return scaled(updates, target * fractions, target * others), after

    return optax.GradientTransformation(init, update)


def decision(controls: Controls, measure: str, looks: int, every: int) -> Callable[..., Any]:
    """The theory's decision, called from compiled code."""

    def call(params: Any, numbers: Any, target: Any, is_step: Any, state: SteeredState) -> Any:
        counts, found = parts(params), layers(params)
        numels = [leaf.size for leaf in matrices(params)]

        def host(numbers: Any, target: Any, is_step: Any, words: Any, evidence: Any, seen: Any) -> tuple[Any, ...]:
            rows = np.asarray(numbers, np.float64)
            controller = Controller(controls, measure)
            controller.load_words(found, np.asarray(words, np.uint32))
            nothing = np.ones(len(found), np.float32), np.float32(1), np.full(len(found), np.nan, np.float32)
            lr = float(target)
            if not bool(is_step) or not controller.wakes(lr, every):
                if bool(is_step):
                    controller.pass_over()
                look = (np.asarray(evidence), np.asarray(seen))
                if not bool(is_step):
                    look = judged(rows, counts, numels, np.asarray(evidence, np.float64), np.asarray(seen), looks)
                return (*nothing, np.float32(np.nan), np.bool_(False), controller.words(found), np.float32(look[0]), look[1])
            grown, times = judged(rows, counts, numels, np.asarray(evidence, np.float64), np.asarray(seen), looks)
            weight, elr, cosine = steering(rows, counts, grown, times, looks, measure)
            live = np.isfinite(elr) & (elr > 0)
            if not live.any() or not lr > 0:
                controller.pass_over()
                return (*nothing, np.float32(np.nan), np.bool_(True), controller.words(found), np.float32(grown), times)
            plan = controller.step(found, weight, np.where(live, elr, 0.0), lr, cosine if measure == "update" else None)
            critical = np.float32(np.nan if plan.critical is None else plan.critical)
            own = spread_over_slices(np.where(live, plan.fractions, plan.fraction), live, counts)
            shown = np.where(live, elr, np.nan)
            return (
                np.float32(own), np.float32(plan.fraction), np.float32(shown), critical, np.bool_(True), controller.words(found),
                np.float32(grown), times,
            )  # fmt: skip

        one, flag = jax.ShapeDtypeStruct((), F32), jax.ShapeDtypeStruct((), jnp.bool_)
        same = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in (state.words, state.evidence, state.looks)]
        slices = jax.ShapeDtypeStruct((len(found),), F32)
        shapes = (slices, one, slices, one, flag, *same)
        arguments = (numbers, target, is_step, state.words, state.evidence, state.looks)
        own, others, elr, critical, awake, words, evidence, seen = jax.pure_callback(
            host, shapes, *arguments, vmap_method="sequential"
        )
        kept = state._replace(
            words=words,
            evidence=evidence,
            looks=seen,
            elr=jnp.where(awake, elr, state.elr),
            lr=jnp.where(is_step, target * others, state.lr),
            critical=jnp.where(awake, critical, state.critical),
        )
        return own, others, kept

    return call


# ── evidence ──


def judged(
    rows: Vector, counts: list[int], numels: list[int], evidence: Vector, seen: Any, looks: int
) -> tuple[Vector, Any]:
    """What one batch adds: for each weight as a whole, and by slices where it is stacked."""
    weight, inner, gradient = rows[0], rows[1], rows[2]
    evidence, seen, start = evidence.copy(), np.array(seen), 0
    for i, (count, numel) in enumerate(zip(counts, numels, strict=True)):
        part = slice(start, start + count)
        start += count
        product = math.sqrt(weight[part].sum()) * math.sqrt(gradient[part].sum())
        if not math.isfinite(product) or product <= 0:
            continue
        seen[i] += 1
        z = abs(inner[part].sum()) / product * numel**0.5
        alone = slices_worth(weight[part], inner[part], gradient[part], numel // count)
        value = max(worth(z), alone) if alone > 0 else worth(z)
        evidence[:, i] = np.clip(evidence[:, i] + [value, alone if alone > 0 else -1.0], -8.0, TOTAL)
    return evidence, seen


def worth(z: float) -> float:
    """The evidence of one look, in nats."""
    return min(max(-math.log(SLOPE * max(z, 1e-12)), LEAST), MOST)


def slices_worth(weight: Vector, inner: Vector, gradient: Vector, numel: int) -> float:
    """The evidence of slices that are all orthogonal to their gradients; 0 for none."""
    alive = (weight > 0) & (gradient > 0)
    if alive.sum() < 2:
        return 0.0
    z = np.sqrt(np.mean(inner[alive] ** 2 / (weight[alive] * gradient[alive])) * numel)
    return max(0.0, min(float(alive.sum()) * -math.log(SLOPE * max(float(z), 1e-12)), MOST))


def steering(
    rows: Vector, counts: list[int], evidence: Vector, seen: Any, looks: int, measure: str
) -> tuple[Vector, Vector, Vector]:
    """Norms, ELRs and cosines of what is steered: slices, or whole weights in the place of their first slice."""
    weight, inner, vector = rows[0].copy(), rows[1 if measure == "gradient" else 3].copy(), rows[2 if measure == "gradient" else 4].copy()
    start = 0
    for i, count in enumerate(counts):
        part = slice(start, start + count)
        start += count
        counting = evidence[0, i] > (ENOUGH if seen[i] >= looks else EARLY)
        if not counting:
            vector[part] = 0.0
        elif count > 1 and evidence[1, i] <= ENOUGH:
            for x in (weight, inner, vector):
                x[part] = [x[part].sum(), *[0.0] * (count - 1)]
    size, step = np.sqrt(weight), np.sqrt(vector)
    elr = np.divide(step, size, out=np.zeros_like(size), where=size > 0)
    cosine = np.divide(inner, size * step, out=np.zeros_like(size), where=size * step > 0)
    return size, elr, np.clip(cosine, -1.0, 1.0)


def spread_over_slices(fractions: Vector, live: Any, counts: list[int]) -> Vector:
    """The fraction of a whole weight for all its slices."""
    found, start = fractions.copy(), 0
    for count in counts:
        if count > 1 and live[start] and not live[start + 1 : start + count].any():
            found[start : start + count] = fractions[start]
        start += count
    return found


# ── trees ──


def matrices(tree: Any) -> list[Any]:
    """The leaves of two or more dimensions."""
    return [leaf for leaf in jax.tree.leaves(tree) if leaf.ndim >= 2]


def parts(tree: Any) -> list[int]:
    """The number of slices of each matrix along its leading dimensions."""
    return [math.prod(leaf.shape[:-2]) for leaf in matrices(tree)]


def names(params: Any) -> list[str]:
    """The names of the weights of two or more dimensions."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return [jax.tree_util.keystr(path) for path, leaf in leaves if leaf.ndim >= 2]


def layers(params: Any) -> Layers:
    """The weights with their slices, as the controller wants them."""
    return Layers(names(params), parts(params))


def labels(params: Any) -> list[str]:
    """What the numbers of ``SteeredState.elr`` are of: weights, or slices of stacked ones."""
    pairs = zip(names(params), parts(params), strict=True)
    return [name if count == 1 else f"{name}[{i}]" for name, count in pairs for i in range(count)]


def slice_sums(ones: Any, others: Any) -> Any:
    """The inner products of slices, in float32."""
    sums = []
    for a, b in zip(matrices(ones), matrices(others), strict=True):
        count = math.prod(a.shape[:-2])
        product = real_product(a, b).reshape(count, -1)
        sums.append(product.sum(axis=1))
    return jnp.concatenate(sums)


def real_product(a: Any, b: Any) -> Any:
    """The product of each pair of numbers; complex ones count as pairs of reals."""
    if jnp.iscomplexobj(a) or jnp.iscomplexobj(b):
        return (jnp.conj(a) * b).real.astype(F32)
    return a.astype(F32) * b.astype(F32)


def scaled(updates: Any, own: Any, others: Any) -> Any:
    """Updates at a rate for each slice, and at one rate for all that is no matrix."""
    leaves, structure = jax.tree.flatten(updates)
    found, start = [], 0
    for leaf in leaves:
        if leaf.ndim < 2:
            found.append(leaf * others.astype(leaf.real.dtype))
            continue
        count = math.prod(leaf.shape[:-2])
        rates = own[start : start + count].reshape(*leaf.shape[:-2], 1, 1)
        start += count
        found.append(leaf * rates.astype(leaf.real.dtype))
    return jax.tree.unflatten(structure, found)


# ── telling ──


def roles(state: SteeredState, params: Any, looks: int = 3) -> dict[str, str]:
    """What each weight is: scale-invariant, scale-dependent, undecided or silent."""
    found = {}
    for name, evidence, seen in zip(names(params), np.asarray(state.evidence)[0], np.asarray(state.looks), strict=True):
        if seen == 0:
            found[name] = "silent"
        elif evidence <= 0:
            found[name] = "scale-dependent"
        else:
            found[name] = "scale-invariant" if seen >= looks and evidence > ENOUGH else "undecided"
    return found


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
        pairs = zip(labels(params), elr, strict=True)
        numbers |= {f"{prefix}/layer/{name}": float(e) for name, e in pairs if np.isfinite(e)}
    return numbers
