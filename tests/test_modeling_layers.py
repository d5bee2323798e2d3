"""The building blocks of modeling.py: activations, layer norm, dropout, embeddings, attention.

Sizes are distinct primes where possible (a hidden size is heads times head width).
"""

import math

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import modeling
from tests.support.bert import build_model, evaluate, make_config, make_ids


def evaluate_function(function, *values):
    """Applies a function of tensors to arrays, in a new graph, and returns the result."""
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(function(*(tf.constant(value, tf.float32) for value in values)))


def test_gelu_is_exact():
    # x * Phi(x), with Phi(1) = 0.8413447 and Phi(2) = 0.9772499 from tables of the normal
    # distribution.
    x = [-2.0, -1.0, 0.0, 1.0, 2.0]
    expected = [-0.0455003, -0.1586553, 0.0, 0.8413447, 1.9544997]
    np.testing.assert_allclose(evaluate_function(modeling.gelu, x), expected, atol=2e-7)

    x = np.linspace(-6, 6, 241, dtype=np.float32)
    expected = [v * 0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x.tolist()]
    np.testing.assert_allclose(evaluate_function(modeling.gelu, x), expected, atol=1e-6)


def test_gelu_tanh_is_the_approximation():
    # By hand: sqrt(2 / pi) = 0.7978846; at 1, tanh(0.7978846 * 1.044715) = 0.6823838, and half of
    # 1.6823838 is 0.8411919; at 3, tanh(0.7978846 * 4.207305) = 0.9975752, and 1.5 * 1.9975752 =
    # 2.9963628. The exact values are 0.8413447 and 2.9959503.
    expected = [-0.1588081, 0.0, 0.8411919, 2.9963628]
    result = evaluate_function(modeling.gelu_tanh, [-1.0, 0.0, 1.0, 3.0])
    np.testing.assert_allclose(result, expected, atol=2e-6)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Values at -1 and 1: relu and tanh by definition, the others as above.
        ("relu", [0.0, 1.0]),
        ("tanh", [-0.7615942, 0.7615942]),
        ("gelu", [-0.1586553, 0.8413447]),
        ("GELU", [-0.1586553, 0.8413447]),
        ("gelu_new", [-0.1588081, 0.8411919]),
        ("gelu_tanh", [-0.1588081, 0.8411919]),
        ("gelu_pytorch_tanh", [-0.1588081, 0.8411919]),
    ],
)
def test_activation_is_found_by_name(name, expected):
    result = evaluate_function(modeling.get_activation(name), [-1.0, 1.0])
    np.testing.assert_allclose(result, expected, atol=2e-6)


@pytest.mark.parametrize("name", ["linear", "", None])
def test_linear_means_no_activation(name):
    assert modeling.get_activation(name) is None


def test_activation_can_be_a_function():
    assert modeling.get_activation(math.sin) is math.sin


def test_unknown_activation_is_rejected():
    with pytest.raises(ValueError, match="Unsupported activation: 'silu'; known are gelu, "):
        modeling.get_activation("silu")
    with pytest.raises(ValueError, match="hidden_act must be a name; found 3"):
        modeling.get_activation(3)


def test_layer_norm_equals_one_computed_by_hand():
    # Mean 2 and variance 1 over the last axis: (x - 2) / sqrt(1 + 3) for an epsilon of 3.
    with tf.Graph().as_default():
        x = tf.constant([[1.0, 3.0]])
        result = evaluate([modeling.layer_norm(x, epsilon=3.0), modeling.layer_norm(x)])
    np.testing.assert_allclose(result[0], [[-0.5, 0.5]], atol=1e-7)
    np.testing.assert_allclose(result[1], [[-1.0, 1.0]], atol=1e-7)


def test_layer_norm_eps_of_the_config_is_used():
    # The sum of the three embeddings has a standard deviation near 0.88 * 0.001 * sqrt(3) = 0.0015.
    # Division by the square root of the epsilon, 0.01, makes it 0.015. The golden values in
    # tiny_bert.npz test the epsilon of every layer.
    deviations = []
    for epsilon in (1e-12, 0.01):
        config = make_config(initializer_range=1e-3, num_hidden_layers=1, layer_norm_eps=epsilon)
        with tf.Graph().as_default():
            output = build_model(make_ids(3, 7), config).get_embedding_output()
            deviations.append(evaluate(output).std())
    assert deviations[0] == pytest.approx(1.0, abs=1e-3)
    assert deviations[1] == pytest.approx(0.015, rel=0.3)


