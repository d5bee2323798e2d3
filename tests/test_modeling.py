"""BertModel in modeling.py as a whole.

Sizes are distinct primes where possible (a hidden size is heads times head width).
"""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import modeling
from tests.support.bert import build_model, evaluate, make_config, make_ids, shapes_of_variables

GOLDEN = Path(__file__).with_name("golden") / "tiny_bert.npz"


def test_invalid_config_is_rejected_by_the_model():
    with tf.Graph().as_default(), pytest.raises(ValueError, match="not a multiple"):
        build_model(make_ids(2, 3), make_config(num_attention_heads=5))


def test_variables_match_those_of_google_checkpoints():
    # The names in Google's released checkpoints.
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


def test_getters_return_the_documented_shapes():
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
def test_outputs_equal_those_of_hugging_face(dynamic):
    # golden/make_tiny_bert.py wrote tiny_bert.npz with PyTorch and transformers.
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


def test_default_mask_is_all_ones_and_default_segment_is_zero():
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


def test_sequence_pooler_creates_its_variables_on_first_use():
    with tf.Graph().as_default():
        model = build_model(make_ids(2, 3))
        before = shapes_of_variables()
        with tf.variable_scope("head"):  # The caller's scope does not matter.
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


@pytest.mark.parametrize("dynamic", [False, True])
def test_padding_does_not_change_other_outputs(dynamic):
    lengths = np.array([7, 2, 5])
    mask = (np.arange(7) < lengths[:, np.newaxis]).astype(np.int32)
    short = make_ids(3, 7, seed=1) * mask
    padded_mask = np.pad(mask, [(0, 2), (0, 4)])  # Adds two rows that contain only padding.
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
        without_padding, with_padding = evaluate(outputs, feed)
    for expected, result in zip(without_padding[:2], with_padding[:2]):
        assert result.shape == (5, 11, 21)
        np.testing.assert_allclose(result[padded_mask == 1], expected[mask == 1], atol=2e-6)
    np.testing.assert_allclose(with_padding[2][:3], without_padding[2], atol=2e-6)
    assert np.isfinite(with_padding[2]).all()


def test_masked_tokens_receive_no_gradient():
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


def test_overlong_sequence_is_rejected_when_the_graph_is_built():
    with tf.Graph().as_default(), pytest.raises(ValueError, match=r"\(29\) exceeds .* \(23\)"):
        build_model(make_ids(2, 29))


def test_overlong_sequence_is_rejected_at_run_time():
    with tf.Graph().as_default():
        ids = tf.placeholder(tf.int32, [None, None])
        output = build_model(ids, make_config(num_hidden_layers=1)).get_sequence_output()
        assert evaluate(output, {ids: make_ids(2, 23)}).shape == (2, 23, 21)
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)did not hold.*29.*23"):
            evaluate(output, {ids: make_ids(2, 29)})


def run_twice(**kwargs):
    """Returns, for each of two runs, the embeddings, and the pooled output for fixed embeddings."""
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
    # The caller's config is not changed.
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (0.5, 0.5)


@pytest.mark.parametrize("key", ["hidden_dropout_prob", "attention_probs_dropout_prob"])
def test_dropout_is_on_in_training(key):
    probs = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, key: 0.5}
    first, second = run_twice(config=make_config(**probs), is_training=True)
    # Attention dropout does not change the embeddings.
    assert (np.abs(first[0] - second[0]).max() > 1e-2) == (key == "hidden_dropout_prob")
    assert np.abs(first[1] - second[1]).max() > 1e-2


def test_initial_values_have_googles_distributions():
    # As in Google's code, weights have a normal distribution truncated at two standard deviations,
    # biases and betas are zeros, and gammas are ones.
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
            # Truncation at two standard deviations reduces the standard deviation to 88%.
            assert abs(value.std() - 0.44) < 0.1


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
