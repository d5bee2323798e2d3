"""The length of a training run, and the steps at which it logs, saves and evaluates."""

import pytest

from finetune.config.config import EPOCH
from finetune.tasks.classification.config import ClassifierConfig
from finetune.training.step_plan import StepPlan, make_step_plan, training_settings
from finetune.util.errors import InputError


def config(**settings):
    return ClassifierConfig(do_train=True, output_dir="x", **settings)


def steps_of(is_due):
    return [step for step in range(12) if is_due(step)]


def test_plan_logs_evaluates_and_saves_at_the_last_step():
    plan = StepPlan(num_train_steps=11, epoch_steps=4, log_every=5, save_every=7, eval_every=3)
    assert steps_of(plan.logs_at) == [0, 5, 10, 11]
    assert steps_of(plan.evaluates_at) == [3, 6, 9, 11]
    assert steps_of(plan.saves_at) == [0, 3, 6, 7, 9, 11]
    assert plan.epoch_of(6) == 1.5


def test_evaluations_are_due_after_each_epoch_or_never():
    plan = StepPlan(num_train_steps=11, epoch_steps=4, log_every=5, save_every=7, eval_every=EPOCH)
    assert steps_of(plan.evaluates_at) == [4, 8, 11]
    plan = StepPlan(num_train_steps=11, epoch_steps=4, log_every=5, save_every=7)
    assert steps_of(plan.evaluates_at) == []


@pytest.mark.parametrize(
    ("epochs", "steps"),
    [(1.0, 100), (1.1, 110), (1.001, 101), (0.001, 1)],  # 100 * 1.1 == 110.00000000000001
)
def test_number_of_steps_follows_from_the_number_of_epochs(epochs, steps):
    plan = make_step_plan(config(train_batch_size=7, num_train_epochs=epochs), 699)
    assert (plan.num_train_steps, plan.epoch_steps) == (steps, 100)


def test_default_is_about_twenty_log_lines_at_most_50_steps_apart():
    def log_every(num_rows, **settings):
        return make_step_plan(config(train_batch_size=1, **settings), num_rows).log_every

    settings = {"num_train_epochs": 1.0}
    assert [log_every(n, **settings) for n in (7, 60, 5000)] == [1, 3, 50]
    assert log_every(5000, log_steps=13, **settings) == 13


def test_too_many_steps_and_too_long_warmup_are_rejected():
    with pytest.raises(InputError, match="--num_train_epochs=1e"):
        make_step_plan(config(num_train_epochs=1e308), 100)
    with pytest.raises(InputError, match="--warmup_steps=12: training has only 11 steps"):
        make_step_plan(config(train_batch_size=1, num_train_epochs=1.0, warmup_steps=12), 11)


def test_warmup_steps_override_the_warmup_proportion():
    settings = config(warmup_proportion=0.3, learning_rate=7e-5, hidden_dropout_prob=0.2)
    training = training_settings(settings, 11, 2, class_weights=[2.0, 0.5], new_head=True)
    assert (training.num_warmup_steps, training.num_train_steps) == (3, 11)
    assert (training.learning_rate, training.dropout) == (7e-5, {"hidden_dropout_prob": 0.2})
    assert (training.class_weights, training.new_head) == ([2.0, 0.5], True)
    training = training_settings(config(warmup_steps=5, learning_rate=7e-5), 11, 2)
    assert training.num_warmup_steps == 5
    assert (training.class_weights, training.new_head) == (None, False)
