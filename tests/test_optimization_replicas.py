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

REPLICAS, ROWS, STEPS = 2, 5, 10


def make_batches():
    """Returns ids [steps, replicas, rows, 3] and targets [steps, replicas, rows, 2]."""
    rng = np.random.RandomState(7)
    ids = rng.randint(0, 11, size=(STEPS, REPLICAS, ROWS, 3))
    targets = rng.normal(size=(STEPS, REPLICAS, ROWS, 2)).astype(np.float32)
    # The replicas' gradients differ in size, so clipping each separately would fail the test.
    targets[:, 1] *= 7
    return ids, targets


def build_training(ids, targets):
    """Returns the train op of a small model with embeddings, and the norm of its gradients."""
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


def train_one_replica():
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


def test_two_replicas_equal_one_with_a_batch_of_twice_the_size():
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
    replicas = json.loads(process.stdout.splitlines()[-1])
    single, norms = train_one_replica()
    assert min(norms) > 1.0  # All steps are clipped.
    assert replicas["global_step"] == single["global_step"] == STEPS
    assert np.abs(single["embeddings"] - random_weights(11, 7)).max() > 0.1
    for name in ("embeddings", "kernel", "bias"):
        np.testing.assert_allclose(replicas[name], single[name], rtol=0, atol=1e-6)


if __name__ == "__main__":
    tf.disable_v2_behavior()
    tf.enable_resource_variables()
    json.dump({name: value.tolist() for name, value in train_replicas().items()}, sys.stdout)
