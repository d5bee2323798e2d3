"""A trained model in a session that computes one batch after another, and its successors."""

import contextlib
import logging
import threading
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Protocol, Sequence

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.core.protobuf import config_pb2

from finetune.data.rows import Spec
from finetune.models.model_fn import NO_TRAINING, ModelFn, Training, ancestors
from finetune.models.restorer import Restorer
from finetune.runs import packed_weights
from finetune.runs.resolve import Run
from finetune.training.hooks import Diverged
from finetune.training.session import make_session_config
from finetune.util.errors import InputError
from finetune.util.tensorflow_errors import reason_of

_log = logging.getLogger(__name__)

# TensorFlow raises these if a file of a checkpoint is truncated, altered or missing.
_DAMAGED = (tf.errors.OutOfRangeError, tf.errors.DataLossError, tf.errors.NotFoundError)


class HasModelFn(Protocol):
    """A task, or anything else that makes a `model_fn` for `tf.estimator.Estimator`."""

    def make_model_fn(self, init_checkpoint: Optional[str], training: Training) -> ModelFn:
        """See `Task.make_model_fn`."""


class PredictionSession:
    """The graph of a `model_fn` for prediction, with trained weights.

    Unlike `Estimator.predict`, it can wait for batches, and does little work besides the model's.
    Files, streams and Python programs get their predictions from it. Several threads can use it.
    """

    def __init__(
        self,
        run: Run,
        task: HasModelFn,
        specs: Mapping[str, Spec],
        checkpoint: str,
        packs_weights: bool = False,
    ):
        """Builds the graph and loads the weights.

        Args:
          run: The run.
          task: Makes the `model_fn`.
          specs: The `Spec` of each array of a batch.
          checkpoint: The trained model's checkpoint.
          packs_weights: Whether batches of one short row are computed faster, with weights in
            another layout: see `packed_weights`. The session then keeps this checkpoint.

        Raises:
          InputError: The checkpoint is damaged, or is not one of this model.
        """
        self._packs_weights = packs_weights
        self._compute_row: Optional[Callable] = None
        self._lock = threading.Lock()
        config = run.config
        settings = make_session_config(config.use_xla, config.use_bf16, config.use_fp16)
        with tf.Graph().as_default() as graph:
            inputs = {
                name: tf.placeholder(spec.dtype, [None] * spec.rank) for name, spec in specs.items()
            }
            outputs = task.make_model_fn(None, NO_TRAINING).predictions(inputs)
            self._session = tf.Session(graph=graph, config=settings)
            try:
                self._restorer = Restorer(ancestors(list(outputs.values())))
                self.load(checkpoint)
                self._inputs, self._outputs = inputs, outputs
                self._compute = self._callable(_names(inputs), _names(outputs))
            except BaseException:
                self._session.close()
                raise

    def load(self, checkpoint: str) -> None:
        """Loads the weights of another checkpoint of the model.

        Raises:
          InputError: The checkpoint is damaged, or is not one of this model.
        """
        assert self._compute_row is None, "The packed weights are those of another checkpoint."
        self._checkpoint = checkpoint
        with self._session.graph.as_default(), damaged_as_input_errors(checkpoint):
            self._restorer.restore(self._session, checkpoint)

    def unload(self) -> None:
        """Frees the memory of the weights. The graph stays, for the next checkpoint to load."""
        self._restorer.free(self._session)

    def _callable(self, inputs: Sequence[str], outputs: Sequence[str]) -> Callable:
        """Returns a function that computes outputs from inputs, which are names of tensors.

        `Session.run` and `Session.make_callable` prepare every call anew, which for a short text
        takes a tenth of the time. Keras uses this method, too.
        """
        options = config_pb2.CallableOptions(feed=inputs, fetch=outputs)
        return self._session._make_callable_from_options(options)

    def _function_for(self, batch: List[np.ndarray]) -> Callable:
        """Returns the function that computes a batch."""
        if not self._packs_weights:
            return self._compute
        if not packed_weights.suits(dict(zip(self._inputs, batch))["input_ids"]):
            return self._compute
        with self._lock:
            if self._compute_row is None:
                self._compute_row = self._make_row_function(batch) or self._compute
            return self._compute_row

    def _make_row_function(self, batch: List[np.ndarray]) -> Optional[Callable]:
        """Returns a function that computes a row with packed weights; None if there cannot be one.

        Args:
          batch: The row, on which the function is tried.
        """
        tensors = list(self._inputs.values()), list(self._outputs.values())
        try:
            copy = packed_weights.make_copy(self._session, *tensors, batch)
            if copy is None:
                return None
            compute = self._callable(*copy)
            compute(*batch)
        except (tf.errors.OpError, ValueError) as error:  # The copy's ops are internal ones.
            _log.warning("The weights are not packed: %s", str(error).split("\n")[0])
            return None
        return compute

    def outputs(self, batch: List[np.ndarray]) -> Dict[str, np.ndarray]:
        """Returns the model's predictions for a batch.

        Args:
          batch: The arrays, in the order of `specs`.

        Raises:
          InputError: The outputs are not finite.
        """
        found = dict(zip(self._outputs, self._function_for(batch)(*batch)))
        _check_finite(found, self._checkpoint)
        return found

    def close(self) -> None:
        """Frees the memory."""
        self._session.close()


class KeptSession:
    """A session for a model whose checkpoints are evaluated in the course of its training.

    The graph is built once. Between evaluations, the weights do not occupy memory.
    """

    def __init__(self, run: Run, task: HasModelFn):
        self._run = run
        self._task = task
        self._session: Optional[PredictionSession] = None

    @contextlib.contextmanager
    def loaded(self, specs: Mapping[str, Spec], checkpoint: str) -> Iterator[PredictionSession]:
        """Provides the session with the weights of a checkpoint; see `PredictionSession`."""
        if self._session is None:
            self._session = PredictionSession(self._run, self._task, specs, checkpoint)
        else:
            self._session.load(checkpoint)
        try:
            yield self._session
        finally:
            self._session.unload()

    def close(self) -> None:
        """Frees the memory."""
        if self._session is not None:
            self._session.close()


@contextlib.contextmanager
def damaged_as_input_errors(checkpoint: str) -> Iterator[None]:
    """Turns TensorFlow's errors about a damaged checkpoint into `InputError`."""
    try:
        yield
    except _DAMAGED as error:
        raise InputError(
            f"{checkpoint}: the checkpoint is damaged ({reason_of(error)}). Retrain, or copy it "
            "again."
        ) from error


def _names(tensors: Mapping[str, tf.Tensor]) -> List[str]:
    return [tensor.name for tensor in tensors.values()]


def _check_finite(outputs: Mapping[str, np.ndarray], checkpoint: str) -> None:
    for name, array in outputs.items():
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise Diverged(f"{checkpoint}: the model's {name} are not finite numbers")
