"""Tests of optimization.py: the schedule, the update, clipping, and several replicas.

The update is held against the formula of `AdamWeightDecayOptimizer`'s docstring (Kingma and Ba
2014; Loshchilov and Hutter 2017), by hand or in double precision with NumPy.
"""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import optimization


def reference_step(state, grad, rate, decay, beta_1=0.9, beta_2=0.999, epsilon=1e-6):
    """Updates {"w", "m", "v"} of float64 arrays in place by the formula.

    The betas are rounded to single precision, in which TensorFlow holds them: 1 - 0.999 is then
    0.00100005.
    """
    beta_1, beta_2 = float(np.float32(beta_1)), float(np.float32(beta_2))
    state["m"] = beta_1 * state["m"] + (1 - beta_1) * grad
    state["v"] = beta_2 * state["v"] + (1 - beta_2) * grad**2
    adam = state["m"] / (np.sqrt(state["v"]) + epsilon)
    state["w"] = state["w"] - rate * (adam + decay * state["w"])


def make_state(weights):
    weights = np.asarray(weights, np.float64)
    return {"w": weights, "m": np.zeros_like(weights), "v": np.zeros_like(weights)}


def assert_close_by_update(result, expected, start, tolerance):
    """Asserts equality up to `tolerance` times the largest move from `start`."""
    move = np.abs(expected - start).max()
    assert move > 0
    np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance * move)


def random_weights(*shape, seed=0):
    return np.random.RandomState(seed).uniform(-0.3, 0.3, size=shape).astype(np.float32)


def find_variable(name):
    (variable,) = [var for var in tf.global_variables() if var.op.name == name]
    return variable


# --- learning rate


def learning_rates(steps_done, *args):
    with tf.Graph().as_default(), tf.Session() as session:
        step = tf.placeholder(tf.int64, [])
        rate = optimization.learning_rate_at(step, *args)
        return [float(session.run(rate, {step: done})) for done in steps_done]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        # (init_lr, num_train_steps, num_warmup_steps), and the rates of steps 1, 2, ... by hand.
        ((0.6, 11, 5), [0.12, 0.24, 0.36, 0.48, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0, 0.0]),
        ((0.5, 5, 0), [0.4, 0.3, 0.2, 0.1, 0.0, 0.0]),
        ((0.5, 5, None), [0.4, 0.3, 0.2, 0.1, 0.0, 0.0]),
        ((0.4, 5, 1), [0.4, 0.3, 0.2, 0.1, 0.0, 0.0]),
        # Warm-up as long as training, and longer.
        ((0.3, 3, 3), [0.1, 0.2, 0.0, 0.0]),
        ((0.7, 3, 7), [0.1, 0.2, 0.3]),
        # Nothing to divide by.
        ((0.5, 1, 0), [0.0, 0.0]),
        ((0.5, 0, 0), [0.0]),
        ((0.5, 0, 3), [0.5 / 3]),
    ],
)
def test_learning_rate_by_hand(args, expected):
    np.testing.assert_allclose(learning_rates(range(len(expected)), *args), expected, atol=1e-7)


def test_learning_rate_has_one_peak_and_no_jump():
    rates = np.array(learning_rates(range(101), 3e-5, 101, 11))
    assert rates.argmax() == 10
    assert rates[10] == pytest.approx(3e-5, rel=1e-6)
    steps = np.diff(rates)
    np.testing.assert_allclose(steps[:10], 3e-5 / 11, rtol=1e-4)
    np.testing.assert_allclose(steps[10:], -3e-5 / 90, rtol=1e-4)
    assert rates[100] == 0.0


def test_learning_rate_of_late_steps_is_exact():
    # Half way: step 2^23 of 2^24, where single precision still holds every integer.
    (rate,) = learning_rates([2**23 - 1], 1.0, 2**24, 0)
    assert rate == 0.5


# --- the update


@pytest.mark.parametrize("use_resource", [True, False])
def test_first_step_by_hand(use_resource):
    # g = 0.5: m = 0.05, v = 0.00025, sqrt(v) = 0.0158114, m / (sqrt(v) + 1e-6) = 3.16208.
    # 2 - 0.01 * (3.16208 + 0.1 * 2) = 1.966379; with g = -0.5, 2 - 0.01 * (-3.16208 + 0.2).
    with tf.Graph().as_default(), tf.Session() as session:
        var = tf.get_variable("w", initializer=[2.0, 2.0], use_resource=use_resource)
        optimizer = optimization.AdamWeightDecayOptimizer(0.01, weight_decay_rate=0.1)
        train_op = optimizer.apply_gradients([(tf.constant([0.5, -0.5]), var)])
        session.run(tf.global_variables_initializer())
        session.run(train_op)
        weights, slots = session.run([var, [optimizer.get_slot(var, name) for name in "mv"]])
    np.testing.assert_allclose(weights, [1.966379, 2.029621], atol=2e-6)
    np.testing.assert_allclose(slots, [[0.05, -0.05], [0.00025, 0.00025]], rtol=1e-4)


