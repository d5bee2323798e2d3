"""The classifier's graph as an Estimator runs it."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
import tiny

import modeling
from finetune import metrics, model_fns
from finetune.features import Features
from finetune.input_pipeline import make_input_fn

NUM_LABELS = 3


@pytest.fixture(scope="module")
def features():
    random = np.random.RandomState(3)
    lengths = random.randint(3, 17, size=11)
    total = int(lengths.sum())
    return Features(
        input_ids=random.randint(1, 97, size=total).astype(np.int32),
        segment_ids=random.randint(0, 2, size=total).astype(np.int32),
        row_starts=np.concatenate([[0], np.cumsum(lengths)]),
        label_ids=random.randint(0, NUM_LABELS, size=11).astype(np.int32),
        num_truncated=0,
    )


@pytest.fixture
def estimator(tmp_path):
    model_fn = model_fns.classifier_model_fn_builder(
        bert_config=modeling.BertConfig.from_dict(tiny.config(97, num_layers=1)),
        num_labels=NUM_LABELS,
        training=model_fns.Training(learning_rate=1e-3, num_train_steps=4),
    )
    config = tf.estimator.RunConfig(model_dir=str(tmp_path), tf_random_seed=1)
    return tf.estimator.Estimator(model_fn, config=config)


def test_evaluate_counts_each_row_once_and_agrees_with_the_scores_of_predictions(
    estimator, features
):
    estimator.train(make_input_fn(features, batch_size=5, shuffle_seed=1), max_steps=4)
    # 11 rows in batches of 5: means over batches would weigh the last row like five others.
    input_fn = make_input_fn(features, batch_size=5)
    evaluated = estimator.evaluate(input_fn)
    predicted = list(estimator.predict(input_fn, yield_single_examples=False))
    logits = np.concatenate([batch["logits"] for batch in predicted])
    scores = metrics.classification_scores(features.label_ids, logits, ["a", "b", "c"])
    assert evaluated["eval_accuracy"] == pytest.approx(scores["accuracy"])
    assert evaluated["eval_loss"] == pytest.approx(scores["loss"], rel=1e-5)
    assert evaluated["global_step"] == 4


def test_answers_do_not_depend_on_the_rows_beside_and_their_padding(estimator, features):
    estimator.train(make_input_fn(features, batch_size=5, shuffle_seed=1), max_steps=1)
    together, alone = (
        np.concatenate(
            [
                batch["logits"]
                for batch in estimator.predict(
                    make_input_fn(features, batch_size=size), yield_single_examples=False
                )
            ]
        )
        for size in (11, 1)
    )
    assert together.shape == (11, NUM_LABELS)
    assert np.abs(together - alone).max() < 1e-6
    assert np.ptp(alone, axis=0).min() > 1e-4  # The rows' answers do differ.


def test_head_has_the_names_and_shapes_of_google_checkpoints():
    # run_classifier.py of bert-tensorflow 1.0.4, create_model
    with tf.Graph().as_default():
        ids = tf.zeros([5, 7], tf.int32)
        inputs = {"input_ids": ids, "input_mask": ids, "segment_ids": ids}
        config = modeling.BertConfig.from_dict(tiny.config(97, num_layers=1))
        logits = model_fns.create_model(config, False, inputs, NUM_LABELS)
        shapes = {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}
    assert logits.shape.as_list() == [5, NUM_LABELS]
    assert shapes["output_weights"] == [NUM_LABELS, tiny.HIDDEN]
    assert shapes["output_bias"] == [NUM_LABELS]
