"""create_optimizer in optimization.py: clipping, accumulation, frozen variables, decay."""

import math

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import optimization
from tests.support.adam import (
    assert_close_by_update,
    find_variable,
    make_state,
    random_weights,
    reference_step,
)


def test_tpu_is_rejected():
    with tf.Graph().as_default(), pytest.raises(ValueError, match="use_tpu is not supported"):
        optimization.create_optimizer(tf.get_variable("w", []), 0.1, 7, 3, True)


@pytest.mark.parametrize("use_resource", [True, False])
def test_global_step_advances_by_one_per_step(use_resource):
    with tf.Graph().as_default(), tf.Session() as session:
        with tf.variable_scope("", use_resource=use_resource):
            var = tf.get_variable("w", initializer=[2.0, 3.0])
            train_op = optimization.create_optimizer(tf.reduce_sum(var**2), 0.1, 7, 3)
        session.run(tf.global_variables_initializer())
        global_step = tf.train.get_global_step()
        for expected in (1, 2, 3, 4, 5):
            session.run(train_op)
            assert session.run(global_step) == expected


def test_gradients_are_clipped_by_their_global_norm():
    # Gradients 3 and 4 have norm 5, so they are clipped to 0.6 and 0.8; m is a tenth of that.
    with tf.Graph().as_default(), tf.Session() as session:
        a, b = tf.get_variable("a", initializer=[0.5]), tf.get_variable("b", initializer=[0.25])
        train_op = optimization.create_optimizer(tf.reduce_sum(3 * a + 4 * b), 0.1, 7, 3)
        session.run(tf.global_variables_initializer())
        session.run(train_op)
        m = session.run([find_variable("a/adam_m"), find_variable("b/adam_m")])
    np.testing.assert_allclose(m, [[0.06], [0.08]], rtol=1e-6)


def test_small_gradients_are_not_clipped():
    with tf.Graph().as_default(), tf.Session() as session:
        a, b = tf.get_variable("a", initializer=[0.5]), tf.get_variable("b", initializer=[0.25])
        train_op = optimization.create_optimizer(tf.reduce_sum(0.3 * a + 0.4 * b), 0.1, 7, 3)
        session.run(tf.global_variables_initializer())
        session.run(train_op)
        m = session.run([find_variable("a/adam_m"), find_variable("b/adam_m")])
    np.testing.assert_allclose(m, [[0.03], [0.04]], rtol=1e-6)


def test_gradients_of_repeated_embedding_rows_are_summed_before_the_norm():
    # Row 2 has gradient 3 and row 0 has 4, so the norm is 5; over slices, it would be sqrt(19).
    with tf.Graph().as_default(), tf.Session() as session:
        table = tf.get_variable("table", initializer=random_weights(5, 1))
        rows = tf.gather(table, [2, 2, 0, 2])
        loss = tf.reduce_sum(rows * [[1.0], [1.0], [4.0], [1.0]])
        train_op = optimization.create_optimizer(loss, 0.1, 7, 3)
        session.run(tf.global_variables_initializer())
        session.run(train_op)
        m = session.run(find_variable("table/adam_m"))
    np.testing.assert_allclose(m[:, 0], [0.08, 0, 0.06, 0, 0], rtol=1e-6)


def test_everything_except_layer_norms_and_biases_is_decayed():
    # The first step has the peak rate 1, so it leaves 0.99 of each decayed weight.
    names = {
        "bert/embeddings/word_embeddings": 0.99,
        "bert/encoder/layer_0/output/dense/kernel": 0.99,
        "output_weights": 0.99,
        "bert/encoder/layer_0/output/dense/bias": 1.0,
        "bert/embeddings/LayerNorm/gamma": 1.0,
        "bert/embeddings/LayerNorm/beta": 1.0,
        "old/layer_norm/gamma": 1.0,
        "output_bias": 1.0,
    }
    with tf.Graph().as_default(), tf.Session() as session:
        variables = {name: tf.get_variable(name, initializer=[1.0]) for name in names}
        loss = tf.add_n([0.0 * tf.reduce_sum(var) for var in variables.values()])
        train_op = optimization.create_optimizer(loss, 1.0, 3, 1)
        session.run(tf.global_variables_initializer())
        session.run(train_op)
        weights = {name: value[0] for name, value in session.run(variables).items()}
    assert weights == pytest.approx(names, abs=1e-7)


def test_variable_without_a_gradient_is_not_changed():
    with tf.Graph().as_default(), tf.Session() as session:
        used = tf.get_variable("used", initializer=[2.0])
        unused = tf.get_variable("unused", initializer=[3.0])
        train_op = optimization.create_optimizer(tf.reduce_sum(used**2), 0.1, 7, 3)
        session.run(tf.global_variables_initializer())
        session.run(train_op)
        used, unused = session.run([used, unused])
        assert used[0] < 2.0
        assert unused.tolist() == [3.0]
        assert "unused/adam_m" not in [var.op.name for var in tf.global_variables()]


