"""Session hooks of training: what is shown and logged, what is saved when, what ends it early."""

import logging
import math
import os
import time
from typing import Callable, Optional

import tensorflow.compat.v1 as tf

from finetune import checkpoints
from finetune.interrupts import Stop
from finetune.model_fns import Watched
from finetune.plan import StepPlan
from finetune.progress import Progress, on_terminal
from finetune.train_log import TrainLog

_log = logging.getLogger(__name__)

_SMOOTHING = 0.98  # Of the loss that is shown: the share of the steps before


class Diverged(ValueError):
    """The loss, or the gradient, is no longer a finite number."""


class WatchHook(tf.train.SessionRunHook):
    """Shows and logs loss, learning rate and speed; ends a training that diverges."""

    def __init__(self, watched: Watched, plan: StepPlan, log: TrainLog, skips_overflows: bool):
        """Keeps what to watch.

        Args:
          watched: The tensors.
          plan: When a line is due.
          log: Where it goes.
          skips_overflows: Whether a gradient that is not finite is passed over, as with a loss
            scale.
        """
        self._watched = watched
        self._plan = plan
        self._log = log
        self._skips_overflows = skips_overflows
        self._global_step = tf.train.get_global_step()
        self._progress: Optional[Progress] = None

    def after_create_session(self, session, coord):
        """Starts the clock, at the step that training starts or goes on from."""
        self._step = int(session.run(self._global_step))
        self._smoothed, self._weight_of_smoothed = 0.0, 0.0
        total = self._plan.num_train_steps
        self._progress = Progress("Training: ", "steps", total, self._step)
        self._is_first = True
        self._begin_step()
        self._begin_line()

    def before_run(self, run_context):
        """Asks for what is watched, which the step works out anyway."""
        return tf.train.SessionRunArgs(self._watched)

    def after_run(self, run_context, run_values):
        """Shows the state, and logs a line if one is due."""
        values: Watched = run_values.results
        self._loss_sum += float(values.loss_sum)
        self._weight += float(values.weight)
        self._rows += int(values.rows)
        self._wordpieces += int(values.wordpieces)
        if not math.isfinite(self._loss_sum):
            raise Diverged(f"The loss is not a finite number at step {self._step + 1}")
        if not values.ends_step:
            return
        if not math.isfinite(values.gradient_norm) and not self._skips_overflows:
            raise Diverged(f"The gradient is not finite at step {self._step + 1}")
        self._step += 1
        self._end_step(values)
        if self._plan.logs_at(self._step):
            self._end_line(values)

    def close(self) -> None:
        """Takes the line on the terminal away."""
        if self._progress is not None:
            self._progress.close()

    def _begin_step(self) -> None:
        self._loss_sum = self._weight = 0.0

    def _begin_line(self) -> None:
        self._losses, self._steps_of_line = 0.0, 0
        self._begin_speed()

    def _begin_speed(self) -> None:
        self._rows, self._wordpieces, self._steps_timed = 0, 0, 0
        self._began_at = time.monotonic()

    def _end_step(self, values: Watched) -> None:
        loss = self._loss_sum / self._weight if self._weight else 0.0
        self._losses += loss
        self._steps_of_line += 1
        self._steps_timed += 1
        self._smoothed = _SMOOTHING * self._smoothed + (1 - _SMOOTHING) * loss
        self._weight_of_smoothed = _SMOOTHING * self._weight_of_smoothed + (1 - _SMOOTHING)
        if on_terminal():
            seconds = max(time.monotonic() - self._began_at, 1e-9)
            self._progress.add(
                1,
                f"epoch {self._plan.epoch_of(self._step):.2f}, "
                f"loss {self._smoothed / self._weight_of_smoothed:.4f}, "
                f"lr {values.learning_rate:.1e}, {self._rows / seconds:.0f} ex/s, "
                f"{self._wordpieces / seconds:.0f} tok/s",
            )
        self._begin_step()
        if self._is_first and not self._plan.logs_at(self._step):
            # It made memory and chose kernels, and says nothing of the speed.
            self._begin_speed()
        self._is_first = False

    def _end_line(self, values: Watched) -> None:
        seconds = max(time.monotonic() - self._began_at, 1e-9)
        row = {
            "loss": self._losses / self._steps_of_line,
            "learning_rate": float(values.learning_rate),
            "gradient_norm": _finite(values.gradient_norm),
            "examples_per_second": self._rows / seconds,
            "tokens_per_second": self._wordpieces / seconds,
        }
        self._log.write(self._step, self._plan.epoch_of(self._step), row)
        if not on_terminal():
            left = (self._plan.num_train_steps - self._step) * seconds / self._steps_timed
            _log.info(
                "step %d of %d, epoch %.2f: loss %.4f, learning rate %.2e, %.1f examples/s, "
                "%.0f tokens/s, %s left",
                self._step,
                self._plan.num_train_steps,
                self._plan.epoch_of(self._step),
                row["loss"],
                row["learning_rate"],
                row["examples_per_second"],
                row["tokens_per_second"],
                _in_words(left),
            )
        self._begin_line()

    def leave_out(self, seconds: float) -> None:
        """Leaves time that went elsewhere, such as into an evaluation, out of the speed."""
        self._began_at += seconds


