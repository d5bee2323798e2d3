"""Tests of modeling.py: configuration, building blocks, and the whole graph.

Sizes are distinct primes where they can be (a hidden size is heads times head width).
"""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import modeling

GOLDEN = Path(__file__).with_name("golden") / "tiny_bert.npz"

# Keys and values of bert_config.json in Google's release multi_cased_L-12_H-768_A-12.
GOOGLE_MULTILINGUAL = {
    "attention_probs_dropout_prob": 0.1,
    "directionality": "bidi",
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 768,
    "initializer_range": 0.02,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "pooler_fc_size": 768,
    "pooler_num_attention_heads": 12,
    "pooler_num_fc_layers": 3,
    "pooler_size_per_head": 128,
    "pooler_type": "first_token_transform",
    "type_vocab_size": 2,
    "vocab_size": 119547,
}
# Keys that Hugging Face's save_pretrained writes for a BERT; a key that no release has is last.
HUGGING_FACE = {
    "_name_or_path": "nreimers/MiniLM-L6-H384-uncased",
    "architectures": ["BertModel"],
    "attention_probs_dropout_prob": 0.1,
    "classifier_dropout": None,
    "gradient_checkpointing": False,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 384,
    "initializer_range": 0.02,
    "intermediate_size": 1536,
    "layer_norm_eps": 1e-07,
    "max_position_embeddings": 512,
    "model_type": "bert",
    "num_attention_heads": 12,
    "num_hidden_layers": 6,
    "pad_token_id": 0,
    "position_embedding_type": "absolute",
    "transformers_version": "4.8.2",
    "type_vocab_size": 2,
    "use_cache": True,
    "vocab_size": 30522,
    "a_key_of_a_later_release": [3],
}


def make_config(**changes):
    """Returns the config of a tiny model: hidden size 21 in 3 heads of 7."""
    values = {
        "vocab_size": 53,
        "hidden_size": 21,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "intermediate_size": 37,
        "max_position_embeddings": 23,
        "type_vocab_size": 5,
        "initializer_range": 0.3,
    }
    return modeling.BertConfig(**{**values, **changes})


def make_ids(batch_size, seq_length, seed=0):
    return np.random.RandomState(seed).randint(1, 53, size=(batch_size, seq_length))


def build_model(input_ids, config=None, is_training=False, **kwargs):
    input_ids = tf.convert_to_tensor(input_ids, dtype=tf.int32)
    return modeling.BertModel(config or make_config(), is_training, input_ids, **kwargs)


def evaluate(fetches, feed_dict=None):
    """Initializes the default graph's variables and runs `fetches`."""
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches, feed_dict)


def evaluate_function(function, *values):
    """Runs a function of tensors on arrays, in a graph of its own."""
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(function(*(tf.constant(value, tf.float32) for value in values)))


def shapes_of_variables():
    return {var.op.name: tuple(var.shape.as_list()) for var in tf.global_variables()}


# --- activations


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
        # At -1 and 1; relu and tanh by definition, the others as above.
        ("relu", [0.0, 1.0]),
        ("tanh", [-0.7615942, 0.7615942]),
        ("gelu", [-0.1586553, 0.8413447]),
        ("GELU", [-0.1586553, 0.8413447]),
        ("gelu_new", [-0.1588081, 0.8411919]),
        ("gelu_tanh", [-0.1588081, 0.8411919]),
        ("gelu_pytorch_tanh", [-0.1588081, 0.8411919]),
    ],
)
def test_activation_by_name(name, expected):
    result = evaluate_function(modeling.get_activation(name), [-1.0, 1.0])
    np.testing.assert_allclose(result, expected, atol=2e-6)


@pytest.mark.parametrize("name", ["linear", "", None])
def test_no_activation(name):
    assert modeling.get_activation(name) is None


def test_activation_may_be_a_function():
    assert modeling.get_activation(math.sin) is math.sin


def test_unknown_activation_is_refused():
    with pytest.raises(ValueError, match="Unsupported activation: 'silu'; known are gelu, "):
        modeling.get_activation("silu")
    with pytest.raises(ValueError, match="hidden_act must be a name; found 3"):
        modeling.get_activation(3)


