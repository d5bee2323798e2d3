"""Make the Estimator for a run, and compute a trained model's outputs."""

import contextlib
import logging
import os
from typing import Callable, Dict, Generator, Iterator, Optional

import numpy as np
import tensorflow.compat.v1 as tf

from finetune.data.batches import make_prediction_input_fn
from finetune.data.row_order import in_input_order
from finetune.data.rows import Rows
from finetune.models import checkpoints
from finetune.models.model_fn import NO_TRAINING, Training
from finetune.output import best_model, training_checkpoints
from finetune.runs.output_dir import no_trained_model
from finetune.runs.resolve import Run
from finetune.tasks.task import Task
from finetune.training.hooks import Diverged
from finetune.training.session import make_session_config
from finetune.util.errors import InputError
from finetune.util.progress import tracked
from finetune.util.tensorflow_errors import reason_of

_log = logging.getLogger(__name__)

# TensorFlow raises these if a file of a checkpoint is truncated, altered or missing.
_DAMAGED = (tf.errors.OutOfRangeError, tf.errors.DataLossError, tf.errors.NotFoundError)


def make_estimator(
    run: Run,
    task: Task,
    init_checkpoint: Optional[str],
    training: Training = NO_TRAINING,
    model_dir: Optional[str] = None,
) -> tf.estimator.Estimator:
    """Makes the Estimator for a run.

    Args:
      run: The run.
      task: The run's task.
      init_checkpoint: The checkpoint from which variables are loaded.
      training: How to train; by default, the Estimator only predicts.
      model_dir: The Estimator's directory; by default, the output directory.
    """
    config = run.config
    run_config = tf.estimator.RunConfig(
        model_dir=model_dir or run.output_dir,
        tf_random_seed=config.seed,
        log_step_count_steps=None,
        save_summary_steps=None,
        session_config=make_session_config(config.use_xla, config.use_bf16, config.use_fp16),
    )
    return tf.estimator.Estimator(task.make_model_fn(init_checkpoint, training), config=run_config)


def model_outputs(
    run: Run, task: Task, features: Rows, *, batch_size: int, checkpoint: str, what: str
) -> Iterator[Dict[str, np.ndarray]]:
    """Yields a trained model's predictions, many rows at a time, in row order.

    Args:
      run: The run.
      task: The run's task.
      features: The rows.
      batch_size: Rows per batch.
      checkpoint: The trained model's checkpoint.
      what: The title of the progress line, for example "Predicting".

    Raises:
      InputError: The checkpoint is damaged, or its outputs are not finite.
    """
    input_fn = make_prediction_input_fn(features, batch_size=batch_size, pad_to=run.pad_to)
    outputs = tracked(
        _predicted_batches(run, task, input_fn, checkpoint),
        f"{what}: ",
        total=len(features),
        size=lambda batch: len(batch[min(batch)]),
    )
    with contextlib.closing(outputs):
        yield from in_input_order(outputs, features.lengths, batch_size)


def _predicted_batches(
    run: Run, task: Task, input_fn: Callable[[], tf.data.Dataset], checkpoint: str
) -> Generator[Dict[str, np.ndarray], None, None]:
    """Yields a trained model's predictions for each batch of an `input_fn`, in its order.

    Raises:
      InputError: The checkpoint is damaged, or its outputs are not finite.
    """
    # The graph of a tagger contains BERT's pooler, which it does not use, and which the checkpoint
    # of an imported model lacks. In a directory without checkpoints, the Estimator keeps the
    # variables that the model_fn has loaded, and requires no others.
    is_imported = run.record is not None and run.record.source is not None
    empty = os.path.join(run.output_dir, "no_checkpoints") if is_imported else None
    estimator = make_estimator(run, task, checkpoint, model_dir=empty)
    # If the directory contains checkpoints, an Estimator loads the newest unless one is named.
    has_own = not empty and training_checkpoints.latest(run.output_dir) is not None
    path = checkpoint if has_own else None
    batches = estimator.predict(input_fn, yield_single_examples=False, checkpoint_path=path)
    with damage_named(checkpoint), contextlib.closing(batches):
        for arrays in batches:
            check_finite(arrays, checkpoint)
            yield arrays


@contextlib.contextmanager
def damage_named(checkpoint: str) -> Iterator[None]:
    """Raises `InputError` if TensorFlow finds that a checkpoint is damaged."""
    try:
        yield
    except _DAMAGED as error:
        raise InputError(
            f"{checkpoint}: the checkpoint is damaged ({reason_of(error)}). Retrain, or copy it "
            "again."
        ) from error


def check_finite(outputs: Dict[str, np.ndarray], checkpoint: str) -> None:
    """Raises `InputError` if outputs of a trained model are not finite."""
    for name, array in outputs.items():
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise Diverged(f"{checkpoint}: the model's {name} are not finite numbers")


def trained_checkpoint(run: Run) -> str:
    """Returns the checkpoint to evaluate or predict with.

    It is the best model in the output directory, else the final one there, else --init_checkpoint.

    Raises:
      InputError: There is no model, its training is unfinished, or --init_checkpoint belongs to a
        model other than the one in the output directory.
    """
    own, given = training_checkpoints.latest(run.output_dir), run.config.init_checkpoint
    if own is None:
        if not given:
            raise InputError(no_trained_model(run.output_dir))
        _log.info("Model: %s", given)
        return given
    if not training_checkpoints.is_final(own):
        raise InputError(
            f"--output_dir={run.output_dir} contains an unfinished training run, at step "
            f"{training_checkpoints.step_of(own)}. To resume it, repeat the command that started "
            "it."
        )
    if given and not run.config.do_train:
        _check_belongs(run, given, own)
    best = best_model.checkpoint_of(run.output_dir)
    _log.info("Model: %s%s", best or own, ", the best of the training run" if best else "")
    return best or own


def _check_belongs(run: Run, given: str, own: str) -> None:
    """Raises `InputError` if --init_checkpoint is neither the trained model nor its origin."""
    known = {checkpoints.fingerprint(own)}
    if run.record is not None:
        known.add(run.record.init_checkpoint_fingerprint or "")
    best = best_model.checkpoint_of(run.output_dir)
    if best is not None:
        known.add(checkpoints.fingerprint(best))
    if checkpoints.fingerprint(given) not in known:
        raise InputError(
            f"--output_dir={run.output_dir} contains a trained model that did not start from "
            f"--init_checkpoint={given}. To use the trained model, omit --init_checkpoint; to "
            f"start from {given}, set a different --output_dir."
        )
