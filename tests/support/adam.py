"""The formula of AdamWeightDecayOptimizer, in double precision.

Source: Kingma and Ba 2014; Loshchilov and Hutter 2017.
"""

import numpy as np
import tensorflow.compat.v1 as tf


def reference_step(state, grad, rate, decay, beta_1=0.9, beta_2=0.999, epsilon=1e-6):
    """Updates a state {"w", "m", "v"} of float64 arrays in place.

    The betas are rounded to single precision, in which TensorFlow holds them: 1 - 0.999 is then
    0.00100005.
    """
    beta_1, beta_2 = float(np.float32(beta_1)), float(np.float32(beta_2))
    state["m"] = beta_1 * state["m"] + (1 - beta_1) * grad
    state["v"] = beta_2 * state["v"] + (1 - beta_2) * grad**2
    adam = state["m"] / (np.sqrt(state["v"]) + epsilon)
    state["w"] = state["w"] - rate * (adam + decay * state["w"])


def make_state(weights):
    """Returns the state before the first step."""
    weights = np.asarray(weights, np.float64)
    return {"w": weights, "m": np.zeros_like(weights), "v": np.zeros_like(weights)}


def assert_close_by_update(result, expected, start, tolerance):
    """Asserts equality up to `tolerance` times the largest change from `start`."""
    move = np.abs(expected - start).max()
    assert move > 0
    np.testing.assert_allclose(result, expected, rtol=0, atol=tolerance * move)


def random_weights(*shape, seed=0):
    """Returns small float32 weights that depend only on the shape and the seed."""
    return np.random.RandomState(seed).uniform(-0.3, 0.3, size=shape).astype(np.float32)


def find_variable(name):
    """Returns the variable with the given name from the default graph."""
    (variable,) = [var for var in tf.global_variables() if var.op.name == name]
    return variable
