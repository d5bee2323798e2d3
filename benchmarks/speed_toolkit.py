# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""The toolkit's side of the speed benchmark: its features, input pipeline and model_fn.

This is a worker of speed.py (see speed_worker.py). It can train and predict in two ways: with the
batches that all sides get (`train`, `predict`), and with the batches of its own input pipeline, as
in its scripts (`train_own`, `predict_all`).
"""

import os
import sys
import time
from pathlib import Path

# The toolkit's scripts set the same value. TensorFlow reads it when it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import speed_worker
import tensorflow.compat.v1 as tf

from finetune.data.batches import make_training_input_fn
from finetune.data.row_order import in_pool_order
from finetune.data.truncation import Cut
from finetune.models import checkpoints, pretrained
from finetune.models import model_fn as model_fns
from finetune.tasks.classification import head
from finetune.tasks.classification.features import encode_examples
from finetune.tasks.classification.targets import LabelIds
from finetune.training.occurring_words import RowNumbers, find_word_rows
from finetune.training.session import make_session_config
from finetune.util import parallel
from processors import InputExample

TRAIN, PREDICT = tf.estimator.ModeKeys.TRAIN, tf.estimator.ModeKeys.PREDICT


def make_run_config(settings):
    """Returns the RunConfig that the toolkit passes to its Estimator, including thread counts."""
    return tf.estimator.RunConfig(
        model_dir=settings["scratch_dir"],
        tf_random_seed=settings["seed"],
        session_config=make_session_config(),
    )


class Toolkit:
    """Executes the commands of speed.py."""

    def __init__(self, settings):
        """Loads the vocabulary and the configuration."""
        tf.disable_v2_behavior()
        tf.enable_resource_variables()
        self._settings = settings
        self._features = {}
        self._graphs, self._graphs_of = {}, None
        self._model = self._load_model()

    def _path(self, name):
        return os.path.join(self._settings["model_dir"], name)

    def _load_model(self):
        return pretrained.load(self._path("vocab.txt"), self._path("bert_config.json"))

    def about(self):
        """Returns the versions and settings behind the figures."""
        return {"versions": {"tensorflow": tf.__version__, "numpy": np.__version__}}

    def load(self, name, path, max_seq_length, num_rows=None, padded=False):
        """Encodes a data set's rows; returns the number of wordpieces in each.

        Args:
          name: Name of the data set in later commands.
          path: The file that contains the rows.
          max_seq_length: Maximum number of wordpieces per row.
          num_rows: Number of rows, or None for all.
          padded: Whether each batch is padded to max_seq_length before the model sees it, as
            in Google's input.
        """
        rows = speed_worker.read_rows(path, num_rows)
        features = self._encode(rows, max_seq_length, self._model.tokenizer)
        self._features[name] = Padded(features, max_seq_length) if padded else features
        return np.diff(features.window_starts).tolist()

    def _encode(self, rows, max_seq_length, tokenizer):
        return encode_examples(
            (InputExample(f"row-{i}", text, None, label) for i, (text, label) in enumerate(rows)),
            targets=LabelIds(self._settings["labels"]),
            cut=Cut(max_seq_length),
            tokenizer=tokenizer,
        )

    def convert(self, path, max_seq_length, repeats, most_processes):
        """Converts a file's rows repeatedly; returns the seconds and the number of processes.

        Args:
          path: The file that contains the rows.
          max_seq_length: Maximum number of wordpieces per row.
          repeats: Number of times that each row is converted.
          most_processes: Maximum number of processes.
        """
        parallel.MAX_PROCESSES = most_processes
        tokenizer = self._load_model().tokenizer
        rows = speed_worker.read_rows(path) * repeats
        start = time.perf_counter()
        features = self._encode(rows, max_seq_length, tokenizer)
        assert len(features) == len(rows), len(features)
        return {
            "seconds": time.perf_counter() - start,
            "rows": len(rows),
            "processes": parallel.count_processes(),
        }

    def _switch(self, mode, name, own):
        """Returns the graph of a mode for a data set, and frees the graphs of other data sets."""
        if self._graphs_of != (mode, name):
            for graph in self._graphs.values():
                graph.close()
            self._graphs, self._graphs_of = {}, (mode, name)
        if own not in self._graphs:
            features, rows = self._features[name], None
            if mode == TRAIN:
                rows = find_word_rows(features, self._path("bert_model.ckpt"), None)
                features = features if rows is None else RowNumbers(features, rows)
            make_dataset = (lambda: self._own_batches(mode, features)) if own else None
            self._graphs[own] = Graph(
                mode, make_dataset, features, self._settings, self._model.bert_config, rows
            )
            if own:
                self._graphs[own].start()
        return self._graphs[own]

    def _own_batches(self, mode, features):
        batch_size = self._settings["batch_size"]
        if mode == PREDICT:
            return prediction_batches(features, batch_size)
        seed = self._settings["seed"]
        return make_training_input_fn(features, batch_size=batch_size, seed=seed)()

    def cls_states(self, name, rows):
        """Returns the pretrained model's final hidden state of [CLS] in each row."""
        batch = self._features[name].batch(np.array(rows))
        with tf.Graph().as_default():
            inputs = {key: tf.constant(batch[key]) for key in batch}
            model = model_fns.run_bert(self._model.bert_config, False, inputs)
            states = model.get_sequence_output()[:, 0]
            checkpoints.initialize_from(self._path("bert_model.ckpt"))
            with tf.Session(config=make_run_config(self._settings).session_config) as session:
                session.run(tf.global_variables_initializer())
                return session.run(states).tolist()

    def train(self, name, batches):
        """Trains on batches of row numbers; returns the seconds and loss of each."""
        graph = self._switch(TRAIN, name, own=False)
        graph.start(batches)
        seconds, results = speed_worker.time_steps(lambda _: graph.step(), batches)
        return {"seconds": seconds, "losses": [float(result["loss"]) for result in results]}

    def train_own(self, name, steps):
        """Trains on the pipeline's next batches; returns the seconds, loss and lengths of each."""
        graph = self._switch(TRAIN, name, own=True)
        seconds, results = speed_worker.time_steps(lambda _: graph.step(), range(steps))
        return {
            "seconds": seconds,
            "losses": [float(result["loss"]) for result in results],
            "lengths": [result["lengths"].tolist() for result in results],
        }

    def predict(self, name, batches):
        """Predicts batches of row numbers; returns the seconds of each."""
        graph = self._switch(PREDICT, name, own=False)
        graph.start(batches)
        seconds, _ = speed_worker.time_steps(lambda _: graph.step(), batches)
        return {"seconds": seconds}

    def predict_all(self, name, batch_size):
        """Predicts all rows with the input pipeline; returns the total seconds."""
        assert batch_size == self._settings["batch_size"], batch_size
        graph = self._switch(PREDICT, name, own=True)
        predicted = 0
        start = time.perf_counter()
        graph.start()
        while predicted < len(self._features[name]):
            predicted += len(graph.step()["logits"])
        return {"seconds": time.perf_counter() - start}

    def tokenize(self, how, path, num_rows=None):
        """Tokenizes texts one by one; returns the seconds and the total number of wordpieces.

        Args:
          how: "ids" or "offsets".
          path: The file that contains the rows.
          num_rows: Number of rows, or None for all.
        """
        # Loaded again, so that the tokenizer has not seen the texts before.
        tokenizer = self._load_model().tokenizer
        texts = [text for text, _ in speed_worker.read_rows(path, num_rows)]
        turns = {
            "ids": tokenizer.tokenize_to_ids,
            "offsets": tokenizer.tokenize_with_offsets,
        }
        return speed_worker.time_texts(turns[how], texts)

    def peak_memory(self):
        """Returns this process's peak memory in bytes."""
        return speed_worker.peak_memory()


