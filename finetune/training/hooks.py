"""Session hooks of a training: they show, log and save it, and stop it early."""

import logging
import math
import os
import time
from typing import Callable, Optional

import tensorflow.compat.v1 as tf

from finetune.models.model_fn import Watched, watched_in_graph
from finetune.output import names
from finetune.output.train_log import TrainLog
from finetune.training.step_plan import StepPlan
from finetune.util.errors import InputError
from finetune.util.progress import Progress, on_terminal
from finetune.util.signals import StopRequest

_log = logging.getLogger(__name__)

_SMOOTHING = 0.98  # Weight of the previous steps in the loss on the progress line


class Diverged(InputError):
    """The loss or the gradient is no longer a finite number."""


class WatchHook(tf.train.SessionRunHook):
    """Shows and logs loss, learning rate and speed; stops a training that diverges."""

    def __init__(self, plan: StepPlan, log: TrainLog, *, skips_overflows: bool):
        """Creates the hook.

        Args:
          plan: Says when a log line is due.
          log: Receives the lines.
          skips_overflows: Whether a step whose gradient is not finite is skipped, as with a loss
            scale.
        """
        self._plan = plan
        self._log = log
        self._skips_overflows = skips_overflows
        self._progress: Optional[Progress] = None
        self._started_at = time.monotonic()

    def begin(self):
        """Looks up the graph's tensors."""
        self._watched = watched_in_graph()
        self._global_step = tf.train.get_global_step()

    def after_create_session(self, session, coord):
        """Starts the clock, at the step at which the training starts or resumes."""
        self._step = int(session.run(self._global_step))
        self._smoothed, self._weight_of_smoothed = 0.0, 0.0
        total = self._plan.num_train_steps
        self._progress = Progress("Training: ", "steps", total, self._step)
        self._is_first = True
        self._start_step()
        self._start_line()

    def before_run(self, run_context):
        """Requests the watched tensors, which the step computes anyway."""
        return tf.train.SessionRunArgs(self._watched)

    def after_run(self, run_context, run_values):
        """Updates the progress line; logs a line if one is due."""
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
        """Removes the progress line from the terminal."""
        if self._progress is not None:
            self._progress.close()

    def exclude(self, seconds: float) -> None:
        """Excludes time spent elsewhere, for example in an evaluation, from the speed."""
        self._started_at += seconds

    def _start_step(self) -> None:
        self._loss_sum = self._weight = 0.0

    def _start_line(self) -> None:
        self._losses, self._steps_in_line = 0.0, 0
        self._start_timing()

    def _start_timing(self) -> None:
        self._rows, self._wordpieces, self._steps_timed = 0, 0, 0
        self._started_at = time.monotonic()

    def _end_step(self, values: Watched) -> None:
        loss = self._loss_sum / self._weight if self._weight else 0.0
        self._losses += loss
        self._steps_in_line += 1
        self._steps_timed += 1
        self._smoothed = _SMOOTHING * self._smoothed + (1 - _SMOOTHING) * loss
        self._weight_of_smoothed = _SMOOTHING * self._weight_of_smoothed + (1 - _SMOOTHING)
        if on_terminal() and self._progress is not None:
            self._progress.add(1, self._state(values))
        self._start_step()
        if self._is_first and not self._plan.logs_at(self._step):
            # The first step allocates memory and chooses kernels: its time is not typical.
            self._start_timing()
        self._is_first = False

    def _state(self, values: Watched) -> str:
        seconds = self._seconds()
        return (
            f"epoch {self._plan.epoch_of(self._step):.2f}, "
            f"loss {self._smoothed / self._weight_of_smoothed:.4f}, "
            f"lr {values.learning_rate:.1e}, {self._rows / seconds:.0f} ex/s, "
            f"{self._wordpieces / seconds:.0f} tok/s"
        )

    def _seconds(self) -> float:
        return max(time.monotonic() - self._started_at, 1e-9)

    def _end_line(self, values: Watched) -> None:
        seconds = self._seconds()
        row = {
            "loss": self._losses / self._steps_in_line,
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
                _duration(left),
            )
        self._start_line()


def _finite(value: float) -> Optional[float]:
    # A step that a loss scale skips has no finite gradient, and JSON has no infinity.
    return float(value) if math.isfinite(value) else None


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


class SaverHook(tf.train.CheckpointSaverHook):
    """Saves at the steps of a plan and at the end, but not at the step where training started."""

    def __init__(self, output_dir: str, plan: StepPlan, after_save: Callable[[int], bool]):
        """Creates the hook; the `tf.train.Saver` is the graph's.

        Args:
          output_dir: Folder of the checkpoints.
          plan: Says when a checkpoint is due.
          after_save: Called with the step after each save; returns whether training is to end.
        """
        super().__init__(
            output_dir,
            save_steps=1,
            checkpoint_basename=names.TRAINING_CHECKPOINT,
            save_graph_def=False,
            listeners=[_Listener(output_dir, after_save)],
        )
        self._plan = plan

    def after_create_session(self, session, coord):
        """Records that the current step is saved already."""
        self._timer.update_last_triggered_step(session.run(self._global_step_tensor))

    def after_run(self, run_context, run_values):
        """Saves if a checkpoint is due."""
        # The step was read while the graph was running: before or after it was incremented.
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
        # TensorFlow would recreate the folder, without everything else that was in it.
        if not os.path.isdir(self._output_dir):
            raise InputError(
                f"--output_dir={self._output_dir} was deleted or moved during the training. If it "
                "was moved, move it back: the same command resumes the training."
            )

    def after_save(self, session, global_step_value):
        return self._after_save(int(global_step_value))


class StopHook(tf.train.SessionRunHook):
    """Ends a training after the step in which a signal arrived."""

    def __init__(self, stop: StopRequest):
        self._stop = stop

    def after_run(self, run_context, run_values):
        """Requests the end."""
        if self._stop.signal:
            run_context.request_stop()
