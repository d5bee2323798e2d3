"""optimization.py on several replicas."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import optimization
from tests.support.adam import find_variable, random_weights

pytestmark = pytest.mark.slow

REPLICAS, ROWS, STEPS, PARTS = 2, 5, 10, 3
NAMES = ("embeddings", "kernel", "bias", "global_step")
MODES = ("plain", "accumulation", "scale_loss", "scale_loss accumulation")
OVERFLOWS = 4  # The step in which the gradient of the last row is not finite


def make_batches():
    """Returns ids [steps, parts, rows, 3], targets [steps, parts, rows, 2], weights [.., rows]."""
    rng = np.random.RandomState(7)
    shape = (STEPS, PARTS, REPLICAS * ROWS)
    ids = rng.randint(0, 11, size=(*shape, 3))
    targets = rng.normal(size=(*shape, 2)).astype(np.float32)
    # The replicas' gradients differ in size, so clipping each separately would fail the test, as
    # would a mean of the replicas' means, because their weights differ.
    targets[..., ROWS:, :] *= 7
    weights = rng.randint(0, 2, size=shape).astype(np.float32)
    return ids, targets, weights


def build_training(ids, targets, weights, total, is_last, mode):
    """Returns the train op of a small model with embeddings."""
    table = tf.get_variable("embeddings", initializer=random_weights(11, 7))
    kernel = tf.get_variable("kernel", initializer=random_weights(7, 2, seed=1))
    bias = tf.get_variable("bias", initializer=random_weights(2, seed=2))
    hidden = tf.tanh(tf.reduce_sum(tf.gather(table, ids), axis=1))  # [rows, 7]
    errors = tf.squared_difference(tf.matmul(hidden, kernel) + bias, targets)
    loss = 3 * tf.reduce_sum(errors * weights[:, None])
    accumulation = None
    if "accumulation" in mode:
        accumulation = optimization.Accumulation(tf.reduce_sum(weights), is_last)
    else:  # The mean over all replicas is then the mean over all rows.
        loss *= tf.distribute.get_strategy().num_replicas_in_sync / total
    return optimization.create_optimizer(
        loss, 0.05, 13, 3, accumulation=accumulation, scale_loss="scale_loss" in mode
    )


def train(mode, num_replicas, strategy=None):
    """Trains on all rows; returns the weights and the norms of the gradients by name."""
    ids = tf.placeholder(tf.int32, [num_replicas, None, 3])
    targets = tf.placeholder(tf.float32, [num_replicas, None, 2])
    weights = tf.placeholder(tf.float32, [num_replicas, None])
    is_last = tf.placeholder(tf.bool, [])

    def build_replica():
        replica = int(tf.get_static_value(context().replica_id_in_sync_group))
        rows = ids[replica], targets[replica], weights[replica]
        return build_training(*rows, tf.reduce_sum(weights), is_last, mode)

    context = tf.distribute.get_replica_context
    tf.train.get_or_create_global_step()
    if strategy is None:
        train_op = build_replica()
    else:
        train_op = strategy.group(strategy.extended.call_for_each_replica(build_replica))
    variables = {name: find_variable(name) for name in NAMES}
    norm = tf.get_default_graph().get_tensor_by_name("gradient_norm:0")
    norms = []
    with tf.Session() as session:
        session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        for step, batch in enumerate(zip(*make_batches())):
            if "scale_loss" in mode and step == OVERFLOWS:
                batch[1][-1, -1, :] = np.inf
                batch[2][-1, -1] = 1.0
            parts = list(zip(*batch))
            parts = parts if "accumulation" in mode else [map(np.concatenate, zip(*parts))]
            for i, arrays in enumerate(parts):
                # Each replica gets a block of rows.
                shares = [array.reshape(num_replicas, -1, *array.shape[1:]) for array in arrays]
                feed = dict(zip((ids, targets, weights), shares))
                feed[is_last] = i == len(parts) - 1 if isinstance(parts, list) else True
                found, _ = session.run([norm, train_op], feed)
            norms.append(float(found))
        found = {name: value.tolist() for name, value in session.run(variables).items()}
    return {**found, "norms": norms}


def train_replicas():
    """Trains on two logical CPU devices; returns the results of `train` by mode."""
    (device,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        device, [tf.config.LogicalDeviceConfiguration()] * REPLICAS
    )
    strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    results = {}
    for mode in MODES:
        with tf.Graph().as_default(), strategy.scope():
            results[mode] = train(mode, REPLICAS, strategy)
    return results


@pytest.fixture(scope="module")
def replicas():
    # In its own process, because logical devices must be configured before TensorFlow is used.
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
    return json.loads(process.stdout.splitlines()[-1])


@pytest.mark.parametrize("mode", MODES)
def test_two_replicas_equal_one_with_all_rows(mode, replicas):
    found = replicas[mode]
    with tf.Graph().as_default():
        single = train(mode, 1)
    skipped = OVERFLOWS if "scale_loss" in mode else None
    norms = [norm for step, norm in enumerate(single["norms"]) if step != skipped]
    assert min(norms) > 1.0  # All steps are clipped.
    np.testing.assert_allclose(found["norms"], single["norms"], rtol=1e-5)
    assert np.isfinite(found["norms"]).sum() == STEPS - (skipped is not None)
    assert found["global_step"] == single["global_step"] == STEPS
    assert np.abs(single["embeddings"] - random_weights(11, 7)).max() > 0.1
    for name in ("embeddings", "kernel", "bias"):
        np.testing.assert_allclose(found[name], single[name], rtol=0, atol=1e-6)


if __name__ == "__main__":
    tf.disable_v2_behavior()
    tf.enable_resource_variables()
    json.dump(train_replicas(), sys.stdout)
