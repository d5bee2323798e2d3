"""The signatures of an exported classifier; its results are those of `problem_types`."""

from typing import Callable, Dict, Sequence

import numpy as np
import tensorflow.compat.v1 as tf

from finetune.models.graph_inputs import framed
from finetune.models.model_fn import NO_TRAINING
from finetune.tasks.classification.problem_types import MultiLabel, ProblemType, Regression
from finetune.tasks.classification.task import Classification
from finetune.tasks.saved_model import (
    CLASSIFY,
    REGRESS,
    ServingGraph,
    Signature,
    Tensors,
    TextInputs,
    feedable,
    make_graph,
    make_signatures,
    make_tokenizer,
    predictions_of,
)

_CONSTANTS = tf.saved_model.signature_constants
_RANKS = {"input_ids": 2, "input_mask": 2, "segment_ids": 2}


def build(task: Classification, checkpoint: str) -> ServingGraph:
    """Builds a trained classifier in the default graph.

    Args:
      task: The task.
      checkpoint: The trained model.

    Raises:
      InputError: Its thresholds are not tuned yet, or an optional package is missing.
    """
    is_pooled = task.config.cut().windows

    def outputs_of(features: Tensors) -> Tensors:
        model_fn = task.make_model_fn(checkpoint, NO_TRAINING)
        return _outputs(task.problem, predictions_of(model_fn, features)["logits"])

    def signatures_of(texts: TextInputs) -> Dict[str, Signature]:
        features = _features_of(task, list(texts.texts.values()))
        if not is_pooled:
            del features["window_rows"]
        features = feedable(features)
        outputs = outputs_of(features)
        of_examples = _of_examples(task.problem, outputs)
        return make_signatures(texts, features, outputs, of_examples)

    ranks = {**_RANKS, **({"window_rows": 1} if is_pooled else {})}
    return make_graph(task, task.config.clean_steps, ranks, outputs_of, signatures_of)


def _features_of(task: Classification, texts: Sequence[tf.Tensor]) -> Tensors:
    tokenizer = make_tokenizer(task.model)
    pieces = [tokenizer.tokenize(text) for text in texts]
    second = pieces[1] if len(pieces) > 1 else None
    return framed(pieces[0], second, task.config.cut(), task.model.frame)


def _outputs(problem: ProblemType, logits: tf.Tensor) -> Tensors:
    """Returns the outputs of predict for logits [B, outputs]."""
    # In 64 bits, as in `problem_types`, so that ties and thresholds are decided alike.
    logits = tf.cast(logits, tf.float64)
    if isinstance(problem, Regression):
        numbers = logits[:, 0] * problem.scale + problem.mean  # [B]
        return {"prediction": tf.cast(numbers, tf.float32)}
    labels = tf.constant(problem.labels)
    all_labels = tf.tile(labels[tf.newaxis], [tf.shape(logits)[0], 1])  # [B, L]
    if isinstance(problem, MultiLabel):
        probabilities = tf.sigmoid(logits)  # [B, L]
        is_given = probabilities >= np.broadcast_to(problem.thresholds, [len(problem.labels)])
        given = tf.ragged.boolean_mask(all_labels, is_given).to_tensor(default_value="")
        outputs = {"prediction": given}
    else:
        probabilities = tf.nn.softmax(logits)  # [B, L]
        best = tf.gather(labels, tf.argmax(probabilities, axis=-1))  # [B]
        score = tf.reduce_max(probabilities, axis=-1)  # [B]
        outputs = {"prediction": best, "score": tf.cast(score, tf.float32)}
    return {
        **outputs,
        "labels": all_labels,
        "probabilities": tf.cast(probabilities, tf.float32),
    }


def _of_examples(
    problem: ProblemType, outputs: Tensors
) -> Dict[str, Callable[[tf.Tensor], Signature]]:
    """Returns functions that make the signatures which take examples."""
    if isinstance(problem, Regression):
        results = {_CONSTANTS.REGRESS_OUTPUTS: outputs["prediction"]}
        method, name = _CONSTANTS.REGRESS_METHOD_NAME, REGRESS
        key = _CONSTANTS.REGRESS_INPUTS
    else:
        results = {
            _CONSTANTS.CLASSIFY_OUTPUT_CLASSES: outputs["labels"],
            _CONSTANTS.CLASSIFY_OUTPUT_SCORES: outputs["probabilities"],
        }
        method, name = _CONSTANTS.CLASSIFY_METHOD_NAME, CLASSIFY
        key = _CONSTANTS.CLASSIFY_INPUTS
    return {name: lambda examples: Signature({key: examples}, results, method)}