# --- configuration


def test_config_defaults_are_bert_base():
    # The constructor of Google's modeling.py; the epsilon is that of tf.contrib's layer_norm,
    # which it calls.
    assert modeling.BertConfig(vocab_size=31).to_dict() == {
        "vocab_size": 31,
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "max_position_embeddings": 512,
        "type_vocab_size": 16,
        "initializer_range": 0.02,
        "layer_norm_eps": 1e-12,
    }


def test_config_json_round_trip(tmp_path):
    config = make_config(hidden_act="relu", hidden_dropout_prob=0.25, layer_norm_eps=1e-5)
    path = tmp_path / "bert_config.json"
    path.write_text(config.to_json_string(), encoding="utf-8")
    loaded = modeling.BertConfig.from_json_file(str(path))
    assert (loaded.hidden_size, loaded.hidden_act, loaded.layer_norm_eps) == (21, "relu", 1e-5)
    assert loaded.to_dict() == config.to_dict()


def test_config_dict_is_a_copy():
    config = make_config()
    config.to_dict()["hidden_size"] = 3
    assert config.hidden_size == 21


def test_config_of_google_is_accepted():
    config = modeling.BertConfig.from_dict(GOOGLE_MULTILINGUAL)
    assert (config.vocab_size, config.type_vocab_size, config.layer_norm_eps) == (119547, 2, 1e-12)
    assert "pooler_type" not in config.to_dict()


def test_config_of_hugging_face_is_accepted():
    config = modeling.BertConfig.from_dict(HUGGING_FACE)
    assert (config.hidden_size, config.num_hidden_layers, config.layer_norm_eps) == (384, 6, 1e-7)
    assert "architectures" not in config.to_dict()


@pytest.mark.parametrize("release", [GOOGLE_MULTILINGUAL, HUGGING_FACE])
def test_mistyped_config_key_is_refused_naming_the_right_one(release):
    values = dict(release)
    values["num_atention_heads"] = values.pop("num_attention_heads")
    with pytest.raises(
        ValueError, match="'num_atention_heads'; did you mean 'num_attention_heads'"
    ):
        modeling.BertConfig.from_dict(values)


def test_unknown_config_key_is_refused():
    with pytest.raises(ValueError, match="Unknown parameter 'colour'; a BERT config has: "):
        modeling.BertConfig.from_dict({"vocab_size": 31, "colour": 3})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 22}, r"size \(22\) is not a multiple of .* heads \(3\)"),
        ({"vocab_size": -31}, "vocab_size must be a positive integer; found -31"),
        ({"num_hidden_layers": 0}, "num_hidden_layers must be a positive integer; found 0"),
        ({"num_hidden_layers": True}, "num_hidden_layers must be a positive integer; found True"),
        ({"hidden_size": "21"}, "hidden_size must be a positive integer; found '21'"),
        ({"hidden_size": 21.0}, "hidden_size must be a positive integer; found 21.0"),
        ({"vocab_size": None}, "vocab_size must be a positive integer; found None"),
        ({"hidden_dropout_prob": 1.0}, r"hidden_dropout_prob must be in \[0, 1\); found 1.0"),
        ({"attention_probs_dropout_prob": -0.1}, r"probs_dropout_prob must .*; found -0.1"),
        ({"hidden_dropout_prob": "0.1"}, "hidden_dropout_prob must .*; found '0.1'"),
        ({"initializer_range": True}, "initializer_range must .*; found True"),
        ({"layer_norm_eps": float("nan")}, "layer_norm_eps must .*; found nan"),
        ({"hidden_act": "sillu"}, "Unsupported activation: 'sillu'"),
        ({"model_type": "roberta"}, "model_type is 'roberta'; .* has 'bert'"),
        ({"position_embedding_type": "relative_key"}, "is 'relative_key'; .* has 'absolute'"),
        ({"is_decoder": True}, "is_decoder is True; .* has False"),
    ],
)
def test_impossible_config_is_refused(changes, message):
    values = {**make_config().to_dict(), **changes}
    with pytest.raises(ValueError, match=message):
        modeling.BertConfig.from_dict(values)


