"""Make the Estimator for a run, and compute a trained model's outputs."""

import contextlib
import logging
from typing import ContextManager, Dict, Iterator, Optional, Union

import numpy as np
import tensorflow.compat.v1 as tf

from finetune.data.batches import padded_batch
from finetune.data.row_order import in_input_order, in_pool_order
from finetune.data.rows import Rows
from finetune.models import checkpoints
from finetune.models.model_fn import Training
from finetune.output import best_model, training_checkpoints
from finetune.runs.output_dir import no_trained_model
from finetune.runs.prediction_session import KeptSession, PredictionSession
from finetune.runs.resolve import Run
from finetune.tasks.task import Task
from finetune.training.distribution import Devices
from finetune.training.replicated import ReplicatedTraining
from finetune.training.session import make_session_config
from finetune.util.errors import InputError
from finetune.util.progress import tracked

_log = logging.getLogger(__name__)


def make_estimator(
    run: Run,
    task: Task,
    init_checkpoint: Optional[str],
    training: Training,
    devices: Optional[Devices] = None,
    checkpoint: Optional[str] = None,
) -> "Union[tf.estimator.Estimator, ReplicatedTraining]":
    """Makes the Estimator for a training run; if it uses several devices, its counterpart for them.

    Args:
      run: The run.
      task: The run's task.
      init_checkpoint: The checkpoint from which variables are loaded.
      training: How to train.
      devices: The devices to train on; None if there is only one.
      checkpoint: The checkpoint to resume from, if any; an Estimator finds it in its directory.
    """
    config = run.config
    model_fn = task.make_model_fn(init_checkpoint, training)
    session_config = make_session_config(config.use_xla, config.use_bf16, config.use_fp16)
    if devices is not None:
        return ReplicatedTraining(
            model_fn,
            devices,
            seed=config.seed,
            session_config=session_config,
            checkpoint=checkpoint,
        )
    run_config = tf.estimator.RunConfig(
        model_dir=run.output_dir,
        tf_random_seed=config.seed,
        log_step_count_steps=None,
        save_summary_steps=None,
        session_config=session_config,
    )
    return tf.estimator.Estimator(model_fn, config=run_config)


def model_outputs(
    run: Run,
    task: Task,
    features: Rows,
    *,
    batch_size: int,
    checkpoint: str,
    what: str,
    session: Optional[KeptSession] = None,
) -> Iterator[Dict[str, np.ndarray]]:
    """Yields a trained model's predictions, many rows at a time, in row order.

    Args:
      run: The run.
      task: The run's task.
      features: The rows.
      batch_size: Rows per batch.
      checkpoint: The trained model's checkpoint.
      what: The title of the progress line, for example "Predicting".
      session: Where to compute; None for a session that ends with the last row.

    Raises:
      InputError: The checkpoint is damaged, or its outputs are not finite.
    """
    outputs = tracked(
        _batch_outputs(run, task, features, batch_size, checkpoint, session),
        f"{what}: ",
        total=len(features),
        size=lambda batch: len(batch[min(batch)]),
    )
    with contextlib.closing(outputs):
        yield from in_input_order(outputs, features.lengths, batch_size)


def _batch_outputs(
    run: Run,
    task: Task,
    features: Rows,
    batch_size: int,
    checkpoint: str,
    session: Optional[KeptSession],
) -> Iterator[Dict[str, np.ndarray]]:
    """Yields the predictions for each batch, in the order of `in_pool_order`."""
    opened: ContextManager[PredictionSession]
    if session is None:
        opened = contextlib.closing(PredictionSession(run, task, features.specs, checkpoint))
    else:
        opened = session.loaded(features.specs, checkpoint)
    with opened as model:
        for rows in in_pool_order(features.lengths, batch_size):
            yield model.outputs(padded_batch(features, rows, run.pad_to))


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
