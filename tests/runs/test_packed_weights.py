"""The copy of a graph with packed weights computes what the original computes."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from finetune.runs import packed_weights


@pytest.fixture
def session():
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        yield session


def dense(x, width, name):
    with tf.variable_scope(name, use_resource=True):
        kernel = tf.get_variable("kernel", [x.shape[-1], width])
        bias = tf.get_variable("bias", [width], initializer=tf.random_normal_initializer())
    return tf.nn.bias_add(tf.matmul(x, kernel), bias)


@pytest.mark.parametrize(
    "shape, expected",
    [((1, 7), False), ((1, 8), True), ((1, 64), True), ((1, 65), False), ((2, 16), False)],
)
def test_copy_is_for_one_short_row(shape, expected):
    assert packed_weights.suits(np.zeros(shape, np.int32)) is expected


def test_copy_reads_the_variables_and_computes_the_same(session):
    x, unused = tf.placeholder(tf.float32, [None, 31]), tf.placeholder(tf.int32, [None])
    hidden = dense(x, 67, "a/b")
    outputs = [dense(hidden, 5, "c"), hidden]
    session.run(tf.global_variables_initializer())
    values = np.random.RandomState(1).randn(11, 31).astype(np.float32)
    batch = [values, np.zeros(11, np.int32)]
    expected = session.run(outputs, {x: values})
    copy = packed_weights.make_copy(session, [x, unused], outputs, batch)
    if copy is None:
        pytest.skip("TensorFlow multiplies without oneDNN here")
    assert copy.inputs[0].startswith("packed/")
    assert copy.inputs[1] == unused.name
    found = session.run(copy.outputs, dict(zip(copy.inputs, batch)))
    for array, other in zip(found, expected):
        np.testing.assert_allclose(array, other, atol=1e-5)
    assert len(tf.global_variables()) == 4  # The copy has none of its own.


def test_graph_without_products_gets_no_copy(session):
    x = tf.placeholder(tf.float32, [None, 31])
    assert packed_weights.make_copy(session, [x], [x * 2.0], [np.ones((3, 31))]) is None