def test_config_without_vocab_size_is_refused():
    with pytest.raises(ValueError, match="vocab_size must be a positive integer; found None"):
        modeling.BertConfig.from_dict({"hidden_size": 12})


def test_impossible_config_is_refused_by_the_model():
    with tf.Graph().as_default(), pytest.raises(ValueError, match="not a multiple"):
        build_model(make_ids(2, 3), make_config(num_attention_heads=5))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[31]", "JSON object of parameters; found list"),
        ('{"vocab_size": 31,', "line 1 column"),
        ('{"vocab_size": 0}', "vocab_size must be a positive integer; found 0"),
    ],
)
def test_config_errors_name_the_file(tmp_path, text, message):
    path = tmp_path / "odd_config.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="odd_config.json: .*" + message):
        modeling.BertConfig.from_json_file(str(path))


def test_missing_config_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="absent.json: the BERT config cannot be read"):
        modeling.BertConfig.from_json_file(str(tmp_path / "absent.json"))


# --- building blocks


def test_layer_norm_by_hand():
    # Mean 2 and variance 1 over the last axis: (x - 2) / sqrt(1 + 3) for an epsilon of 3.
    with tf.Graph().as_default():
        x = tf.constant([[1.0, 3.0]])
        result = evaluate([modeling.layer_norm(x, epsilon=3.0), modeling.layer_norm(x)])
    np.testing.assert_allclose(result[0], [[-0.5, 0.5]], atol=1e-7)
    np.testing.assert_allclose(result[1], [[-1.0, 1.0]], atol=1e-7)


def test_layer_norm_eps_of_the_config_is_used():
    # The three embeddings summed have a deviation near 0.88 * 0.001 * sqrt(3) = 0.0015;
    # over the root of an epsilon of 0.01, that is 0.015. Layer by layer, the values of
    # tiny_bert.npz, below, are for an epsilon of 0.03.
    deviations = []
    for epsilon in (1e-12, 0.01):
        config = make_config(initializer_range=1e-3, num_hidden_layers=1, layer_norm_eps=epsilon)
        with tf.Graph().as_default():
            output = build_model(make_ids(3, 7), config).get_embedding_output()
            deviations.append(evaluate(output).std())
    assert deviations[0] == pytest.approx(1.0, abs=1e-3)
    assert deviations[1] == pytest.approx(0.015, rel=0.3)


def test_dropout_rate_is_of_what_is_dropped():
    with tf.Graph().as_default():
        tf.set_random_seed(3)
        values = evaluate(modeling.dropout(tf.ones([10007]), 0.25))
    # What is kept is scaled by 1 / (1 - 0.25).
    np.testing.assert_allclose(np.unique(values), [0.0, 4 / 3], rtol=1e-6)
    # 10007 draws have a standard deviation of 0.0043.
    assert abs((values == 0).mean() - 0.25) < 0.022


@pytest.mark.parametrize("prob", [None, 0.0])
def test_no_dropout(prob):
    with tf.Graph().as_default():
        x = tf.ones([3])
        assert modeling.dropout(x, prob) is x


@pytest.mark.parametrize("use_one_hot", [False, True])
def test_embedding_lookup_by_hand(use_one_hot):
    with tf.Graph().as_default(), tf.Session() as session:
        ids = tf.constant([[[4, 0], [1, 1], [2, 4]]])  # Two inputs a position.
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
    with tf.Graph().as_default(), pytest.raises(ValueError, match="`token_type_ids` must be given"):
        modeling.embedding_postprocessor(tf.ones([2, 3, 5]), use_token_type=True)


def test_attention_mask_by_hand():
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


def test_attention_from_one_sequence_to_another():
    # Against NumPy: Vaswani et al. 2017, equation 1, for each head.
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


