"""Trains tiny models of all tasks on one device and on several; run it in a process of its own.

Logical devices must be configured before TensorFlow is used.
"""

import importlib
import pathlib
import random
import sys
import tempfile
from typing import Any, Dict, List, NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf
from absl import flags

import modeling
from finetune.config.command_line import declare_flags, parse_flags
from finetune.data.batches import make_training_input_fn
from finetune.runs.estimators import make_estimator
from finetune.runs.prepare import prepare
from finetune.runs.resolve import resolve
from finetune.tasks.classification.config import ClassifierConfig
from finetune.tasks.question_answering.config import QaConfig
from finetune.tasks.tagging.config import NerConfig
from finetune.training import distribution
from finetune.training.hooks import SaverHook
from finetune.training.occurring_words import RowNumbers, find_word_rows
from finetune.training.step_plan import make_step_plan, training_settings
from processors import PROCESSORS
from tests.support import tiny
from tests.support.commands import command
from tests.support.files import write_conll, write_csv, write_json

NUM_ROWS = 11
WORDS = "good bad great film movie book city world people time paris france anna".split()
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


class Case(NamedTuple):
    """A training run.

    Attributes:
      task: The folder of the task.
      data: The name of the training file.
      devices: The number of devices to compare with one.
      flags: The flags.
    """

    task: str
    data: str
    devices: int
    flags: Dict[str, Any]


# With 11 rows and a batch size of 5, the last batch has one row, so other replicas have none.
CASES = {
    "classifier": Case(
        "classification",
        "labels.csv",
        3,
        {"class_weights": "0.5,1,3", "label_smoothing": 0.1, "task_name": "multiclass"},
    ),
    "multi-label": Case(
        "classification",
        "sets.csv",
        2,
        {
            "problem_type": "multi_label",
            "label_separator": "+",
            "task_name": "multiclass",
            "padding_free": "false",
        },
    ),
    "regression": Case(
        "classification",
        "numbers.csv",
        2,
        {
            "problem_type": "regression",
            "task_name": "multiclass",
            "train_batch_size": 2,
            "gradient_accumulation_steps": 3,
        },
    ),
    "tagger": Case("tagging", "tags.txt", 2, {"task_name": "ner", "label_smoothing": 0.1}),
    "CRF": Case("tagging", "tags.txt", 2, {"task_name": "ner", "use_crf": "true"}),
    "answers": Case(
        "question_answering", "answers.json", 2, {"doc_stride": 6, "max_query_length": 6}
    ),
}
_TASKS = {
    "classification": ("run_classifier.py", "Classification", ClassifierConfig),
    "tagging": ("run_ner.py", "Tagging", NerConfig),
    "question_answering": ("run_squad.py", "QuestionAnswering", QaConfig),
}


def write_data(folder: pathlib.Path) -> None:
    """Writes the training files, whose rows differ in length, and a tiny model."""
    tiny.write_google_model(folder / "model", num_layers=1)
    generator = random.Random(5)
    texts = [generator.choices(WORDS, k=generator.randint(2, 12)) for _ in range(NUM_ROWS)]
    columns = {
        "labels": [generator.choice("aab" + "c") for _ in texts],
        "sets": [generator.choice(("a", "a+b", "b+c", "c")) for _ in texts],
        "numbers": [str(len(text)) for text in texts],
    }
    columns["labels"][:3] = "abc"
    for name, labels in columns.items():
        rows = [(" ".join(text), label) for text, label in zip(texts, labels)]
        write_csv(folder / f"{name}.csv", rows, header=("text", "label"))
    tags = [[(word, "B-X" if word in WORDS[:6] else "O") for word in text] for text in texts]
    write_conll(folder / "tags.txt", tags)
    paragraphs = [
        {
            "context": " ".join(text),
            "qas": [
                {
                    "id": str(number),
                    "question": "good film?",
                    "answers": [{"text": text[-1], "answer_start": len(" ".join(text[:-1])) + 1}],
                }
            ],
        }
        for number, text in enumerate(texts)
    ]
    write_json(folder / "answers.json", {"data": [{"title": "t", "paragraphs": paragraphs}]})