@pytest.mark.parametrize("use_resource", [True, False])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_steps_equal_the_formula(use_resource, decay):
    hyperparameters = {"beta_1": 0.7, "beta_2": 0.97, "epsilon": 0.05}
    start = random_weights(3, 5)
    state = make_state(start)
    gradients = np.random.RandomState(1).normal(size=(7, 3, 5)).astype(np.float32)
    rates = [0.11, 0.13, 0.17, 0.19, 0.23, 0.29, 0.31]
    with tf.Graph().as_default(), tf.Session() as session:
        var = tf.get_variable("w", initializer=start, use_resource=use_resource)
        assert (type(var).__name__ == "RefVariable") == (not use_resource)
        grad, rate = tf.placeholder(tf.float32, start.shape), tf.placeholder(tf.float32, [])
        optimizer = optimization.AdamWeightDecayOptimizer(
            rate, weight_decay_rate=decay, **hyperparameters
        )
        train_op = optimizer.apply_gradients([(grad, var)])
        session.run(tf.global_variables_initializer())
        for index, gradient in enumerate(gradients):
            session.run(train_op, {grad: gradient, rate: rates[index]})
            step_rate = float(np.float32(rates[index]))
            reference_step(state, gradient.astype(np.float64), step_rate, decay, **hyperparameters)
            assert_close_by_update(session.run(var), state["w"], start, 2e-6)


def test_steps_with_the_defaults_equal_the_formula():
    start = random_weights(3, 5)
    state = make_state(start)
    gradients = np.random.RandomState(2).normal(size=(13, 3, 5)).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        var = tf.get_variable("w", initializer=start)
        grad = tf.placeholder(tf.float32, start.shape)
        optimizer = optimization.AdamWeightDecayOptimizer(0.125)
        train_op = optimizer.apply_gradients([(grad, var)])
        session.run(tf.global_variables_initializer())
        for gradient in gradients:
            session.run(train_op, {grad: gradient})
            reference_step(state, gradient.astype(np.float64), 0.125, decay=0.0)
        result = session.run(var)
    assert_close_by_update(result, state["w"], start, 2e-6)


@pytest.mark.parametrize(
    ("name", "excluded", "decayed"),
    [
        ("dense/kernel", None, True),
        ("dense/kernel", [], True),
        ("dense/kernel", ["bias"], True),
        ("dense/bias", ["bias"], False),
        ("output_bias", ["gamma", "bias"], False),
        ("LayerNorm/gamma", ["layer_norm", "LayerNorm"], False),
        ("LayerNorm/gamma", ["layernorm"], True),
        # Regular expressions, of the name without ":0".
        ("dense/kernel", ["^kernel"], True),
        ("dense/kernel", ["/kern.l$"], False),
    ],
)
def test_decay_is_by_name(name, excluded, decayed):
    # No gradient, no Adam: w - 0.5 * 0.25 * w.
    with tf.Graph().as_default(), tf.Session() as session:
        var = tf.get_variable(name, initializer=[8.0, -16.0])
        optimizer = optimization.AdamWeightDecayOptimizer(
            0.5, weight_decay_rate=0.25, exclude_from_weight_decay=excluded
        )
        train_op = optimizer.apply_gradients([(tf.zeros([2]), var)])
        session.run(tf.global_variables_initializer())
        session.run(train_op)
        assert session.run(var).tolist() == ([7.0, -14.0] if decayed else [8.0, -16.0])


