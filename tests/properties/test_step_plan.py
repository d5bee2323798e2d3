"""The steps at which a training run logs, saves and evaluates."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.config.config import EPOCH
from finetune.tasks.classification.config import ClassifierConfig
from finetune.training.step_plan import StepPlan, make_step_plan
from finetune.util.errors import InputError
from tests.support.fuzzing import fuzz


@fuzz
@given(
    st.builds(
        StepPlan,
        num_train_steps=st.integers(1, 200),
        epoch_steps=st.integers(1, 50),
        log_every=st.integers(1, 250),
        save_every=st.integers(1, 250),
        eval_every=st.none() | st.just(EPOCH) | st.integers(1, 250),
    )
)
def test_every_evaluated_step_is_saved_and_the_last_step_is_evaluated_and_logged(plan):
    steps = range(plan.num_train_steps + 1)
    evaluated = [step for step in steps if plan.evaluates_at(step)]
    assert all(plan.saves_at(step) for step in evaluated)
    assert {step for step in steps if plan.saves_at(step)} == {
        *evaluated, *range(0, plan.num_train_steps + 1, plan.save_every),
    }  # fmt: skip
    assert plan.logs_at(plan.num_train_steps)
    if plan.eval_every is None:
        assert not evaluated
        return
    every = plan.epoch_steps if plan.eval_every == EPOCH else plan.eval_every
    assert evaluated[-1] == plan.num_train_steps
    assert evaluated[0] > 0
    assert len(evaluated) == math.ceil(plan.num_train_steps / every)
    if plan.eval_every == EPOCH:
        assert [plan.epoch_of(step) for step in evaluated[:-1]] == list(range(1, len(evaluated)))


def test_too_many_steps_are_rejected():
    config = ClassifierConfig(do_train=True, output_dir="x", num_train_epochs=1e308)
    with pytest.raises(InputError, match="--num_train_epochs=1e"):
        make_step_plan(config, 100)
