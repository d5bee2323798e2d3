"""A trained model that a Python program loads once and predicts with."""

import concurrent.futures
import contextlib
import logging
import os
import threading
from typing import (
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
)

import numpy as np

from finetune.config.output_flags import POOLINGS
from finetune.data import row_order
from finetune.data.processor import InputExample
from finetune.data.rows import Rows
from finetune.models import names as model_names
from finetune.output import names
from finetune.runs.chunk_model import ChunkModel
from finetune.runs.encoder import Encoder, pooled
from finetune.runs.estimators import trained_checkpoint
from finetune.runs.prepare import make_task
from finetune.runs.resolve import ProcessorClasses, Run
from finetune.runs.trained_run import predicting_run, trained_run
from finetune.tasks.classification.processor import MulticlassProcessor
from finetune.tasks.classification.task import Classification
from finetune.tasks.task import Task
from finetune.util.errors import InputError, UsageError
from finetune.util.files import user_path_errors
from finetune.util.log import is_useful

_ACTIONS = ("do_train", "do_eval", "do_predict", "do_embed", "do_check")
_THREAD = "finetune-model"


class _Session:
    """A model whose graph is built in a thread of its own, so that `_is_useful` knows its log."""

    def __init__(self, model: ChunkModel):
        self._model = model
        self._is_started = False

    def outputs(self, rows: Rows, is_all: bool = False) -> Dict[str, np.ndarray]:
        """See `ChunkModel.outputs`."""
        if not self._is_started:
            with concurrent.futures.ThreadPoolExecutor(1, _THREAD) as thread:
                thread.submit(self._model.start, rows.specs).result()
            self._is_started = True
        return self._model.outputs(rows, is_all)

    def close(self) -> None:
        """Ends the session, unless it has ended."""
        self._model.close()