@pytest.mark.parametrize("use_resource", [True, False])
def test_sparse_gradient_equals_dense(use_resource):
    start = random_weights(7, 3)
    state = make_state(start)
    ids_of_steps = [[2, 5, 2, 2], [0, 5, 5, 1], [6, 6, 6, 6], [2, 0, 3, 5]]
    factors = np.random.RandomState(3).normal(size=(4, 4, 3)).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        ids, factor = tf.placeholder(tf.int32, [4]), tf.placeholder(tf.float32, [4, 3])
        train_ops, tables = [], []
        for name in ("sparse", "dense"):
            table = tf.get_variable(name, initializer=start, use_resource=use_resource)
            loss = tf.reduce_sum(tf.gather(table, ids) * factor)
            (grad,) = tf.gradients(loss, [table])
            assert isinstance(grad, tf.IndexedSlices)
            if name == "dense":
                grad = tf.convert_to_tensor(grad)
            optimizer = optimization.AdamWeightDecayOptimizer(0.125, weight_decay_rate=0.25)
            train_ops.append(optimizer.apply_gradients([(grad, table)]))
            tables.append(table)
        session.run(tf.global_variables_initializer())
        for step_ids, step_factors in zip(ids_of_steps, factors):
            session.run(train_ops, {ids: step_ids, factor: step_factors})
            gradient = np.zeros((7, 3))
            np.add.at(gradient, step_ids, step_factors.astype(np.float64))
            reference_step(state, gradient, 0.125, 0.25)
        sparse, dense = session.run(tables)
    assert_close_by_update(sparse, state["w"], start, 2e-6)
    assert_close_by_update(dense, state["w"], start, 2e-6)


def test_slots_have_googles_names():
    with tf.Graph().as_default():
        with tf.variable_scope("bert"):
            x = tf.get_variable("dense/kernel", initializer=[[2.0, 3.0, 5.0]])
        optimization.create_optimizer(tf.reduce_sum(x), 0.1, 7, 3)
        shapes = {var.op.name: var.shape.as_list() for var in tf.global_variables()}
        assert shapes == {
            "bert/dense/kernel": [1, 3],
            "bert/dense/kernel/adam_m": [1, 3],
            "bert/dense/kernel/adam_v": [1, 3],
            "global_step": [],
        }
        assert [var.op.name for var in tf.trainable_variables()] == ["bert/dense/kernel"]


def test_optimizer_converges():
    target = [0.7, -0.3, 0.11]
    with tf.Graph().as_default(), tf.Session() as session:
        var = tf.get_variable("bias", initializer=[-0.2, 0.5, 0.13])
        loss = tf.reduce_mean(tf.squared_difference(var, target))
        train_op = optimization.create_optimizer(loss, 0.05, 211, 13)
        session.run(tf.global_variables_initializer())
        for _ in range(211):
            session.run(train_op)
        np.testing.assert_allclose(session.run(var), target, atol=3e-3)


# --- create_optimizer


def test_tpu_is_refused():
    with tf.Graph().as_default(), pytest.raises(ValueError, match="use_tpu is not supported"):
        optimization.create_optimizer(tf.get_variable("w", []), 0.1, 7, 3, True)


@pytest.mark.parametrize("use_resource", [True, False])
def test_global_step_advances_once_a_step(use_resource):
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
    # Gradients 3 and 4 have norm 5: 0.6 and 0.8 are left, of which m takes a tenth.
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


def test_repeated_embedding_rows_count_as_one_in_the_norm():
    # Row 2 has gradient 3 and row 0 gradient 4; as slices, norm sqrt(1 + 1 + 1 + 16) is not 5.
    with tf.Graph().as_default(), tf.Session() as session:
        table = tf.get_variable("table", initializer=random_weights(5, 1))
        rows = tf.gather(table, [2, 2, 0, 2])
        loss = tf.reduce_sum(rows * [[1.0], [1.0], [4.0], [1.0]])
        train_op = optimization.create_optimizer(loss, 0.1, 7, 3)
        session.run(tf.global_variables_initializer())
        session.run(train_op)
        m = session.run(find_variable("table/adam_m"))
    np.testing.assert_allclose(m[:, 0], [0.08, 0, 0.06, 0, 0], rtol=1e-6)


def test_create_optimizer_decays_all_but_norms_and_biases():
    # The first step has the peak rate 1 of one warm-up step: 0.99 of each decayed weight is left.
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


def test_variable_without_gradient_is_left_alone():
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
def test_training_equals_numpy(use_resource):
    # A linear model with all of it: schedule, clipping, decay of the kernel alone.
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


def test_a_whole_number_is_a_learning_rate():
    weights = []
    for rate in (1, 1.0):
        with tf.Graph().as_default(), tf.Session() as session:
            var = tf.get_variable("w", initializer=tf.constant([0.5, -2.0]))
            optimizer = optimization.AdamWeightDecayOptimizer(rate, weight_decay_rate=0.01)
            op = optimizer.apply_gradients([(tf.constant([0.1, 0.3]), var)])
            session.run(tf.global_variables_initializer())
            session.run(op)
            weights.append(session.run(var))
    np.testing.assert_array_equal(*weights)
    assert np.all(weights[0] != [0.5, -2.0])


