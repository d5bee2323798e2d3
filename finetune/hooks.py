"""Session hooks of training."""

import logging
import time

import tensorflow.compat.v1 as tf

_log = logging.getLogger(__name__)


class ProgressHook(tf.train.SessionRunHook):
    """Logs step, loss and speed every few seconds, and at the last step."""

    def __init__(self, loss: tf.Tensor, num_train_steps: int, every_secs: float = 10.0):
        """Keeps what to log.

        Args:
          loss: float scalar Tensor.
          num_train_steps: Steps of the whole training.
          every_secs: Seconds between two lines.
        """
        self._loss = loss
        self._global_step = tf.train.get_global_step()
        self._num_train_steps = num_train_steps
        self._every_secs = every_secs

    def after_create_session(self, session, coord):
        """Starts the clock, at the step that training starts or goes on from."""
        self._step = self._logged_step = session.run(self._global_step)
        self._logged_at = time.monotonic()

    def before_run(self, run_context):
        """Asks for the loss, which the step works out anyway."""
        return tf.train.SessionRunArgs(self._loss)

    def after_run(self, run_context, run_values):
        """Logs a line if one is due."""
        self._step += 1
        seconds = time.monotonic() - self._logged_at
        if seconds < self._every_secs and self._step < self._num_train_steps:
            return
        _log.info(
            "step %d of %d: loss %.4f, %.2f s a step",
            self._step,
            self._num_train_steps,
            run_values.results,
            seconds / (self._step - self._logged_step),
        )
        self._logged_step = self._step
        self._logged_at = time.monotonic()
