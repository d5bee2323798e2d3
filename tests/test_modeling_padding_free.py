"""BertModel(padding_free=True) in modeling.py, compared with the padded graph.

Sizes are distinct primes where possible (a hidden size is heads times head width).
"""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import modeling
from tests.support.bert import make_config

pytestmark = pytest.mark.slow

BATCH_SIZE, SEQ_LENGTH = 5, 11
WITHOUT_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
LENGTHS = np.arange(SEQ_LENGTH) < np.array([11, 1, 5, 7, 2])[:, np.newaxis]
HOLES = np.random.RandomState(7).uniform(size=(BATCH_SIZE, SEQ_LENGTH)) < 0.5
MASKS = {
    "lengths": LENGTHS,
    "full": np.ones_like(LENGTHS),
    "an empty row": LENGTHS & (np.arange(BATCH_SIZE) != 3)[:, np.newaxis],
    "holes": HOLES,
    "first positions masked": HOLES & (np.arange(SEQ_LENGTH) != 0),
}


def make_inputs(mask, seed=0):
    """Returns ids, the mask, and segment ids, all of the mask's shape."""
    random = np.random.RandomState(seed)
    ids, segments = random.randint(0, 53, mask.shape), random.randint(0, 5, mask.shape)
    return [array.astype(np.int32) for array in (ids, mask, segments)]


def outputs_of(model):
    """Returns all outputs of a model that have one vector per position, then its pooled output."""
    return [
        model.get_word_embedding_output(),
        model.get_embedding_output(),
        *model.get_all_encoder_layers(),
        model.get_sequence_output(),
        model.get_sequence_pooled_output(),
        model.get_pooled_output(),
    ]


def build_both(inputs, is_training=False, **changes):
    """Returns the padded and the padding-free model, which share variables."""
    config = make_config(**{**WITHOUT_DROPOUT, **changes})
    models = []
    for padding_free in (False, True):
        with tf.variable_scope("", reuse=tf.AUTO_REUSE):
            models.append(
                modeling.BertModel(
                    config, is_training, *inputs, scope="bert", padding_free=padding_free
                )
            )
    return models


def placeholders(static):
    shape = [BATCH_SIZE, SEQ_LENGTH] if static else [None, None]
    return [tf.placeholder(tf.int32, shape) for _ in range(3)]


def initialize(session):
    """Sets all variables, including biases and LayerNorm, to random values."""
    random = np.random.RandomState(3)
    for var in tf.trainable_variables():
        mean = 1.0 if var.op.name.endswith("gamma") else 0.0
        var.load(mean + random.normal(scale=0.2, size=var.shape.as_list()), session)


@pytest.mark.parametrize("static", [False, True])
def test_outputs_equal_those_of_the_padded_graph(static):
    with tf.Graph().as_default(), tf.Session() as session:
        inputs = placeholders(static)
        both = [outputs_of(model) for model in build_both(inputs)]
        initialize(session)
        for name, mask in MASKS.items():
            padded, packed = session.run(both, dict(zip(inputs, make_inputs(mask))))
            for reference, result in zip(padded[:-1], packed[:-1]):
                assert result.shape == reference.shape == (BATCH_SIZE, SEQ_LENGTH, 21)
                np.testing.assert_allclose(result[mask], reference[mask], atol=5e-6, err_msg=name)
                np.testing.assert_array_equal(result[:, 1:][~mask[:, 1:]], 0, err_msg=name)
            rows = mask.any(axis=1)
            np.testing.assert_allclose(packed[-1][rows], padded[-1][rows], atol=5e-6, err_msg=name)
            assert np.isfinite(packed[-1]).all()


@pytest.mark.parametrize("output", ["pooled", "sequence", "both"])
def test_gradients_equal_those_of_the_padded_graph(output):
    random = np.random.RandomState(2)
    weights = random.normal(size=(BATCH_SIZE, SEQ_LENGTH, 21)).astype(np.float32)

    def loss_of(model, mask):
        # The loss depends only on non-padding tokens, and only on rows that have one.
        mask = tf.cast(mask, tf.float32)
        sequence = model.get_sequence_pooled_output() * weights * mask[..., tf.newaxis]
        pooled = model.get_pooled_output() * weights[:, 0] * tf.reduce_max(mask, 1, keepdims=True)
        parts = {"pooled": [pooled], "sequence": [sequence], "both": [pooled, sequence]}
        return sum(tf.reduce_sum(part) for part in parts[output])

    def gradients_of(loss):
        gradients = tf.gradients(loss, tf.trainable_variables(), unconnected_gradients="zero")
        return [tf.convert_to_tensor(gradient) for gradient in gradients]

    with tf.Graph().as_default(), tf.Session() as session:
        inputs = placeholders(static=False)
        losses = [loss_of(model, inputs[1]) for model in build_both(inputs, is_training=True)]
        both = [[loss, *gradients_of(loss)] for loss in losses]
        initialize(session)
        for name, mask in MASKS.items():
            padded, packed = session.run(both, dict(zip(inputs, make_inputs(mask, seed=1))))
            for reference, result in zip(padded, packed):
                atol = 1e-5 * max(1, np.abs(reference).max())
                np.testing.assert_allclose(result, reference, rtol=0, atol=atol, err_msg=name)
            assert np.abs(packed[1]).max() > 0.1