def test_dropout_prob_is_the_share_of_dropped_values():
    with tf.Graph().as_default():
        tf.set_random_seed(3)
        values = evaluate(modeling.dropout(tf.ones([10007]), 0.25))
    # Kept values are scaled by 1 / (1 - 0.25).
    np.testing.assert_allclose(np.unique(values), [0.0, 4 / 3], rtol=1e-6)
    # The share of 10007 draws has a standard deviation of 0.0043.
    assert abs((values == 0).mean() - 0.25) < 0.022


@pytest.mark.parametrize("prob", [None, 0.0])
def test_probability_zero_means_no_dropout(prob):
    with tf.Graph().as_default():
        x = tf.ones([3])
        assert modeling.dropout(x, prob) is x


@pytest.mark.parametrize("use_one_hot", [False, True])
def test_embedding_lookup_equals_one_by_hand(use_one_hot):
    with tf.Graph().as_default(), tf.Session() as session:
        ids = tf.constant([[[4, 0], [1, 1], [2, 4]]])  # Two ids per position.
        output, table = modeling.embedding_lookup(
            ids, 5, embedding_size=3, use_one_hot_embeddings=use_one_hot
        )
        assert table.op.name == "word_embeddings"
        session.run(table.initializer)
        session.run(table.assign(np.arange(15, dtype=np.float32).reshape(5, 3)))
        result = session.run(output)
    expected = [[[12, 13, 14, 0, 1, 2], [3, 4, 5, 3, 4, 5], [6, 7, 8, 12, 13, 14]]]
    np.testing.assert_array_equal(result, expected)


def test_one_hot_and_gather_agree():
    with tf.Graph().as_default():
        ids = make_ids(3, 7)
        models = []
        for use_one_hot in (False, True):
            with tf.variable_scope("", reuse=tf.AUTO_REUSE):
                models.append(build_model(ids, use_one_hot_embeddings=use_one_hot, scope="bert"))
        gathered, one_hot = evaluate([model.get_embedding_output() for model in models])
    np.testing.assert_allclose(one_hot, gathered, atol=1e-6)


def test_segment_embeddings_need_segment_ids():
    with tf.Graph().as_default(), pytest.raises(ValueError, match="`token_type_ids` is required"):
        modeling.embedding_postprocessor(tf.ones([2, 3, 5]), use_token_type=True)


def test_attention_mask_equals_one_computed_by_hand():
    with tf.Graph().as_default():
        mask = modeling.create_attention_mask_from_input_mask(
            tf.zeros([2, 3, 7]), tf.constant([[1, 1, 0, 0, 0], [1, 1, 1, 1, 0]])
        )
        result = evaluate(mask)
    np.testing.assert_array_equal(result, [[[1, 1, 0, 0, 0]] * 3, [[1, 1, 1, 1, 0]] * 3])
    assert result.dtype == np.float32


def softmax(scores):
    exps = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exps / exps.sum(axis=-1, keepdims=True)


