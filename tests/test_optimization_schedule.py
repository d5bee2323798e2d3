"""The learning rate schedules in optimization.py."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import optimization
from finetune.config.training_flags import LR_SCHEDULES


def test_flag_offers_the_schedules_of_the_optimizer():
    assert LR_SCHEDULES == optimization.SCHEDULES


def learning_rates(steps_done, *args):
    with tf.Graph().as_default(), tf.Session() as session:
        step = tf.placeholder(tf.int64, [])
        rate = optimization.learning_rate_at(step, *args)
        return [float(session.run(rate, {step: done})) for done in steps_done]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        # (init_lr, num_train_steps, num_warmup_steps); the rates at steps 1, 2, ..., by hand.
        ((0.6, 11, 5), [0.12, 0.24, 0.36, 0.48, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0, 0.0]),
        ((0.5, 5, 0), [0.4, 0.3, 0.2, 0.1, 0.0, 0.0]),
        ((0.5, 5, None), [0.4, 0.3, 0.2, 0.1, 0.0, 0.0]),
        ((0.4, 5, 1), [0.4, 0.3, 0.2, 0.1, 0.0, 0.0]),
        # A warm-up as long as training, and a longer one.
        ((0.3, 3, 3), [0.1, 0.2, 0.0, 0.0]),
        ((0.7, 3, 7), [0.1, 0.2, 0.3]),
        # There are no steps to divide by.
        ((0.5, 1, 0), [0.0, 0.0]),
        ((0.5, 0, 0), [0.0]),
        ((0.5, 0, 3), [0.5 / 3]),
    ],
)
def test_learning_rates_equal_those_computed_by_hand(args, expected):
    np.testing.assert_allclose(learning_rates(range(len(expected)), *args), expected, atol=1e-7)


def test_learning_rate_rises_to_one_peak_and_falls_to_zero():
    rates = np.array(learning_rates(range(101), 3e-5, 101, 11))
    assert rates.argmax() == 10
    assert rates[10] == pytest.approx(3e-5, rel=1e-6)
    steps = np.diff(rates)
    np.testing.assert_allclose(steps[:10], 3e-5 / 11, rtol=1e-4)
    np.testing.assert_allclose(steps[10:], -3e-5 / 90, rtol=1e-4)
    assert rates[100] == 0.0


def test_learning_rate_of_late_steps_is_exact():
    # Step 2^23 of 2^24: up to there, single precision represents every integer.
    (rate,) = learning_rates([2**23 - 1], 1.0, 2**24, 0)
    assert rate == 0.5


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        # 10 steps with a warm-up of 2: the rates at steps 1, 2, 4, 6 and 9, by hand.
        ("linear", [0.5, 1.0, 6 / 8, 4 / 8, 1 / 8]),
        ("constant", [0.5, 1.0, 1.0, 1.0, 1.0]),
        # 1/2 + 1/2 cos(pi x) for x = 0, 2/8, 4/8, 7/8.
        ("cosine", [0.5, 1.0, 0.8535534, 0.5, 0.0380602]),
    ],
)
def test_schedules_equal_those_computed_by_hand(schedule, expected):
    with tf.Graph().as_default(), tf.Session() as session:
        rates = [
            optimization.learning_rate_at(tf.constant(step - 1), 2.0, 10, 2, schedule)
            for step in (1, 2, 4, 6, 9)
        ]
        assert session.run(rates) == pytest.approx([2 * share for share in expected], rel=1e-5)