def test_transformer_returns_the_last_layer_or_all():
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
        ({"hidden_size": 24}, r"width of the input \(21\) is not the hidden size \(24\)"),
    ],
)
def test_transformer_refuses_wrong_sizes(changes, message):
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


def test_wrong_ranks_are_refused():
    with tf.Graph().as_default():
        x = tf.ones([2, 3], name="flat")
        with pytest.raises(ValueError, match=r"`flat:0` .* rank 2 .* expected rank 3"):
            modeling.get_shape_list(x, expected_rank=3)
        with pytest.raises(ValueError, match=r"`ids` .* expected rank \[1, 3\]"):
            modeling.assert_rank(x, [1, 3], name="ids")
        with pytest.raises(ValueError, match="at least rank 2"):
            modeling.reshape_to_matrix(tf.ones([3]))
        with pytest.raises(ValueError, match="rank 3 .* expected rank 2"):
            modeling.BertModel(make_config(), False, tf.ones([2, 3, 5], tf.int32))


# --- the whole model


def test_variables_are_those_of_googles_checkpoints():
    # Written from the variables of Google's released checkpoints.
    layer = {
        "attention/self/query/kernel": (21, 21),
        "attention/self/query/bias": (21,),
        "attention/self/key/kernel": (21, 21),
        "attention/self/key/bias": (21,),
        "attention/self/value/kernel": (21, 21),
        "attention/self/value/bias": (21,),
        "attention/output/dense/kernel": (21, 21),
        "attention/output/dense/bias": (21,),
        "attention/output/LayerNorm/beta": (21,),
        "attention/output/LayerNorm/gamma": (21,),
        "intermediate/dense/kernel": (21, 37),
        "intermediate/dense/bias": (37,),
        "output/dense/kernel": (37, 21),
        "output/dense/bias": (21,),
        "output/LayerNorm/beta": (21,),
        "output/LayerNorm/gamma": (21,),
    }
    expected = {
        "bert/embeddings/word_embeddings": (53, 21),
        "bert/embeddings/token_type_embeddings": (5, 21),
        "bert/embeddings/position_embeddings": (23, 21),
        "bert/embeddings/LayerNorm/beta": (21,),
        "bert/embeddings/LayerNorm/gamma": (21,),
        "bert/pooler/dense/kernel": (21, 21),
        "bert/pooler/dense/bias": (21,),
    }
    for index in range(2):
        for name, shape in layer.items():
            expected["bert/encoder/layer_%d/%s" % (index, name)] = shape
    with tf.Graph().as_default():
        build_model(make_ids(2, 3), is_training=True)
        assert shapes_of_variables() == expected
        assert len(tf.trainable_variables()) == len(expected) == 39


def test_scope_renames_the_variables():
    with tf.Graph().as_default():
        build_model(make_ids(2, 3), scope="teacher")
        assert {name.split("/")[0] for name in shapes_of_variables()} == {"teacher"}


def test_getters_shapes():
    with tf.Graph().as_default():
        model = build_model(make_ids(13, 11))
        layers = model.get_all_encoder_layers()
        assert len(layers) == 2
        assert layers[-1] is model.get_sequence_output()
        for tensor in [
            model.get_word_embedding_output(),
            model.get_embedding_output(),
            model.get_sequence_pooled_output(),
            *layers,
        ]:
            assert tensor.shape.as_list() == [13, 11, 21]
        assert model.get_pooled_output().shape.as_list() == [13, 21]
        assert model.get_embedding_table().shape.as_list() == [53, 21]


