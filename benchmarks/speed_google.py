# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Google's side of the speed benchmark: bert-tensorflow 1.0.4 on TensorFlow 1.15, Python 3.7.

This is a worker of speed.py (see speed_worker.py). Its graph is that of Google's run_classifier.py:
all rows are padded to max_seq_length, and all shapes are fixed.
"""

import os
import time

# TensorFlow reads this when it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import speed_worker
import tensorflow.compat.v1 as tf
from bert import modeling, optimization, tokenization

INPUTS = ("input_ids", "input_mask", "segment_ids", "label_ids")


class Google:
    """Executes the commands of speed.py."""

    def __init__(self, settings):
        """Loads the vocabulary and the configuration."""
        # The tokenizer reads a flag that its module defines, so the flags must be parsed first.
        tf.flags.FLAGS(["speed_google.py"])
        self._settings = settings
        self._folder = settings["model_dir"]
        self._config = modeling.BertConfig.from_json_file(self._path("bert_config.json"))
        self._tokenizer = self._make_tokenizer()
        self._arrays = {}
        self._graph, self._graph_of = None, None

    def _path(self, name):
        return os.path.join(self._folder, name)

    def _make_tokenizer(self):
        return tokenization.FullTokenizer(self._path("vocab.txt"), do_lower_case=True)

    def about(self):
        """Returns the versions and settings behind the figures."""
        return {"versions": {"tensorflow": tf.__version__, "bert-tensorflow": "1.0.4"}}

    def load(self, name, path, max_seq_length, num_rows=None):
        """Encodes and pads a data set's rows; returns the number of wordpieces in each."""
        rows = speed_worker.read_rows(path, num_rows)
        labels = self._settings["labels"]
        arrays = {key: np.zeros([len(rows), max_seq_length], np.int32) for key in INPUTS[:3]}
        arrays["label_ids"] = np.array([labels.index(label) for _, label in rows], np.int32)
        for i, (text, _) in enumerate(rows):
            pieces = self._tokenizer.tokenize(text)[: max_seq_length - 2]
            ids = self._tokenizer.convert_tokens_to_ids(["[CLS]"] + pieces + ["[SEP]"])
            arrays["input_ids"][i, : len(ids)] = ids
            arrays["input_mask"][i, : len(ids)] = 1
        self._arrays[name] = arrays
        return arrays["input_mask"].sum(axis=1).tolist()

    def _switch(self, kind, name, batch_size):
        """Returns the graph of a kind for a data set's length; only one graph exists at a time."""
        max_seq_length = self._arrays[name]["input_ids"].shape[1]
        if self._graph_of != (kind, max_seq_length, batch_size):
            if self._graph is not None:
                self._graph.close()
            self._graph = Graph(kind, self._config, self._settings, [batch_size, max_seq_length])
            self._graph_of = (kind, max_seq_length, batch_size)
        return self._graph

    def _run(self, kind, name, batches):
        graph = self._switch(kind, name, len(batches[0]))
        arrays = self._arrays[name]
        return speed_worker.time_steps(
            lambda rows: graph.run({key: arrays[key][list(rows)] for key in INPUTS}), batches
        )

    def cls_states(self, name, rows):
        """Returns the pretrained model's final hidden state of [CLS] in each row."""
        _, (states,) = self._run("states", name, [rows])
        return states.tolist()

    def train(self, name, batches):
        """Trains on batches of row numbers; returns the seconds and loss of each."""
        seconds, results = self._run("train", name, batches)
        return {"seconds": seconds, "losses": [float(loss) for loss, _ in results]}

    def predict(self, name, batches):
        """Predicts batches of row numbers; returns the seconds of each."""
        seconds, _ = self._run("predict", name, batches)
        return {"seconds": seconds}

    def predict_all(self, name, batch_size):
        """Predicts all rows in file order; returns the total seconds."""
        count = len(self._arrays[name]["label_ids"])
        # The shapes are fixed, so the last batch is filled up with other rows.
        rows = np.arange(-(-count // batch_size) * batch_size) % count
        batches = rows.reshape([-1, batch_size])
        self._switch("predict", name, batch_size)
        start = time.perf_counter()
        self._run("predict", name, batches)
        return {"seconds": time.perf_counter() - start}

    def tokenize(self, how, path, num_rows=None):
        """Tokenizes texts one by one; returns the seconds and the total number of wordpieces.

        Args:
          how: "ids", the only output that this tokenizer supports.
          path: The file that contains the rows.
          num_rows: Number of rows, or None for all.
        """
        assert how == "ids", how
        tokenizer = self._make_tokenizer()
        texts = [text for text, _ in speed_worker.read_rows(path, num_rows)]
        return speed_worker.time_texts(
            lambda text: tokenizer.convert_tokens_to_ids(tokenizer.tokenize(text)), texts
        )

    def peak_memory(self):
        """Returns this process's peak memory in bytes."""
        return speed_worker.peak_memory()


class Graph:
    """A graph of fixed shape and its session."""

    def __init__(self, kind, config, settings, shape):
        """Builds the graph and loads the pretrained weights.

        Args:
          kind: "train", "predict" or "states".
          config: The model's configuration.
          settings: The side's settings.
          shape: Rows per batch, and max_seq_length.
        """
        graph = tf.Graph()
        with graph.as_default():
            tf.set_random_seed(settings["seed"])
            self._inputs = {key: tf.placeholder(tf.int32, shape) for key in INPUTS[:3]}
            self._inputs["label_ids"] = tf.placeholder(tf.int32, shape[:1])
            self._fetches = BUILDERS[kind](config, self._inputs, settings)
            load_weights(os.path.join(settings["model_dir"], "bert_model.ckpt"))
            initializer = tf.global_variables_initializer()
            graph.finalize()
        # These are the session options of an Estimator, as in Google's script.
        self._session = tf.Session(graph=graph, config=tf.estimator.RunConfig().session_config)
        self._session.run(initializer)

    def run(self, arrays):
        """Returns the graph's output for a batch."""
        feed = {self._inputs[key]: array for key, array in arrays.items()}
        return self._session.run(self._fetches, feed)

    def close(self):
        """Frees the session's memory."""
        self._session.close()


def load_weights(checkpoint):
    """Initialises the variables from the checkpoint."""
    names, _ = modeling.get_assignment_map_from_checkpoint(tf.trainable_variables(), checkpoint)
    tf.train.init_from_checkpoint(checkpoint, names)


def build_bert(config, inputs, is_training):
    """Returns Google's model for a batch."""
    return modeling.BertModel(
        config=config,
        is_training=is_training,
        input_ids=inputs["input_ids"],
        input_mask=inputs["input_mask"],
        token_type_ids=inputs["segment_ids"],
        use_one_hot_embeddings=False,
    )


def build_logits(config, inputs, settings, is_training):
    """Returns the logits, computed with the head of Google's run_classifier.py."""
    pooled = build_bert(config, inputs, is_training).get_pooled_output()
    num_labels = len(settings["labels"])
    weights = tf.get_variable(
        "output_weights",
        [num_labels, config.hidden_size],
        initializer=tf.truncated_normal_initializer(stddev=0.02),
    )
    bias = tf.get_variable("output_bias", [num_labels], initializer=tf.zeros_initializer())
    if is_training:
        pooled = tf.nn.dropout(pooled, keep_prob=0.9)
    return tf.nn.bias_add(tf.matmul(pooled, weights, transpose_b=True), bias)


def build_training(config, inputs, settings):
    """Returns the loss and the op of a training step."""
    logits = build_logits(config, inputs, settings, is_training=True)
    targets = tf.one_hot(inputs["label_ids"], len(settings["labels"]), dtype=tf.float32)
    log_probabilities = tf.nn.log_softmax(logits, axis=-1)
    loss = tf.reduce_mean(-tf.reduce_sum(targets * log_probabilities, axis=-1))
    step = optimization.create_optimizer(
        loss,
        settings["learning_rate"],
        settings["num_train_steps"],
        settings["num_warmup_steps"],
        use_tpu=False,
    )
    return [loss, step]


def build_prediction(config, inputs, settings):
    """Returns the labels' probabilities."""
    return tf.nn.softmax(build_logits(config, inputs, settings, is_training=False), axis=-1)


def build_states(config, inputs, settings):
    """Returns the final hidden state of [CLS].

    Uses the exact GELU, with which these weights were trained and which the other sides use. The
    timed graphs use the tanh approximation, because Google's module knows no other GELU by name.
    """
    del settings
    exact = modeling.BertConfig.from_dict(config.to_dict())
    exact.hidden_act = lambda x: 0.5 * x * (1.0 + tf.math.erf(x / np.sqrt(2.0)))
    return build_bert(exact, inputs, is_training=False).get_sequence_output()[:, 0]


BUILDERS = {"train": build_training, "predict": build_prediction, "states": build_states}


if __name__ == "__main__":
    speed_worker.serve(Google)
