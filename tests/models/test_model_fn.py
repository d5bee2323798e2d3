"""What the model functions of all tasks share."""

import types

import pytest

from finetune.models import model_fn
from tests.support.tensorflow_v1 import tf


@pytest.mark.parametrize(
    ("cluster", "waits_for"), [({"chief": ["a:1"], "worker": ["b:1"]}, [b"table"]), ({}, [])]
)
def test_only_a_process_of_a_cluster_waits_until_variables_are_initialized(cluster, waits_for):
    config = types.SimpleNamespace(cluster_spec=tf.train.ClusterSpec(cluster))
    with tf.Graph().as_default(), tf.Session() as session:
        tf.get_variable("table", [3])
        is_alone = not model_fn._cluster_of(config)
        scaffold = model_fn.make_scaffold(tf.train.Saver(), is_alone).finalize()
        for op in (scaffold.ready_op, scaffold.ready_for_local_init_op):
            missing = session.run(op)
            assert (missing is None) == (not waits_for)
            assert missing is None or list(missing) == waits_for


def test_local_variables_are_initialized_if_there_are_any():
    for has_local in (False, True):
        with tf.Graph().as_default(), tf.Session() as session:
            tf.get_variable("table", [3])
            collections = [tf.GraphKeys.LOCAL_VARIABLES]
            local = tf.get_variable("local", [2], collections=collections) if has_local else None
            scaffold = model_fn.make_scaffold(tf.train.Saver(), is_alone=True).finalize()
            session.run(scaffold.local_init_op)
            assert local is None or session.run(local).shape == (2,)