@pytest.mark.parametrize("dynamic", [False, True])
def test_outputs_equal_hugging_faces(dynamic):
    # tiny_bert.npz is by transformers in PyTorch: golden/make_tiny_bert.py.
    golden = np.load(GOLDEN)
    config = modeling.BertConfig.from_dict(json.loads(str(golden["config"])))
    names = ("input_ids", "input_mask", "segment_ids")
    with tf.Graph().as_default(), tf.Session() as session:
        shape = [None, None] if dynamic else golden["input_ids"].shape
        ids, mask, segments = (tf.placeholder(tf.int32, shape, name) for name in names)
        model = modeling.BertModel(config, False, ids, mask, segments)
        layer_0, layer_1 = model.get_all_encoder_layers()
        for var in tf.global_variables():
            var.load(golden[var.op.name], session)
        outputs = {
            "embedding_output": model.get_embedding_output(),
            "layer_0": layer_0,
            "layer_1": layer_1,
            "pooled_output": model.get_pooled_output(),
        }
        feed = {placeholder: golden[placeholder.op.name] for placeholder in (ids, mask, segments)}
        outputs = session.run(outputs, feed)
    real = golden["input_mask"] == 1
    for name in ("embedding_output", "layer_0", "layer_1"):
        np.testing.assert_allclose(outputs[name][real], golden[name][real], atol=1e-5)
    np.testing.assert_allclose(outputs["pooled_output"], golden["pooled_output"], atol=1e-5)


def test_absent_mask_and_segments_mean_all_tokens_of_the_first_segment():
    with tf.Graph().as_default():
        ids = make_ids(3, 7)
        ones, zeros = tf.ones([3, 7], tf.int32), tf.zeros([3, 7], tf.int32)
        outputs = []
        for inputs in ({}, {"input_mask": ones, "token_type_ids": zeros}, {"token_type_ids": ones}):
            with tf.variable_scope("", reuse=tf.AUTO_REUSE):
                model = build_model(ids, make_config(num_hidden_layers=1), scope="bert", **inputs)
                outputs.append(model.get_sequence_output())
        implicit, explicit, other = evaluate(outputs)
    np.testing.assert_allclose(implicit, explicit, atol=1e-6)
    assert np.abs(implicit - other).max() > 1e-2


def test_hidden_act_is_used():
    with tf.Graph().as_default():
        ids = make_ids(3, 7)
        outputs = []
        for name in ("gelu", "gelu_new", "relu"):
            config = make_config(hidden_act=name, num_hidden_layers=1)
            with tf.variable_scope("", reuse=tf.AUTO_REUSE):
                model = build_model(ids, config, scope="bert")
                outputs.append(model.get_sequence_output())
        exact, approximate, relu = evaluate(outputs)
    # The two GELUs differ by less than 5e-4 at each unit.
    assert 1e-5 < np.abs(exact - approximate).max() < 1e-2 < np.abs(exact - relu).max()


# --- the sequence-output pooler


def test_sequence_pooler_makes_its_variables_when_asked():
    with tf.Graph().as_default():
        model = build_model(make_ids(2, 3))
        before = shapes_of_variables()
        with tf.variable_scope("head"):  # Where it is asked from does not matter.
            pooled = model.get_sequence_pooled_output()
        after = shapes_of_variables()
        assert {name: after[name] for name in set(after) - set(before)} == {
            "bert/sequence_output/dense/kernel": (21, 21),
            "bert/sequence_output/dense/bias": (21,),
        }
        assert model.get_sequence_pooled_output() is pooled
        assert shapes_of_variables() == after
        assert tf.get_variable("kernel", [3]).op.name == "kernel"


def test_sequence_pooler_is_tanh_of_a_dense_layer():
    lengths = np.array([7, 2, 5])
    mask = (np.arange(7) < lengths[:, np.newaxis]).astype(np.int32)
    with tf.Graph().as_default(), tf.Session() as session:
        model = build_model(make_ids(3, 7), input_mask=tf.constant(mask))
        pooled = model.get_sequence_pooled_output()
        kernel, bias = (v for v in tf.global_variables() if "/sequence_output/" in v.op.name)
        session.run(tf.global_variables_initializer())
        bias.load(np.linspace(-1, 1, 21, dtype=np.float32), session)
        pooled, hidden, kernel, bias = session.run(
            [pooled, model.get_sequence_output(), kernel, bias]
        )
    expected = np.tanh(hidden @ kernel + bias)
    np.testing.assert_allclose(pooled[mask == 1], expected[mask == 1], atol=1e-6)
    assert np.abs(bias).max() == 1.0


# --- padding and lengths