@pytest.mark.parametrize("use_resource", [False, True])
def test_a_variable_whose_shape_is_known_at_run_time_alone_is_updated(use_resource):
    with tf.Graph().as_default(), tf.Session() as session:
        values = tf.placeholder_with_default(np.float32([0.5, -2.0]), [None])
        var = tf.get_variable(
            "w", initializer=values, validate_shape=False, use_resource=use_resource
        )
        optimizer = optimization.AdamWeightDecayOptimizer(0.1)
        grad = tf.constant([0.1, 0.3])
        op = optimizer.apply_gradients([(grad, var)])
        session.run(tf.global_variables_initializer())
        session.run(op)
        expected = make_state([0.5, -2.0])
        reference_step(expected, np.array([0.1, 0.3]), 0.1, 0.0)
        np.testing.assert_allclose(session.run(var), expected["w"], rtol=1e-5)


# --- several replicas

REPLICAS, ROWS, STEPS = 2, 5, 10


def make_batches():
    """Returns ids [steps, replicas, rows, 3] and targets [steps, replicas, rows, 2]."""
    rng = np.random.RandomState(7)
    ids = rng.randint(0, 11, size=(STEPS, REPLICAS, ROWS, 3))
    targets = rng.normal(size=(STEPS, REPLICAS, ROWS, 2)).astype(np.float32)
    # The replicas' gradients differ in size, so that clipping each by itself shows.
    targets[:, 1] *= 7
    return ids, targets


def build_training(ids, targets):
    """Returns the train op, and the norm of the gradients, of a small model with embeddings."""
    table = tf.get_variable("embeddings", initializer=random_weights(11, 7))
    kernel = tf.get_variable("kernel", initializer=random_weights(7, 2, seed=1))
    bias = tf.get_variable("bias", initializer=random_weights(2, seed=2))
    hidden = tf.tanh(tf.reduce_sum(tf.gather(table, ids), axis=1))  # [rows, 7]
    loss = 3 * tf.reduce_mean(tf.squared_difference(tf.matmul(hidden, kernel) + bias, targets))
    grads = [tf.convert_to_tensor(grad) for grad in tf.gradients(loss, [table, kernel, bias])]
    return optimization.create_optimizer(loss, 0.05, 13, 3), tf.global_norm(grads)


def train_replicas():
    """Trains on two logical CPU devices; returns the weights by name."""
    (device,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        device, [tf.config.LogicalDeviceConfiguration()] * REPLICAS
    )
    strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    all_ids, all_targets = make_batches()
    with tf.Graph().as_default(), strategy.scope():
        ids = tf.placeholder(tf.int32, [REPLICAS, ROWS, 3])
        targets = tf.placeholder(tf.float32, [REPLICAS, ROWS, 2])

        def build_replica():
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            return build_training(ids[replica], targets[replica])[0]

        tf.train.get_or_create_global_step()
        train_op = strategy.group(strategy.extended.call_for_each_replica(build_replica))
        names = ("embeddings", "kernel", "bias", "global_step")
        weights = {name: find_variable(name) for name in names}
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for step in range(STEPS):
                session.run(train_op, {ids: all_ids[step], targets: all_targets[step]})
            return session.run(weights)


def train_alone():
    """Trains on both replicas' rows as one batch; returns the weights and the norms."""
    all_ids, all_targets = make_batches()
    with tf.Graph().as_default(), tf.Session() as session:
        ids = tf.placeholder(tf.int32, [REPLICAS * ROWS, 3])
        targets = tf.placeholder(tf.float32, [REPLICAS * ROWS, 2])
        train_op, norm = build_training(ids, targets)
        session.run(tf.global_variables_initializer())
        norms = []
        for step in range(STEPS):
            feed = {ids: all_ids[step].reshape(-1, 3), targets: all_targets[step].reshape(-1, 2)}
            norms.append(session.run(norm, feed))
            session.run(train_op, feed)
        names = ("embeddings", "kernel", "bias", "global_step")
        return session.run({name: find_variable(name) for name in names}), norms