class LoadedModel:
    """A trained model.

    Its methods can be called from several threads. The caller's default graph and session are not
    affected.

    Attributes:
      labels: The labels; of a tagger, its tags; of a pretrained model, none.
      kind: What it predicts: "single_label", "multi_label", "regression", "entities", "answers";
        "" if it is only pretrained.
      text_names: The name of each text that a prediction needs: "text", or the names of two.
    """

    def __init__(self, run: Run, task: Optional[Task], packed_weights: bool = False):
        """Creates a model; use `load` instead.

        Args:
          run: A run that predicts.
          task: The model's task; None if the model is only pretrained.
          packed_weights: See `load`.
        """
        self.labels: List[str] = [] if task is None else list(task.labels)
        self.kind: str = "" if task is None else task.kind
        self.text_names: Tuple[str, ...] = ("text",) if task is None else task.text_names
        self._run = run
        self._task = task
        self._encoder = Encoder(run)
        checkpoint = trained_checkpoint(run)
        self._vectors = _Session(ChunkModel(run, self._encoder, checkpoint))
        self._predictor: Optional[_Session] = None
        if task is not None:
            model = ChunkModel(run, task, checkpoint, packs_weights=packed_weights)
            self._predictor = _Session(model)
        self._lock = threading.Lock()
        self._is_open = True

    def predict(self, texts: Any) -> Any:
        """Predicts texts.

        Args:
          texts: A text, a list of texts, or another iterable of texts, which can be endless. A pair
            of texts, or a question and its context, is a tuple of two; a tagger also takes a text
            as a tuple of its words.

        Returns:
          The prediction for a text; a list of predictions for a list; an iterator for any other
          iterable. A classifier's prediction has the keys "prediction" (the label; a list of labels
          in multi-label classification; a number in regression), "score" (its probability, if each
          text has one label) and "probabilities" (by label; not in regression). A tagger's has
          "text" and "entities", which are those of test_results.jsonl, as are the keys of an answer
          to a question.

        Raises:
          InputError: A text is not of the kind that the model was trained on, or the model is
            only pretrained.
        """
        if isinstance(texts, (str, tuple)):
            (prediction,) = self.predict([texts])
            return prediction
        if not isinstance(texts, Iterable):
            raise InputError(f"found {texts!r:.80}; expected a text, or an iterable of texts.")
        given = enumerate(texts, start=1)
        if isinstance(texts, list):
            return self._predict(list(given), is_all=True)
        return self._in_chunks(given)

    def embed(self, texts: Any, pooling: str = "mean", normalize: bool = False) -> np.ndarray:
        """Computes sentence vectors with the model's encoder.

        Args:
          texts: A text, or an iterable of texts. Long texts are truncated.
          pooling: One of `output_flags.POOLINGS`: how the vectors of a text's tokens, with
            [CLS] and [SEP], become one.
          normalize: Whether to divide each vector by its length.

        Returns:
          float32 [H] for a text; [texts, H] for an iterable.

        Raises:
          InputError: A text is not a string, or the pooling is unknown.
        """
        if pooling not in POOLINGS:
            expected = ", ".join(POOLINGS)
            raise InputError(f"pooling={pooling!r:.80}: expected one of {expected}.")
        if isinstance(texts, str):
            return self.embed([texts], pooling, normalize)[0]
        if not isinstance(texts, Iterable):
            raise InputError(f"found {texts!r:.80}; expected a text, or an iterable of texts.")
        chunks = self._chunks(enumerate(texts, start=1))
        parts = [pooled(self._embed(chunk), pooling, normalize) for chunk in chunks]
        return np.concatenate([np.zeros((0, self._encoder.width), np.float32), *parts])

    def _chunks(self, given: Iterator[Tuple[int, Any]]) -> Iterator[List[Tuple[int, Any]]]:
        """Yields numbered texts in chunks, which are as large as those of a stream."""
        return row_order.in_chunks(given, self._run.config.predict_batch_size)

    def _in_chunks(self, given: Iterator[Tuple[int, Any]]) -> Iterator[Mapping[str, Any]]:
        """Yields predictions in the order of the numbered texts, which are read as needed."""
        for chunk in self._chunks(given):
            yield from self._predict(chunk)

    def _predict(
        self, given: Sequence[Tuple[int, Any]], is_all: bool = False
    ) -> List[Mapping[str, Any]]:
        task = self._task
        if task is None or self._predictor is None:
            raise InputError(
                f"{self._run.output_dir} contains a pretrained model, which cannot predict; "
                "expected a trained one. Train it, or use embed."
            )
        if not given:
            return []
        with self._in_turn():
            examples = [task.example_of(f"text {number}", text) for number, text in given]
            features = task.encode("test", examples, is_chunk=True)
            # A tagger's text without words is answered without the model.
            outputs = [self._predictor.outputs(features, is_all)] if len(features) else []
            return list(task.predictions(examples, features, outputs))

    def _embed(self, given: Sequence[Tuple[int, Any]]) -> Mapping[str, np.ndarray]:
        with self._in_turn():
            return self._vectors.outputs(self._encoder.encode(map(_example, given)))

    @contextlib.contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Waits until no other thread uses the model."""
        with self._lock:
            if not self._is_open:
                raise ValueError("The model is closed.")
            yield

    def close(self) -> None:
        """Ends the sessions and frees their memory; the model cannot be used afterwards."""
        with self._lock:
            sessions = (self._vectors, self._predictor) if self._is_open else ()
            self._is_open = False
            for session in sessions:
                if session is not None:
                    session.close()

    def __enter__(self) -> "LoadedModel":
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()


def load(
    output_dir: str,
    processor_classes: ProcessorClasses,
    packed_weights: bool = False,
    **flags: Any,
) -> LoadedModel:
    """Loads a trained model, or a pretrained one for its sentence vectors.

    Args:
      output_dir: The output directory of a training run, or the folder of a pretrained model.
      processor_classes: `PROCESSORS` from processors.py.
      packed_weights: Whether predictions of one short text are computed sooner, with a second copy
        of the weights.
      flags: Flags of the script that trained the model, such as `predict_batch_size`.

    Raises:
      InputError: The directory contains no trained model, or its files are damaged.
      UsageError: A flag is unknown or invalid, or contradicts the trained model.
    """
    action = next((name for name in flags if name in _ACTIONS), None)
    if action is not None:
        raise UsageError(f"{action} is a flag of the scripts; a loaded model only predicts.")
    if not isinstance(packed_weights, bool):
        raise UsageError(f"packed_weights={packed_weights!r:.80}: expected True or False.")
    is_trained = os.path.exists(os.path.join(output_dir, names.RECORD))
    is_pretrained = os.path.exists(os.path.join(output_dir, model_names.BERT_CONFIG))
    logging.getLogger("tensorflow").addFilter(_is_useful)
    if is_trained or not is_pretrained:
        run = trained_run(output_dir, processor_classes, **flags)
    else:
        flags = {"task_name": "pretrained", "model_dir": output_dir, **flags}
        classes = {"pretrained": MulticlassProcessor}
        run = predicting_run(output_dir, Classification, classes, **flags)
    with user_path_errors(run.config.paths):
        return LoadedModel(run, make_task(run) if is_trained else None, packed_weights)


def _example(given: Tuple[int, Any]) -> InputExample:
    """Returns the example for a numbered text to embed."""
    number, text = given
    if not isinstance(text, str):
        raise InputError(f"text {number}: found {text!r:.80}; expected a text.")
    return InputExample(f"text {number}", text)


def _is_useful(record: logging.LogRecord) -> bool:
    """Returns whether a message of TensorFlow is of use to the program that loads a model."""
    return not (record.threadName or "").startswith(_THREAD) or is_useful(record)