@pytest.mark.parametrize("dynamic", [False, True])
def test_padding_never_moves_a_real_output(dynamic):
    lengths = np.array([7, 2, 5])
    mask = (np.arange(7) < lengths[:, np.newaxis]).astype(np.int32)
    short = make_ids(3, 7, seed=1) * mask
    padded_mask = np.pad(mask, [(0, 2), (0, 4)])  # Two rows of padding alone too.
    padded = np.where(padded_mask, np.pad(short, [(0, 2), (0, 4)]), make_ids(5, 11, seed=2))
    segments = make_ids(5, 11, seed=3) % 5
    with tf.Graph().as_default():
        outputs, feed = [], {}
        for rows, row_mask in ((short, mask), (padded, padded_mask)):
            shape = [None, None] if dynamic else rows.shape
            inputs = [tf.placeholder(tf.int32, shape) for _ in range(3)]
            values = (rows, row_mask, segments[: rows.shape[0], : rows.shape[1]])
            feed.update(zip(inputs, values))
            with tf.variable_scope("", reuse=tf.AUTO_REUSE):
                model = modeling.BertModel(
                    make_config(), False, inputs[0], inputs[1], inputs[2], scope="bert"
                )
                outputs.append(
                    (
                        model.get_sequence_output(),
                        model.get_sequence_pooled_output(),
                        model.get_pooled_output(),
                    )
                )
        alone, beside_padding = evaluate(outputs, feed)
    for expected, result in zip(alone[:2], beside_padding[:2]):
        assert result.shape == (5, 11, 21)
        np.testing.assert_allclose(result[padded_mask == 1], expected[mask == 1], atol=2e-6)
    np.testing.assert_allclose(beside_padding[2][:3], alone[2], atol=2e-6)
    assert np.isfinite(beside_padding[2]).all()


def test_masked_tokens_have_no_gradient():
    with tf.Graph().as_default():
        ids = np.array([[3, 11, 5, 0, 0]])
        mask = tf.constant([[1, 1, 1, 0, 0]])
        model = build_model(ids, input_mask=mask)
        loss = tf.reduce_sum(model.get_sequence_output()[:, :3] ** 3)
        (gradient,) = tf.gradients(loss, [model.get_word_embedding_output()])
        gradient = evaluate(gradient)
    assert (np.abs(gradient[0]).max(axis=-1) > 1e-4).tolist() == [True, True, True, False, False]
    np.testing.assert_array_equal(gradient[0, 3:], 0)


def test_longest_sequence_is_accepted():
    with tf.Graph().as_default():
        output = evaluate(build_model(make_ids(2, 23)).get_embedding_output())
    assert output.shape == (2, 23, 21)


def test_too_long_a_sequence_is_refused_statically():
    with tf.Graph().as_default(), pytest.raises(ValueError, match=r"\(29\) is above .* \(23\)"):
        build_model(make_ids(2, 29))


def test_too_long_a_sequence_is_refused_at_run_time():
    with tf.Graph().as_default():
        ids = tf.placeholder(tf.int32, [None, None])
        output = build_model(ids, make_config(num_hidden_layers=1)).get_sequence_output()
        assert evaluate(output, {ids: make_ids(2, 23)}).shape == (2, 23, 21)
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)did not hold.*29.*23"):
            evaluate(output, {ids: make_ids(2, 29)})


# --- training and inference


def run_twice(**kwargs):
    """Returns, for each of two runs, the embeddings and what the encoder makes of fixed ones."""
    fixed = np.random.RandomState(5).normal(size=(3, 7, 21))
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(7)
        model = build_model(make_ids(3, 7), **kwargs)
        session.run(tf.global_variables_initializer())
        embeddings = model.get_embedding_output()
        return [
            (
                session.run(embeddings),
                session.run(model.get_pooled_output(), {embeddings: fixed}),
            )
            for _ in range(2)
        ]


def test_dropout_is_off_outside_training():
    config = make_config(hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.5)
    first, second = run_twice(config=config, is_training=False)
    for a, b in zip(first, second):
        np.testing.assert_array_equal(a, b)
    # The config is the caller's.
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (0.5, 0.5)


