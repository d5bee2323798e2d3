"""AdamWeightDecayOptimizer in optimization.py, compared with its formula by hand or with NumPy."""

import math

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import optimization
from tests.support.adam import assert_close_by_update, make_state, random_weights, reference_step


@pytest.mark.parametrize("use_resource", [True, False])
def test_first_step_equals_one_computed_by_hand(use_resource):
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
        # Regular expressions are matched against the name without ":0".
        ("dense/kernel", ["^kernel"], True),
        ("dense/kernel", ["/kern.l$"], False),
    ],
)
def test_weight_decay_is_selected_by_name(name, excluded, decayed):
    # With a gradient of zero, only the decay remains: w - 0.5 * 0.25 * w.
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


def test_slots_have_the_names_that_google_uses():
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


def test_learning_rate_can_be_an_integer():
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
def test_variable_with_a_dynamic_shape_is_updated(use_resource):
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


def test_bias_correction_follows_adam():
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


def test_learning_rate_factors_are_selected_by_name_and_scale_the_update():
    start, gradients = random_weights(3, 5), [random_weights(3, 5, seed=i) for i in range(1, 5)]
    factors = {"^crf/": 10.0, "kernel": 0.5, "crf": 7.0}  # The first match counts.
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
