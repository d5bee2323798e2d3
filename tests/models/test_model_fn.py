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
        assert list(session.run(scaffold.ready_op)) == waits_for
        assert list(session.run(scaffold.ready_for_local_init_op)) == waits_for