@pytest.mark.parametrize("key", ["hidden_dropout_prob", "attention_probs_dropout_prob"])
def test_dropout_is_on_in_training(key):
    probs = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, key: 0.5}
    first, second = run_twice(config=make_config(**probs), is_training=True)
    # That of the attention leaves the embeddings alone.
    assert (np.abs(first[0] - second[0]).max() > 1e-2) == (key == "hidden_dropout_prob")
    assert np.abs(first[1] - second[1]).max() > 1e-2


def test_initial_values():
    # Devlin et al.'s code: truncated normal of the config's deviation, cut at two of them; zeros
    # for biases; ones for gamma.
    with tf.Graph().as_default():
        tf.set_random_seed(11)
        build_model(make_ids(2, 3), make_config(initializer_range=0.5, num_hidden_layers=1))
        values = evaluate({var.op.name: var for var in tf.global_variables()})
    for name, value in values.items():
        if name.endswith(("bias", "beta")):
            np.testing.assert_array_equal(value, 0)
        elif name.endswith("gamma"):
            np.testing.assert_array_equal(value, 1)
        else:
            assert np.abs(value).max() <= 1.0
            # A normal cut at two deviations has 0.88 of the deviation.
            assert abs(value.std() - 0.44) < 0.1


# --- checkpoints


def test_assignment_map_matches_by_name(tmp_path):
    prefix = str(tmp_path / "model.ckpt")
    with tf.Graph().as_default(), tf.Session() as session:
        tf.get_variable("bert/kept", initializer=[2.0, 3.0])
        tf.get_variable("bert/kept/adam_m", initializer=[5.0, 7.0])
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, prefix)
    with tf.Graph().as_default():
        kept = tf.get_variable("bert/kept", initializer=[0.0, 0.0])
        tf.get_variable("output_bias", initializer=[11.0])
        assignment_map, names = modeling.get_assignment_map_from_checkpoint(
            tf.trainable_variables(), prefix
        )
        assert dict(assignment_map) == {"bert/kept": "bert/kept"}
        assert set(names) == {"bert/kept", "bert/kept:0"}
        tf.train.init_from_checkpoint(prefix, assignment_map)
        np.testing.assert_array_equal(evaluate(kept), [2.0, 3.0])


# --- dropout as a function of seed, place and step


def drop_twice(seed, step, size=100_000, rate=0.1):
    """Returns what two dropouts of one graph make of ones."""
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(seed)
        global_step = tf.train.get_or_create_global_step()
        outputs = [modeling.dropout(tf.ones([size]), rate) for _ in range(2)]
        session.run(tf.global_variables_initializer())
        global_step.load(step, session)
        return session.run(outputs)


def test_dropout_drops_its_share_and_keeps_the_mean():
    first, second = drop_twice(seed=3, step=0)
    for output in (first, second):
        # Of 100,000 draws at 0.1 the deviation is 0.00095.
        assert abs(np.mean(output == 0) - 0.1) < 0.005
        np.testing.assert_allclose(output[output != 0], 1 / 0.9, rtol=1e-5)
    # Two places drop independently: both at once one value in a hundred.
    assert abs(np.mean((first == 0) & (second == 0)) - 0.01) < 0.0016


def test_dropout_is_a_function_of_seed_and_step():
    base, again = drop_twice(seed=3, step=7)[0], drop_twice(seed=3, step=7)[0]
    np.testing.assert_array_equal(base, again)
    for other in (drop_twice(seed=3, step=8)[0], drop_twice(seed=4, step=7)[0]):
        assert abs(np.mean((base == 0) & (other == 0)) - 0.01) < 0.0016


def test_dropout_without_a_step_differs_from_run_to_run():
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(3)
        output = modeling.dropout(tf.ones([1001]), 0.5)  # An odd number: two values share 32 bits.
        first, second = session.run(output), session.run(output)
    assert first.shape == (1001,)
    assert not np.array_equal(first, second)
    assert set(np.unique(first)) == {0.0, 2.0}