def test_two_replicas_equal_one_process_with_the_double_batch():
    # In a process of its own: logical devices must be there before TensorFlow's first use.
    root = Path(__file__).resolve().parents[1]
    path = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.run(
        [sys.executable, __file__],
        env={**os.environ, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "-1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.returncode == 0, process.stderr
    replicas = json.loads(process.stdout.splitlines()[-1])
    alone, norms = train_alone()
    assert min(norms) > 1.0  # All steps are clipped.
    assert replicas["global_step"] == alone["global_step"] == STEPS
    assert np.abs(alone["embeddings"] - random_weights(11, 7)).max() > 0.1
    for name in ("embeddings", "kernel", "bias"):
        np.testing.assert_allclose(replicas[name], alone[name], rtol=0, atol=1e-6)


if __name__ == "__main__":
    tf.disable_v2_behavior()
    tf.enable_resource_variables()
    json.dump({name: value.tolist() for name, value in train_replicas().items()}, sys.stdout)


def test_a_loss_without_variables_is_refused():
    with tf.Graph().as_default():
        tf.get_variable("w", [3])
        with pytest.raises(ValueError, match="depends on no trainable variable"):
            optimization.create_optimizer(tf.constant(1.0), 0.1, 10, 0)


def test_bias_correction_is_that_of_adam():
    # Kingma and Ba 2014, section 2, last paragraph: the step is lr * sqrt(1 - b2^t) / (1 - b1^t).
    weights, grads = random_weights(3, 5), [random_weights(3, 5, seed=i) for i in range(1, 5)]
    beta_1, beta_2 = float(np.float32(0.9)), float(np.float32(0.999))
    state = make_state(weights)
    for t, grad in enumerate(grads, start=1):
        corrected = 0.1 * math.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        reference_step(state, grad.astype(np.float64), corrected, decay=0.0)
    with tf.Graph().as_default(), tf.Session() as session:
        variable = tf.get_variable("w", initializer=weights)
        grad = tf.placeholder(tf.float32, [3, 5])
        optimizer = optimization.AdamWeightDecayOptimizer(0.1, bias_correction=True)
        step = tf.train.get_or_create_global_step()
        train_op = optimizer.apply_gradients([(grad, variable)], global_step=step)
        session.run(tf.global_variables_initializer())
        for value in grads:
            session.run(train_op, {grad: value})
        result = session.run(variable)
    assert_close_by_update(result, state["w"], weights, 1e-4)


def test_learning_rate_factors_are_by_name_and_scale_the_whole_update():
    start, gradients = random_weights(3, 5), [random_weights(3, 5, seed=i) for i in range(1, 5)]
    factors = {"^crf/": 10.0, "kernel": 0.5, "crf": 7.0}  # The first that matches counts.
    expected = {"crf/start": 10.0, "dense/kernel": 0.5, "my_crf": 7.0, "dense/other": 1.0}
    with tf.Graph().as_default(), tf.Session() as session:
        variables = {name: tf.get_variable(name, initializer=start) for name in expected}
        grad = tf.placeholder(tf.float32, [3, 5])
        optimizer = optimization.AdamWeightDecayOptimizer(
            0.1, weight_decay_rate=0.3, learning_rate_factors=factors
        )
        train_op = optimizer.apply_gradients([(grad, var) for var in variables.values()])
        session.run(tf.global_variables_initializer())
        for value in gradients:
            session.run(train_op, {grad: value})
        results = session.run(variables)
    for name, factor in expected.items():
        state = make_state(start)
        for value in gradients:
            reference_step(state, value.astype(np.float64), 0.1 * factor, decay=0.3)
        assert_close_by_update(results[name], state["w"], start, 2e-5)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        # 10 steps, 2 of warm-up: rates of the steps 1, 2, 4, 6, 9, by hand.
        ("linear", [0.5, 1.0, 6 / 8, 4 / 8, 1 / 8]),
        ("constant", [0.5, 1.0, 1.0, 1.0, 1.0]),
        # 1/2 + 1/2 cos(pi x) of the shares 0, 2/8, 4/8, 7/8 of the way down.
        ("cosine", [0.5, 1.0, 0.8535534, 0.5, 0.0380602]),
    ],
)
def test_schedules_by_hand(schedule, expected):
    with tf.Graph().as_default(), tf.Session() as session:
        rates = [
            optimization.learning_rate_at(tf.constant(step - 1), 2.0, 10, 2, schedule)
            for step in (1, 2, 4, 6, 9)
        ]
        assert session.run(rates) == pytest.approx([2 * share for share in expected], rel=1e-5)


def test_frozen_variables_stay_and_have_no_slots():
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
def test_accumulated_gradients_are_summed_divided_by_all_weights_and_clipped_once(scale_loss):
    """Three parts of unlike weights, one of them sparse, against one loss over all of them."""
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
    assert whole[2] > 1.0  # It is clipped.
    assert parts[3] == 2
