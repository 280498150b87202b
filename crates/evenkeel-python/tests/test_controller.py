"""The controller that all hosts share, and controls that are written in Python."""

import json
import math
import pathlib

import numpy as np
import pytest

from evenkeel._theory import Controller, Controls, ElrError, Layers

SEQUENCES = json.loads(
    (pathlib.Path(__file__).parents[2] / "evenkeel" / "tests" / "contract" / "sequences.json").read_text()
)


def vector(numbers):
    return np.array([math.nan if x is None else x for x in numbers], dtype=np.float64)


def step(controller, recorded):
    weight, gradient = vector(recorded["weight_norm"]), vector(recorded["gradient_norm"])
    return controller.step(Layers(recorded["layers"]), weight, gradient / weight, recorded["target"])


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda sequence: sequence["name"])
def test_recorded_norms_give_the_recorded_plans(sequence):
    controller = Controller(sequence["control"])
    for recorded in sequence["steps"]:
        plan, expected = step(controller, recorded), recorded["plan"]
        assert plan.lr == pytest.approx(expected["lr"], rel=1e-12)
        assert (plan.critical is None) == (expected["critical"] is None)
        assert (plan.critical or 0) == pytest.approx(expected["critical"] or 0, rel=1e-12)
        assert plan.mean_angle == pytest.approx(expected["mean_angle"], rel=1e-12)
        assert plan.multiplies == expected["multiplies"]
        assert (plan.rescale is not None) == expected["rescales"]
        factors = np.ones(len(plan.raw)) if plan.rescale is None else plan.rescale
        for found, name in (
            (plan.multipliers, "multipliers"),
            (factors, "factors"),
            (plan.elr, "acting"),
            (plan.before_hold, "before_hold"),
        ):
            np.testing.assert_allclose(found, vector(expected[name]), rtol=1e-12, err_msg=name)
    assert controller.idle_steps == sequence["idle_steps"]
    assert controller.warmup_steps == sequence["warmup_steps"]
    assert controller.path == pytest.approx(sequence["path"], rel=1e-12)


def test_a_controller_goes_on_from_its_state_and_from_its_words():
    sequence = next(s for s in SEQUENCES if s["name"] == "held gently")
    whole, first = Controller(sequence["control"]), Controller(sequence["control"])
    for recorded in sequence["steps"][:5]:
        step(whole, recorded), step(first, recorded)
    loaded, worded = Controller(sequence["control"]), Controller(sequence["control"])
    loaded.load_state_dict(json.loads(json.dumps(first.state_dict())))
    layers = Layers(sequence["steps"][0]["layers"])
    worded.load_words(layers, first.words(layers))
    for recorded in sequence["steps"][5:]:
        expected = step(whole, recorded)
        for other in (loaded, worded):
            assert (step(other, recorded).multipliers == expected.multipliers).all()
    assert loaded.state_dict() == whole.state_dict() == worded.state_dict()
    with pytest.raises(ElrError, match="steered by `hold:0.3`, not by `hold`"):
        Controller("hold").load_state_dict(first.state_dict())


class Anneal:
    """Halves the rate every `steps` steps."""

    stage = "rate"

    def __init__(self, steps):
        self.steps, self.name = steps, f"anneal:{steps}"

    def decide(self, context):
        return context.lr * 0.5 ** (context.step // self.steps)


class ByNorm:
    """Gives every layer a multiplier of one over its ELR."""

    name, stage = "by-norm", "multipliers"

    def decide(self, context):
        return 1 / context.elr


def test_a_control_can_be_written_in_python():
    controls = Controls(Anneal(2), ByNorm())
    assert controls.name == "anneal:2+by-norm"
    controller, layers = Controller(controls), Layers(["a", "b"])
    rates = []
    for _ in range(4):
        plan = controller.step(layers, np.ones(2), np.array([4.0, 0.5]), 0.8)
        rates.append(plan.lr)
        np.testing.assert_allclose(plan.elr, 1.0)
    assert rates == [0.8, 0.8, 0.4, 0.4]


def test_what_a_control_in_python_raises_is_raised_and_the_step_is_not_counted():
    class Wrong:
        name, stage = "wrong", "multipliers"

        def decide(self, context):
            return [1.0]

    controller = Controller(Wrong())
    with pytest.raises(ElrError, match="returned 1 numbers for 2 ELRs"):
        controller.step(Layers(["a", "b"]), np.ones(2), np.ones(2), 0.1)
    assert controller.steps == 0
    Wrong.stage = "later"
    with pytest.raises(ElrError, match="must be rate, multipliers or weights"):
        Controls(Wrong())


def test_vectors_that_do_not_fit_are_refused():
    controller = Controller("hold")
    with pytest.raises(ElrError, match="3 ELRs for 2 parts"):
        controller.step(Layers(["a"], [2]), np.ones(2), np.ones(3), 0.1)
    with pytest.raises(ElrError, match="two layers called `a`"):
        Layers(["a", "a"])
