# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Measures how much faster a tagger trains on batches by length than on random batches.

    python benchmarks/speed_grouping.py --train_file FILE --model_dir DIR

One process takes turns of a few training steps with and without --group_by_length, until each side
has trained on every sentence once. The first step of each side is not counted, because TensorFlow
prepares its kernels in it. FILE contains CoNLL columns.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

# The toolkit's scripts set the same value. TensorFlow reads it when it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tensorflow.compat.v1 as tf

from finetune.data.batches import make_training_input_fn, steps_per_epoch
from finetune.models import pretrained
from finetune.models.model_fn import Training
from finetune.tasks.tagging.features import encode_texts
from finetune.tasks.tagging.head import tagger_model_fn_builder
from finetune.tasks.tagging.processor import NERProcessor
from finetune.training.session import make_session_config

SEED = 42
LEARNING_RATE = 2e-4


class Side:
    """A training run of which one step at a time is timed."""

    def __init__(self, features, labels, model, options, by_length):
        """Builds the graph, loads the pretrained weights and runs one step."""
        self.seconds = self.rows = self.wordpieces = 0
        steps = steps_per_epoch(len(features), options.batch_size)
        config = tf.estimator.RunConfig(
            model_dir=options.scratch_dir, session_config=make_session_config()
        )
        with tf.Graph().as_default() as graph:
            tf.set_random_seed(SEED)
            dataset = make_training_input_fn(
                features, batch_size=options.batch_size, seed=SEED, by_length=by_length
            )()
            iterator = tf.data.make_initializable_iterator(dataset)
            inputs = iterator.get_next()
            model_fn = tagger_model_fn_builder(
                bert_config=model.bert_config,
                labels=labels,
                init_checkpoint=str(options.model_dir / "bert_model.ckpt"),
                training=Training(LEARNING_RATE, 2 * steps, steps // 5),
            )
            spec = model_fn(inputs, None, tf.estimator.ModeKeys.TRAIN, config)
            self._fetches = {
                "train_op": spec.train_op,
                "loss": spec.loss,
                "lengths": tf.reduce_sum(inputs["input_mask"], axis=1),  # [B]
            }
            self._session = tf.Session(graph=graph, config=config.session_config)
            self._session.run([tf.global_variables_initializer(), iterator.initializer])
        self._session.run(self._fetches)

    def take_turn(self, steps):
        """Times some training steps."""
        start = time.perf_counter()
        results = [self._session.run(self._fetches) for _ in range(steps)]
        self.seconds += time.perf_counter() - start
        self.rows += sum(len(result["lengths"]) for result in results)
        self.wordpieces += sum(int(result["lengths"].sum()) for result in results)


def parse_options():
    """Returns the command-line options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--train_file", required=True, help="CoNLL columns; the tag is in the last")
    add("--model_dir", required=True, type=Path, help="a model that prepare_model.py installed")
    add("--batch_size", type=int, default=32)
    add("--max_seq_length", type=int, default=128)
    add("--steps_per_turn", type=int, default=10)
    return parser.parse_args()


def main():
    """Prints the speed of both sides and its ratio."""
    options = parse_options()
    tf.disable_v2_behavior()
    tf.enable_resource_variables()
    folder = options.model_dir
    model = pretrained.load(str(folder / "vocab.txt"), str(folder / "bert_config.json"))
    texts = list(NERProcessor().read_examples(options.train_file, "train"))
    labels = sorted({tag for text in texts for tag in text.tags})
    features = encode_texts(
        texts,
        labels=labels,
        max_seq_length=options.max_seq_length,
        doc_stride=options.max_seq_length // 2,
        tokenizer=model.tokenizer,
    )
    with tempfile.TemporaryDirectory() as options.scratch_dir:
        sides = {
            name: Side(features, labels, model, options, by_length)
            for name, by_length in {"random": False, "by length": True}.items()
        }
        steps_left = steps_per_epoch(len(features), options.batch_size) - 1
        turn = 0
        while steps_left:
            steps = min(options.steps_per_turn, steps_left)
            order = list(sides) if turn % 2 else list(sides)[::-1]
            for name in order:
                sides[name].take_turn(steps)
            steps_left -= steps
            turn += 1
    for name, side in sides.items():
        print(
            f"{name:<10}{side.rows / side.seconds:>8.1f} rows/s"
            f"{side.wordpieces / side.seconds:>10.0f} wordpieces/s"
        )
    random, grouped = sides["random"], sides["by length"]
    ratio = (grouped.rows / grouped.seconds) / (random.rows / random.seconds)
    print(f"batches by length are {ratio:.2f} times as fast")


if __name__ == "__main__":
    main()