@pytest.mark.parametrize("use_resource", [True, False])
def test_training_equals_training_in_numpy(use_resource):
    # A linear model trained with a schedule, clipping, and decay of the kernel only.
    rng = np.random.RandomState(5)
    x = rng.normal(size=(11, 3)).astype(np.float32)
    y = 3 * rng.normal(size=(11, 2)).astype(np.float32)
    kernel, bias = make_state(random_weights(3, 2)), make_state(random_weights(2, seed=1))
    start = kernel["w"]
    with tf.Graph().as_default(), tf.Session() as session:
        with tf.variable_scope("", use_resource=use_resource):
            variables = [
                tf.get_variable("kernel", initializer=random_weights(3, 2)),
                tf.get_variable("bias", initializer=random_weights(2, seed=1)),
            ]
            error = tf.matmul(x, variables[0]) + variables[1] - y
            loss = tf.reduce_mean(error**2)
            train_op = optimization.create_optimizer(loss, 0.1, 13, 5)
        session.run(tf.global_variables_initializer())
        for _ in range(13):
            session.run(train_op)
        result = session.run(variables)
    # Peak at step 5, zero at step 13.
    rates = [0.02, 0.04, 0.06, 0.08, 0.1] + [0.1 * left / 8 for left in range(7, -1, -1)]
    norms = []
    for rate in rates:
        error = x.astype(np.float64) @ kernel["w"] + bias["w"] - y
        gradients = [x.T @ error / 11, error.mean(axis=0)]
        norms.append(math.sqrt(sum((gradient**2).sum() for gradient in gradients)))
        scale = 1 / max(norms[-1], 1.0)
        reference_step(kernel, gradients[0] * scale, rate, decay=0.01)
        reference_step(bias, gradients[1] * scale, rate, decay=0.0)
    assert min(norms) < 1.0 < max(norms)
    assert_close_by_update(result[0], kernel["w"], start, 1e-5)
    assert_close_by_update(result[1], bias["w"], random_weights(2, seed=1), 1e-5)


def test_loss_without_variables_is_rejected():
    with tf.Graph().as_default():
        tf.get_variable("w", [3])
        with pytest.raises(ValueError, match="depends on no trainable variable"):
            optimization.create_optimizer(tf.constant(1.0), 0.1, 10, 0)


def test_frozen_variables_do_not_change_and_have_no_slots():
    with tf.Graph().as_default(), tf.Session() as session:
        tf.train.create_global_step()
        free, frozen = (tf.get_variable(name, initializer=[1.0, 2.0]) for name in ("a/w", "b/w"))
        loss = tf.reduce_sum(free * frozen)
        step = optimization.create_optimizer(loss, 0.1, 10, 0, frozen=["^b/"])
        session.run(tf.global_variables_initializer())
        session.run(step)
        assert session.run(frozen).tolist() == [1.0, 2.0]
        assert np.all(session.run(free) < [1.0, 2.0])
        names = [variable.op.name for variable in tf.global_variables()]
        assert "a/w/adam_m" in names
        assert not any(name.startswith("b/w/adam") for name in names)


@pytest.mark.parametrize("scale_loss", [False, True])
def test_accumulated_gradients_equal_those_of_the_whole_batch(scale_loss):
    """Compares three parts of different sizes with their whole batch, with a sparse gradient."""
    ids, targets = [[0, 3], [3], [1, 0, 2]], [[1.0, -2.0], [0.5], [3.0, 1.0, -1.0]]

    def train(parts, accumulate):
        with tf.Graph().as_default(), tf.Session() as session:
            tf.train.create_global_step()
            table = tf.get_variable("table", initializer=np.float32([[0.1], [0.2], [0.3], [0.4]]))
            bias = tf.get_variable("bias", initializer=[0.5])
            rows, wanted = tf.placeholder(tf.int32, [None]), tf.placeholder(tf.float32, [None])
            is_last = tf.placeholder(tf.bool, [])
            found = tf.gather(table, rows)[:, 0] + bias
            total = tf.reduce_sum(tf.squared_difference(found, wanted))
            count = tf.cast(tf.size(rows), tf.float32)
            more = {"accumulation": optimization.Accumulation(count, is_last)} if accumulate else {}
            step = optimization.create_optimizer(
                total if accumulate else total / count, 0.1, 10, 0, scale_loss=scale_loss, **more
            )
            norm = tf.get_default_graph().get_tensor_by_name("gradient_norm:0")
            session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
            norms = []
            for _ in range(2):
                for i, (some_rows, some_targets) in enumerate(parts):
                    feed = {rows: some_rows, wanted: some_targets, is_last: i == len(parts) - 1}
                    norms.append(session.run([norm, step], feed)[0])
            steps = session.run(tf.train.get_global_step())
            return session.run(table), session.run(bias), norms[len(parts) - 1], steps

    whole = train([(sum(ids, []), sum(targets, []))], accumulate=False)
    parts = train(list(zip(ids, targets)), accumulate=True)
    for result, expected in zip(parts, whole):
        np.testing.assert_allclose(result, expected, rtol=1e-5)
    assert whole[2] > 1.0  # The gradients are clipped.
    assert parts[3] == 2
