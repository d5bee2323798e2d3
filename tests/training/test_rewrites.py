"""The rewrites that sessions leave out would change nothing: graphs run the same ops without."""

import collections

import pytest

from finetune.training.session import make_session_config
from tests.support.bert import build_model, make_ids
from tests.support.tensorflow_v1 import tf


def ops_that_run(config, is_training):
    """Returns the ops that TensorFlow runs for a batch, and how many of each."""
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        tf.set_random_seed(7)
        ids = tf.placeholder(tf.int32, [None, None])
        model = build_model(ids, is_training=is_training, padding_free=True)
        fetched = tf.reduce_sum(model.get_sequence_pooled_output()) + model.get_pooled_output()
        if is_training:
            loss = tf.reduce_sum(fetched)
            fetched = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
        session.run(tf.global_variables_initializer())
        options = tf.RunOptions(output_partition_graphs=True)
        metadata = tf.RunMetadata()
        session.run(fetched, {ids: make_ids(3, 11)}, options=options, run_metadata=metadata)
    return collections.Counter(
        node.op for graph in metadata.partition_graphs for node in graph.node
    )


@pytest.mark.parametrize("is_training", [True, False])
def test_graphs_run_the_same_ops_as_with_all_rewrites(is_training):
    ops = ops_that_run(make_session_config(), is_training)
    assert ops == ops_that_run(tf.ConfigProto(), is_training)
    assert is_training or any("Fused" in op for op in ops), ops  # Products with their biases