class Padded:
    """Features whose batches are padded to one length."""

    def __init__(self, features, length):
        """Stores the features and the length."""
        self._features = features
        self._length = length
        self.specs = features.specs
        self.occurring_ids = features.occurring_ids

    def __len__(self):
        return len(self._features)

    def batch(self, rows):
        """Returns a batch of the features, padded with zeros to the length."""
        batch = self._features.batch(rows)
        for name, array in batch.items():
            if array.ndim == 2:
                batch[name] = np.pad(array, [(0, 0), (0, self._length - array.shape[1])])
        return batch


class Graph:
    """The graph that the toolkit's model_fn builds for a dataset, and its session."""

    def __init__(self, mode, make_dataset, features, settings, bert_config, rows):
        """Builds the graph and loads the pretrained weights.

        Args:
          mode: TRAIN or PREDICT.
          make_dataset: Creates the pipeline's own dataset; None if batches are passed to `start`.
          features: The features of the data set.
          settings: The side's settings.
          bert_config: The model's configuration.
          rows: The rows of the word-embedding table to train; see `find_word_rows`.
        """
        checkpoint = os.path.join(settings["model_dir"], "bert_model.ckpt")
        graph = tf.Graph()
        with graph.as_default():
            tf.set_random_seed(settings["seed"])
            self._rows = tf.placeholder(tf.int64, [None, None])
            dataset = make_dataset() if make_dataset else given_batches(features, self._rows)
            self._iterator = tf.data.make_initializable_iterator(dataset)
            inputs = self._iterator.get_next()
            model_fn = make_model_fn(mode, checkpoint, settings, bert_config, rows)
            spec = model_fn(inputs, None, mode, make_run_config(settings))
            if mode == PREDICT:
                # Not in model_fn, which would expect this checkpoint to contain the head.
                checkpoints.initialize_from(checkpoint)
            self._fetches = fetches_of(mode, spec, inputs)
            initializer = tf.global_variables_initializer()
            graph.finalize()
        self._session = tf.Session(graph=graph, config=make_run_config(settings).session_config)
        self._session.run(initializer)

    def start(self, batches=()):
        """Starts the dataset; batches of row numbers are required unless it is the pipeline's."""
        feed = {self._rows: np.array(batches, np.int64)} if len(batches) else {}
        self._session.run(self._iterator.initializer, feed)

    def step(self):
        """Trains on the next batch, or predicts it."""
        return self._session.run(self._fetches)

    def close(self):
        """Frees the session's memory."""
        self._session.close()


