"""Score a model in ONNX Runtime on the dev data, as an evaluation scores the trained model."""

import contextlib
from typing import Any, Callable, Dict, Generator, Iterator, List, Mapping, Type

import numpy as np
import tensorflow.compat.v1 as tf

from finetune.data.batches import padded_batch
from finetune.data.row_order import in_input_order, in_pool_order
from finetune.data.rows import Rows
from finetune.output.best_model import Scores
from finetune.runs.prepare import PreparedData
from finetune.tasks.classification import head as classification
from finetune.tasks.classification.config import WINDOWS
from finetune.tasks.classification.task import Classification
from finetune.tasks.hugging_face import ExportedHead
from finetune.tasks.question_answering import head as question_answering
from finetune.tasks.question_answering.task import QuestionAnswering
from finetune.tasks.tagging import head as tagging
from finetune.tasks.tagging.task import Tagging
from finetune.tasks.task import Task

_Tensors = Dict[str, tf.Tensor]
_Outputs = Dict[str, np.ndarray]

# The toolkit's names of a batch's arrays, by the names of the model's inputs.
_INPUTS = {
    "input_ids": "input_ids",
    "attention_mask": "input_mask",
    "token_type_ids": "segment_ids",
}


def score(path: str, head: ExportedHead, data: PreparedData) -> Scores:
    """Returns the scores of a model on the dev data.

    Args:
      path: The model's file.
      head: The model's head.
      data: The dev data, and the task.
    """
    task, features = data.task, data.features["dev"]
    return task.score(data.examples["dev"], features, outputs(path, head, task, features)).scores


def outputs(path: str, head: ExportedHead, task: Task, features: Rows) -> List[_Outputs]:
    """Returns a model's predictions, named like those of the task's `model_fn`, in row order."""
    size = task.config.eval_batch_size
    found = _batch_outputs(path, head, task, features, size)
    with contextlib.closing(found):
        return list(in_input_order(found, features.lengths, size))


def _batch_outputs(
    path: str, head: ExportedHead, task: Task, features: Rows, size: int
) -> Generator[_Outputs, None, None]:
    """Yields the predictions for each batch, in the order of `in_pool_order`."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    with _decoder(task, features) as decode:
        for rows in in_pool_order(features.lengths, size):
            batch = dict(zip(features.specs, padded_batch(features, rows, None)))
            feeds = {name: batch[_INPUTS[name]].astype(np.int64) for name in names}
            logits = session.run(None, feeds)
            logits = logits[0] if len(logits) == 1 else np.stack(logits, axis=2)  # [B, S, 2]
            # A regression's outputs are in the unit of the data; the task's are standardised.
            yield decode((logits - np.float32(head.mean)) / np.float32(head.scale), batch)


@contextlib.contextmanager
def _decoder(
    task: Task, features: Rows
) -> Iterator[Callable[[np.ndarray, Mapping[str, np.ndarray]], _Outputs]]:
    """Yields a function that returns the predictions for a batch from its logits."""
    with tf.Graph().as_default() as graph:
        specs = features.specs
        inputs = {name: tf.placeholder(s.dtype, [None] * s.rank) for name, s in specs.items()}
        rank = 2 if isinstance(task, Classification) else 3
        logits = tf.placeholder(tf.float32, [None] * rank)
        predictions = _PREDICTIONS[type(task)](task, logits, inputs)

    with tf.Session(graph=graph) as session:

        def decode(values: np.ndarray, batch: Mapping[str, np.ndarray]) -> _Outputs:
            feeds = {inputs[name]: batch[name] for name in inputs}
            return session.run(predictions, {logits: values, **feeds})

        yield decode


def _of_classifier(task: Any, logits: tf.Tensor, features: _Tensors) -> _Tensors:
    config = task.config
    pooling = config.window_pooling if config.long_text == WINDOWS else None
    return {"logits": classification.pooled(logits, features, pooling)}


def _of_tagger(task: Any, logits: tf.Tensor, features: _Tensors) -> _Tensors:
    return tagging.head_of_logits(logits, features, task.labels).predictions()


def _of_answers(task: Any, logits: tf.Tensor, features: _Tensors) -> _Tensors:
    del task
    logits = tf.ensure_shape(logits, [None, None, 2])
    return question_answering.head_of_logits(logits, features).predictions()


# Return predictions from a batch's logits and features.
_PREDICTIONS: Dict[Type[Task], Callable[[Any, tf.Tensor, _Tensors], _Tensors]] = {
    Classification: _of_classifier,
    Tagging: _of_tagger,
    QuestionAnswering: _of_answers,
}