class _Capture(tf.train.SessionRunHook):
    def end(self, session: tf.Session) -> None:
        """Reads the weights on each device."""
        variables = tf.trainable_variables()
        # Hooks run outside of the scope of the strategy, which only its own variables know.
        strategy = getattr(variables[0], "distribute_strategy", tf.distribute.get_strategy())
        names = [variable.name[: -len(":0")] for variable in variables]
        copies = [strategy.experimental_local_results(variable) for variable in variables]
        self.weights = [dict(zip(names, session.run(list(one)))) for one in zip(*copies)]


def train(
    folder: pathlib.Path, case: Case, devices: int, **more: Any
) -> List[Dict[str, np.ndarray]]:
    """Trains for two epochs, without dropout by default; returns the weights on each device.

    Args:
      folder: See `write_data`.
      case: The training run.
      devices: The number of devices; 1 for an Estimator.
      more: Further flags.
    """
    script, task_name, config_class = _TASKS[case.task]
    task_class = getattr(importlib.import_module(f"finetune.tasks.{case.task}.task"), task_name)
    common = {
        "do_train": "true",
        "train_file": folder / case.data,
        "output_dir": tempfile.mkdtemp(dir=folder),
        "train_batch_size": 5,
        "learning_rate": 1e-3,
        "num_train_epochs": 2.0,
        **NO_DROPOUT,
    }
    argv = command(script, model=folder / "model", **{**common, **case.flags, **more})
    declare_flags(config_class)
    config = parse_flags(argv, config_class)
    flags.FLAGS.unparse_flags()
    run = resolve(config, task_class, PROCESSORS)
    data = prepare(run)
    plan = make_step_plan(config, NUM_ROWS)
    features = data.features["train"]
    rows = find_word_rows(features, config.init_checkpoint, None)
    assert rows is not None
    training = training_settings(
        config,
        plan.num_train_steps,
        1,
        class_weights=data.task.class_weights(features),
        rows=rows,
    )
    several = mirrored(devices) if devices > 1 else None
    estimator = make_estimator(run, data.task, config.init_checkpoint, training, several)
    input_fn = make_training_input_fn(
        RowNumbers(features, rows),
        batch_size=config.rows_per_step,
        seed=config.seed,
        parts=config.gradient_accumulation_steps,
        share=several.share if several else None,
    )
    capture = _Capture()
    hooks = [capture, SaverHook(run.output_dir, plan, lambda step: False)]
    estimator.train(input_fn, hooks=hooks, max_steps=plan.num_train_steps)
    return capture.weights


def mirrored(number: int) -> distribution.Devices:
    """Returns the first logical CPU devices of this process."""
    return distribution.mirrored([f"/cpu:{index}" for index in range(number)])


def main(folder: pathlib.Path) -> None:
    """Trains each case on one device and on several; writes the weights to .npz files."""
    (device,) = tf.config.list_physical_devices("CPU")
    one = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(device, [one] * 3)
    write_data(folder)
    for name, case in CASES.items():
        results = [*train(folder, case, 1), *train(folder, case, case.devices)]
        for number, weights in enumerate(results):
            np.savez(folder / f"{name}-{number}.npz", **weights)
    np.savez(folder / "masks.npz", first=dropout_masks(), second=dropout_masks())


def dropout_masks() -> np.ndarray:
    """Returns the dropout masks of two steps on two replicas: float [2, 2, 1000]."""
    strategy = mirrored(2).strategy
    with tf.Graph().as_default(), strategy.scope(), tf.Session() as session:
        tf.set_random_seed(3)
        step = tf.train.create_global_step()
        masks = strategy.extended.call_for_each_replica(
            lambda: modeling.dropout(tf.ones([1000]), 0.5)
        )
        session.run(tf.global_variables_initializer())
        fetched = list(strategy.experimental_local_results(masks))
        first = session.run(fetched)
        session.run(tf.assign_add(step, 1))
        return np.array([first, session.run(fetched)])


if __name__ == "__main__":
    tf.disable_v2_behavior()
    tf.enable_resource_variables()
    tf.logging.set_verbosity(tf.logging.ERROR)
    main(pathlib.Path(sys.argv[1]))
