"""The Estimator of a run, and a trained model's outputs."""

import contextlib
import logging
from typing import Dict, Iterator, Optional

import numpy as np
import tensorflow.compat.v1 as tf

from finetune.data.batches import make_prediction_input_fn
from finetune.data.row_order import in_input_order
from finetune.data.rows import Rows
from finetune.models import checkpoints
from finetune.models.model_fn import NO_TRAINING, Training
from finetune.output import best_model, training_checkpoints
from finetune.runs.resolve import Run, no_trained_model
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
    run: Run, task: Task, init_checkpoint: Optional[str], training: Training = NO_TRAINING
) -> tf.estimator.Estimator:
    """Makes the Estimator of a run.

    Args:
      run: The run.
      task: Its task.
      init_checkpoint: The checkpoint from which variables are loaded.
      training: How to train; by default, the Estimator only predicts.
    """
    config = run.config
    run_config = tf.estimator.RunConfig(
        model_dir=run.output_dir,
        tf_random_seed=config.seed,
        log_step_count_steps=None,
        save_summary_steps=None,
        session_config=make_session_config(config.use_xla, config.use_bf16, config.use_fp16),
    )
    return tf.estimator.Estimator(task.make_model_fn(init_checkpoint, training), config=run_config)


def model_outputs(
    run: Run, task: Task, features: Rows, *, batch_size: int, checkpoint: str, what: str
) -> Iterator[Dict[str, np.ndarray]]:
    """Yields a trained model's predictions, many rows at a time, in the order of the rows.

    Args:
      run: The run.
      task: Its task.
      features: The rows.
      batch_size: Rows per batch.
      checkpoint: The trained model.
      what: The title of the progress line, such as "Predicting".

    Raises:
      InputError: The checkpoint is damaged, or its outputs are not finite.
    """
    estimator = make_estimator(run, task, checkpoint)
    input_fn = make_prediction_input_fn(features, batch_size=batch_size, pad_to=run.pad_to)
    try:
        # If the directory has checkpoints, an Estimator loads the newest unless one is named.
        has_own = training_checkpoints.latest(run.output_dir) is not None
        outputs = estimator.predict(
            input_fn, yield_single_examples=False, checkpoint_path=checkpoint if has_own else None
        )
        outputs = tracked(
            outputs, f"{what}: ", total=len(features), size=lambda batch: len(batch[min(batch)])
        )
        with contextlib.closing(outputs):
            for arrays in in_input_order(outputs, features.lengths, batch_size):
                _check_finite(arrays, checkpoint)
                yield arrays
    except _DAMAGED as error:
        raise InputError(
            f"{checkpoint}: the checkpoint is damaged ({reason_of(error)}). Retrain, or copy it "
            "again."
        ) from error


def _check_finite(outputs: Dict[str, np.ndarray], checkpoint: str) -> None:
    for name, array in outputs.items():
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise Diverged(f"{checkpoint}: the model's {name} are not finite numbers")


def trained_checkpoint(run: Run) -> str:
    """Returns the checkpoint to evaluate or predict with.

    It is the best model or else the final one in the output directory, or --init_checkpoint.

    Raises:
      InputError: There is none, its training is unfinished, or the two contradict each other.
    """
    own, given = training_checkpoints.latest(run.output_dir), run.config.init_checkpoint
    if own is None:
        if not given:
            raise InputError(no_trained_model(run.output_dir))
        _log.info("Model: %s", given)
        return given
    if not training_checkpoints.is_final(own):
        raise InputError(
            f"--output_dir={run.output_dir} contains an unfinished training, at step "
            f"{training_checkpoints.step_of(own)}. Give the command that started it again to "
            "resume it."
        )
    if given and not run.config.do_train:
        _check_belongs(run, given, own)
    best = best_model.checkpoint_of(run.output_dir)
    _log.info("Model: %s%s", best or own, ", the best of the training" if best else "")
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
            f"--output_dir={run.output_dir} contains a trained model, which did not start from "
            f"--init_checkpoint={given}. Omit one of them: to use {given}, give another "
            "--output_dir."
        )