def test_attention_from_one_sequence_to_another_equals_numpy():
    # Compared with NumPy: Vaswani et al. 2017, equation 1, for each head.
    heads, width = 3, 7
    rng = np.random.RandomState(5)
    source = rng.normal(size=(2, 5, 11)).astype(np.float32)
    target = rng.normal(size=(2, 13, 17)).astype(np.float32)
    mask = (rng.uniform(size=(2, 5, 13)) < 0.5).astype(np.int32)
    mask[..., 0] = 1
    with tf.Graph().as_default():
        output = modeling.attention_layer(
            tf.constant(source),
            tf.constant(target),
            attention_mask=tf.constant(mask),
            num_attention_heads=heads,
            size_per_head=width,
            initializer_range=0.5,
        )
        with tf.variable_scope("", reuse=True):
            kernels = {
                name: tf.get_variable(name + "/kernel") for name in ("query", "key", "value")
            }
        result, kernels = evaluate([output, kernels])
    query = (source @ kernels["query"]).reshape(2, 5, heads, width)
    key = (target @ kernels["key"]).reshape(2, 13, heads, width)
    value = (target @ kernels["value"]).reshape(2, 13, heads, width)
    scores = np.einsum("bfnd,btnd->bnft", query, key) / math.sqrt(width)
    probs = softmax(np.where(mask[:, np.newaxis] == 1, scores, -np.inf))
    expected = np.einsum("bnft,btnd->bfnd", probs, value)
    assert result.shape == (2, 5, heads, width)
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_transformer_returns_the_last_layer_or_all_layers():
    kwargs = {
        "hidden_size": 21,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "intermediate_size": 37,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    with tf.Graph().as_default():
        x = tf.random.stateless_normal([2, 5, 21], seed=[3, 5])
        with tf.variable_scope("encoder", reuse=tf.AUTO_REUSE):
            last = modeling.transformer_model(x, **kwargs)
            layers = modeling.transformer_model(x, do_return_all_layers=True, **kwargs)
        assert len(layers) == 2
        last, first_of_all, last_of_all = evaluate([last, *layers])
    np.testing.assert_allclose(last, last_of_all, atol=1e-6)
    assert np.abs(first_of_all - last_of_all).max() > 1e-3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_attention_heads": 2}, r"size \(21\) is not a multiple .* heads \(2\)"),
        ({"hidden_size": 24}, r"width of the input \(21\) differs from the hidden size \(24\)"),
    ],
)
def test_transformer_rejects_wrong_sizes(changes, message):
    kwargs = {"hidden_size": 21, "num_attention_heads": 3, **changes}
    with tf.Graph().as_default(), pytest.raises(ValueError, match=message):
        modeling.transformer_model(tf.ones([2, 5, 21]), **kwargs)


def test_shape_list_is_static_where_known():
    with tf.Graph().as_default():
        assert modeling.get_shape_list(tf.ones([2, 3])) == [2, 3]
        x = tf.placeholder(tf.float32, [None, 3])
        dynamic, static = modeling.get_shape_list(x, expected_rank=[2, 3])
        assert static == 3
        assert evaluate(dynamic, {x: np.ones([7, 3])}) == 7


def test_wrong_ranks_are_rejected():
    with tf.Graph().as_default():
        x = tf.ones([2, 3], name="flat")
        with pytest.raises(ValueError, match=r"`flat:0` .* rank 2 .* expected rank 3"):
            modeling.get_shape_list(x, expected_rank=3)
        with pytest.raises(ValueError, match=r"`ids` .* expected rank \[1, 3\]"):
            modeling.assert_rank(x, [1, 3], name="ids")
        with pytest.raises(ValueError, match="rank 2 or more"):
            modeling.reshape_to_matrix(tf.ones([3]))
        with pytest.raises(ValueError, match="rank 3 .* expected rank 2"):
            modeling.BertModel(make_config(), False, tf.ones([2, 3, 5], tf.int32))


def drop_twice(seed, step, size=100_000, rate=0.1):
    """Returns the outputs of two dropout calls in one graph, each applied to ones."""
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(seed)
        global_step = tf.train.get_or_create_global_step()
        outputs = [modeling.dropout(tf.ones([size]), rate) for _ in range(2)]
        session.run(tf.global_variables_initializer())
        global_step.load(step, session)
        return session.run(outputs)


def test_dropout_drops_the_expected_share_and_keeps_the_mean():
    first, second = drop_twice(seed=3, step=0)
    for output in (first, second):
        # The share of 100,000 draws at 0.1 has a standard deviation of 0.00095.
        assert abs(np.mean(output == 0) - 0.1) < 0.005
        np.testing.assert_allclose(output[output != 0], 1 / 0.9, rtol=1e-5)
    # The two calls are independent: both drop the same value in one case out of a hundred.
    assert abs(np.mean((first == 0) & (second == 0)) - 0.01) < 0.0016


def test_dropout_depends_only_on_seed_and_step():
    base, again = drop_twice(seed=3, step=7)[0], drop_twice(seed=3, step=7)[0]
    np.testing.assert_array_equal(base, again)
    for other in (drop_twice(seed=3, step=8)[0], drop_twice(seed=4, step=7)[0]):
        assert abs(np.mean((base == 0) & (other == 0)) - 0.01) < 0.0016


def test_dropout_without_a_global_step_differs_in_each_run():
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(3)
        output = modeling.dropout(tf.ones([1001]), 0.5)  # An odd size: two values share 32 bits.
        first, second = session.run(output), session.run(output)
    assert first.shape == (1001,)
    assert not np.array_equal(first, second)
    assert set(np.unique(first)) == {0.0, 2.0}