@pytest.mark.parametrize("layers", [1, 2])  # The last layer computes only first positions.
def test_gradients_with_dropout_equal_finite_differences(layers):
    # The seed and the step determine the dropout masks, so the loss is a function of the variables.
    # In single precision, a difference of losses has about three significant digits.
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(7)
        tf.train.get_or_create_global_step().load(3, session)
        config = make_config(
            num_hidden_layers=layers, hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.4
        )
        model = modeling.BertModel(
            config, True, *map(tf.constant, make_inputs(HOLES)), scope="bert", padding_free=True
        )
        pooled = model.get_pooled_output()
        weights = np.random.RandomState(3).normal(size=[BATCH_SIZE, pooled.shape[-1]])
        loss = tf.reduce_sum(pooled * tf.constant(weights, tf.float32))
        variables = tf.trainable_variables()
        gradients = [tf.convert_to_tensor(g) for g in tf.gradients(loss, variables)]
        random = np.random.RandomState(5)
        compared = 0
        initialize(session)
        assert session.run(loss) == session.run(loss)
        for variable, gradient in zip(variables, session.run(gradients)):
            # Near the direction of the gradient, the difference is large compared with rounding.
            direction = gradient + random.normal(size=gradient.shape) * np.abs(gradient).mean()
            direction = 1e-2 * direction / np.linalg.norm(direction)
            start = session.run(variable)
            losses = []
            for sign in (1, -1):
                variable.load(start + sign * direction, session)
                losses.append(session.run(loss))
            variable.load(start, session)
            expected = np.sum(gradient * direction)
            if "/key/bias" in variable.name:  # Key biases do not change the softmax.
                assert abs(losses[0] - losses[1]) / 2 < 1e-5
                continue
            assert (losses[0] - losses[1]) / 2 == pytest.approx(expected, rel=2e-2), variable.name
            compared += 1
    assert compared == 5 + 15 * layers + 2  # Embeddings, layers and pooler


def test_batch_without_rows_or_without_tokens_is_accepted():
    with tf.Graph().as_default(), tf.Session() as session:
        inputs = placeholders(static=False)
        _, model = build_both(inputs)
        outputs = outputs_of(model)
        initialize(session)
        for shape in ((0, SEQ_LENGTH), (BATCH_SIZE, SEQ_LENGTH)):
            values = make_inputs(np.zeros(shape, bool))
            *per_position, pooled = session.run(outputs, dict(zip(inputs, values)))
            assert all(result.shape == (*shape, 21) for result in per_position)
            assert pooled.shape == (shape[0], 21)
            assert np.isfinite(pooled).all()


def test_row_without_tokens_does_not_depend_on_other_rows():
    first, second = MASKS["an empty row"], MASKS["an empty row"][[3, 0]]
    with tf.Graph().as_default(), tf.Session() as session:
        inputs = placeholders(static=False)
        _, model = build_both(inputs)
        initialize(session)
        values = make_inputs(first)
        pooled = model.get_pooled_output()
        among_five = session.run(pooled, dict(zip(inputs, values)))[3]
        values = [array[[3, 0]] for array in values]
        assert values[1].tolist() == second.astype(int).tolist()
        among_two = session.run(pooled, dict(zip(inputs, values)))[0]
    np.testing.assert_allclose(among_two, among_five, atol=5e-6)


def test_variables_match_those_of_the_padded_graph_in_order():
    def variables(padding_free):
        with tf.Graph().as_default():
            inputs = placeholders(static=False)
            config = make_config(**WITHOUT_DROPOUT)
            model = modeling.BertModel(config, True, *inputs, padding_free=padding_free)
            model.get_sequence_output()
            return [(var.op.name, var.shape.as_list()) for var in tf.global_variables()]

    assert variables(True) == variables(False)


def test_dense_layers_skip_padding():
    mask = MASKS["lengths"]
    with tf.Graph().as_default() as graph, tf.Session() as session:
        inputs = placeholders(static=False)
        config = make_config(**WITHOUT_DROPOUT)
        model = modeling.BertModel(config, False, *inputs, padding_free=True)
        initialize(session)
        name = "bert/encoder/layer_%d/intermediate/dense/MatMul:0"
        products = [graph.get_tensor_by_name(name % layer) for layer in (0, 1)]
        feed = dict(zip(inputs, make_inputs(mask)))
        first, last = session.run(products, feed)
        assert first.shape == (mask.sum(), 37)
        assert last.shape == (BATCH_SIZE, 37)  # The pooled output needs no other position.
        before = {op.name for op in graph.get_operations()}
        assert model.get_sequence_output().shape.as_list()[2] == 21
        made = [op for op in graph.get_operations() if op.name not in before]
        (product,) = (op for op in made if op.name.endswith("intermediate/dense/MatMul"))
        assert session.run(product.outputs[0], feed).shape == (mask.sum(), 37)


def test_overlong_batch_is_rejected_as_in_the_padded_graph():
    config = make_config(**WITHOUT_DROPOUT)
    with tf.Graph().as_default(), tf.Session() as session:
        ids = tf.placeholder(tf.int32, [None, None])
        output = modeling.BertModel(config, False, ids, padding_free=True).get_pooled_output()
        session.run(tf.global_variables_initializer())
        assert session.run(output, {ids: np.ones([2, 23])}).shape == (2, 21)
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)did not hold.*29.*23"):
            session.run(output, {ids: np.ones([2, 29])})
        with pytest.raises(ValueError, match=r"\(29\) exceeds .* \(23\)"):
            modeling.BertModel(config, False, tf.ones([2, 29], tf.int32), padding_free=True)