def prediction_batches(features, batch_size):
    """Returns a Dataset of all rows, in the batches of the toolkit's predictions."""
    specs = features.specs
    return tf.data.Dataset.from_generator(
        lambda: map(features.batch, in_pool_order(features.lengths, batch_size)),
        {name: spec.dtype for name, spec in specs.items()},
        {name: [None] * spec.rank for name, spec in specs.items()},
    ).prefetch(2)


def given_batches(features, rows):
    """Returns a dataset of batches of the features, for the row numbers [batches, B]."""

    def gather(numbers):
        batch = features.batch(numbers)
        return [batch[name] for name in features.specs]

    def map_rows(numbers):
        types = [spec.dtype for spec in features.specs.values()]
        tensors = tf.numpy_function(gather, [numbers], types)
        for tensor, spec in zip(tensors, features.specs.values()):
            tensor.set_shape([None] * spec.rank)
        return dict(zip(features.specs, tensors))

    return tf.data.Dataset.from_tensor_slices(rows).map(map_rows).prefetch(2)


def make_model_fn(mode, checkpoint, settings, bert_config, rows):
    """Returns the model_fn of the toolkit's classifier."""
    training = model_fns.Training(
        learning_rate=settings["learning_rate"],
        num_train_steps=settings["num_train_steps"],
        num_warmup_steps=settings["num_warmup_steps"],
        word_rows=rows,
    )
    graph_settings = head.GraphSettings(
        bert_config=training.adjusted(bert_config),
        init_checkpoint=checkpoint if mode == TRAIN else None,
        training=training,
    )
    return head.classifier_model_fn_builder(graph_settings, len(settings["labels"]))


def fetches_of(mode, spec, inputs):
    """Returns a step's fetches, including the loss, which the toolkit's progress line needs."""
    if mode == PREDICT:
        return dict(spec.predictions)
    lengths = tf.reduce_sum(inputs["input_mask"], axis=1)  # [B]
    return {"train_op": spec.train_op, "loss": spec.loss, "lengths": lengths}


if __name__ == "__main__":
    speed_worker.serve(Toolkit)