def _finite(value: float) -> Optional[float]:
    # A step that a loss scale passes over has no gradient; JSON has no infinity.
    return float(value) if math.isfinite(value) else None


def _in_words(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


class SaverHook(tf.train.CheckpointSaverHook):
    """Saves at the steps of a plan and at the end, but not what training began from."""

    def __init__(
        self, output_dir: str, saver: tf.train.Saver, plan: StepPlan, after_save: Callable
    ):
        """Keeps what to do.

        Args:
          output_dir: Where checkpoints go.
          saver: Writes them.
          plan: When they are due.
          after_save: Is called with the step after each; returns whether training is to end.
        """
        super().__init__(
            output_dir,
            save_steps=1,
            saver=saver,
            checkpoint_basename=checkpoints.TRAINING_BASENAME,
            save_graph_def=False,
            listeners=[_Listener(output_dir, after_save)],
        )
        self._plan = plan

    def after_create_session(self, session, coord):
        """Notes the step that is saved already."""
        self._timer.update_last_triggered_step(session.run(self._global_step_tensor))

    def after_run(self, run_context, run_values):
        """Saves if it is due."""
        # The step was read while others of the graph were at work: before it was counted, or after.
        read = int(run_values.results)
        if not (self._plan.saves_at(read) or self._plan.saves_at(read + 1)):
            return
        step = int(run_context.session.run(self._global_step_tensor))
        if self._plan.saves_at(step) and step != self._timer.last_triggered_step():
            self._timer.update_last_triggered_step(step)
            if self._save(run_context.session, step):
                run_context.request_stop()


class _Listener(tf.train.CheckpointSaverListener):
    def __init__(self, output_dir: str, after_save: Callable[[int], bool]):
        self._output_dir = output_dir
        self._after_save = after_save

    def before_save(self, session, global_step_value):
        # TensorFlow would make the folder anew, without all that was in it.
        if not os.path.isdir(self._output_dir):
            raise ValueError(
                f"--output_dir={self._output_dir} is gone: it was removed or moved while the "
                "training was at work. If it was moved, move it back: the same command goes on."
            )

    def after_save(self, session, global_step_value):
        return self._after_save(int(global_step_value))


class StopHook(tf.train.SessionRunHook):
    """Ends a training after the step at which a signal came."""

    def __init__(self, stop: Stop):
        """Keeps where a signal is noted."""
        self._stop = stop

    def after_run(self, run_context, run_values):
        """Asks for the end."""
        if self._stop.signal:
            run_context.request_stop()
