# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""The toolkit's side of speed_qa.py: its features, model_fn, batches to predict and decoding."""

import itertools
import os
import sys
from pathlib import Path

# The toolkit's scripts set the same value. TensorFlow reads it when it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import speed_worker
import tensorflow.compat.v1 as tf

from finetune.data.batches import padded_batch
from finetune.data.row_order import in_input_order, in_pool_order
from finetune.models import checkpoints, pretrained
from finetune.models.model_fn import Training
from finetune.tasks.question_answering.decoding import decode
from finetune.tasks.question_answering.features import Cut, QuestionFeatures, encode_questions
from finetune.tasks.question_answering.head import answer_model_fn_builder
from finetune.tasks.question_answering.processor import QuestionAnsweringProcessor
from finetune.training.session import make_session_config

TRAIN, PREDICT = tf.estimator.ModeKeys.TRAIN, tf.estimator.ModeKeys.PREDICT


class Toolkit:
    """Executes the commands of speed_qa.py."""

    def __init__(self, settings):
        """Encodes the questions."""
        tf.disable_v2_behavior()
        tf.enable_resource_variables()
        self._settings = settings
        folder = Path(settings["model_dir"])
        self._checkpoint = str(folder / "bert_model.ckpt")
        self._model = pretrained.load(str(folder / "vocab.txt"), str(folder / "bert_config.json"))
        self._questions, self._features, self._graphs = {}, {}, {}
        for split in ("train", "dev"):
            self._encode(split)

    def _encode(self, split):
        processor, number = QuestionAnsweringProcessor(), self._settings[f"{split}_questions"]
        read = processor.read_examples(self._settings[f"{split}_file"], split)
        questions = processor.checked(split, itertools.islice(read, number))
        cut = Cut(self._settings["max_seq_length"], max_query_length=64, doc_stride=128)
        tokenizer = self._model.tokenizer
        self._questions[split] = questions
        self._features[split] = encode_questions(questions, tokenizer=tokenizer, cut=cut, what="")

    def about(self):
        """Returns the versions, and the number of windows of each split."""
        windows = {split: len(features) for split, features in self._features.items()}
        return {"tensorflow": tf.__version__, "numpy": np.__version__, "windows": windows}

    def train(self, batches):
        """Trains on the first windows of batches of questions; returns the times of all steps."""
        features = self._features["train"]
        first_windows = np.searchsorted(features.window_array[:, 0], np.array(batches))
        graph = self._graph(TRAIN)
        with speed_worker.Clock() as clock:
            for rows in first_windows:
                graph.run(features, rows)
        return clock.times

    def predict(self):
        """Finds the 20 best answers to each question of the dev file; returns the times."""
        features, graph = self._features["dev"], self._graph(PREDICT)
        batch_size = self._settings["batch_size"]
        with speed_worker.Clock() as clock:
            batches = in_pool_order(features.lengths, batch_size)
            outputs = in_input_order(
                (graph.run(features, rows) for rows in batches), features.lengths, batch_size
            )
            found = decode(
                self._questions["dev"], features, outputs, n_best_size=20, max_answer_length=30
            )
            answers = [each.ranked for each in found]
        assert len(answers) == len(self._questions["dev"])
        return clock.times

    def _graph(self, mode):
        if mode not in self._graphs:
            self._graphs[mode] = Graph(mode, self._model.bert_config, self._checkpoint)
        return self._graphs[mode]


class Graph:
    """The graph that the toolkit's model_fn builds, and its session."""

    def __init__(self, mode, bert_config, checkpoint):
        """Builds the graph and loads the pretrained weights."""
        config = tf.estimator.RunConfig(session_config=make_session_config())
        with tf.Graph().as_default() as graph:
            tf.set_random_seed(42)
            self._inputs = {
                name: tf.placeholder(spec.dtype, [None] * spec.rank)
                for name, spec in QuestionFeatures.specs.items()
            }
            model_fn = answer_model_fn_builder(
                bert_config=bert_config,
                init_checkpoint=checkpoint if mode == TRAIN else None,
                training=Training(1e-4, 10000, 1000),
            )
            spec = model_fn(self._inputs, None, mode, config)
            if mode == PREDICT:
                # Not in model_fn, which would expect this checkpoint to contain the head.
                checkpoints.initialize_from(checkpoint)
            self._fetches = dict(spec.predictions or {})
            if mode == TRAIN:
                self._fetches = {"train_op": spec.train_op, "loss": spec.loss}
            self._session = tf.Session(graph=graph, config=config.session_config)
            self._session.run(tf.global_variables_initializer())

    def run(self, features, rows):
        """Trains on a batch, or predicts it."""
        batch = padded_batch(features, rows, None)
        feed = dict(zip((self._inputs[name] for name in features.specs), batch))
        return self._session.run(self._fetches, feed)


if __name__ == "__main__":
    speed_worker.serve(Toolkit)
