"""Session hooks for training: show progress, log, save checkpoints and stop on a signal."""

import logging
import math
import os
import time
from typing import Callable, NamedTuple, Optional

import tensorflow.compat.v1 as tf

from finetune.models.model_fn import Watched, watched_in_graph
from finetune.output import names
from finetune.output.train_log import TrainLog
from finetune.training.step_plan import StepPlan
from finetune.util.errors import InputError
from finetune.util.progress import Progress, format_duration, on_terminal
from finetune.util.signals import StopRequest

_log = logging.getLogger(__name__)

_SMOOTHING = 0.98  # Weight of the previous steps in the loss on the progress line


class Diverged(InputError):
    """The loss or the gradient is no longer a finite number."""


class WatchHook(tf.train.SessionRunHook):
    """Shows and logs loss, learning rate and speed; stops a training run that diverges."""

    def __init__(self, plan: StepPlan, log: TrainLog, *, skips_overflows: bool):
        """Creates the hook.

        Args:
          plan: Determines when a log line is due.
          log: The log to which the lines are written.
          skips_overflows: Whether the optimizer skips steps whose gradient is not finite, as it
            does with a loss scale.
        """
        self._plan = plan
        self._log = log
        self._skips_overflows = skips_overflows
        self._progress: Optional[Progress] = None
        self._started_at = time.monotonic()

    def begin(self) -> None:
        """Looks up the graph's tensors."""
        self._watched = watched_in_graph()

    def after_create_session(self, session: tf.Session, coord: tf.train.Coordinator) -> None:
        """Starts the clock at the step where training starts or resumes."""
        self._step = _step_of(session)
        self._smoothed, self._weight_of_smoothed = 0.0, 0.0
        total = self._plan.num_train_steps
        self._progress = Progress("Training: ", "steps", total, self._step)
        self._is_first = True
        self._start_step()
        self._start_line()

    def before_run(self, run_context: tf.train.SessionRunContext) -> tf.train.SessionRunArgs:
        """Requests the watched tensors, which the step computes anyway."""
        return tf.train.SessionRunArgs(self._watched)

    def after_run(
        self, run_context: tf.train.SessionRunContext, run_values: tf.train.SessionRunValues
    ) -> None:
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
            # The first step allocates memory and chooses kernels, so its time is not typical.
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
        figures = _Figures(
            loss=self._losses / self._steps_in_line,
            learning_rate=float(values.learning_rate),
            gradient_norm=_finite(values.gradient_norm),
            examples_per_second=self._rows / seconds,
            tokens_per_second=self._wordpieces / seconds,
            seconds=self._log.seconds(),
        )
        self._log.write(self._step, self._plan.epoch_of(self._step), figures._asdict())
        if not on_terminal():
            steps_left = self._plan.num_train_steps - self._step
            self._log_line(figures, seconds_left=steps_left * seconds / self._steps_timed)
        self._start_line()

    def _log_line(self, figures: "_Figures", seconds_left: float) -> None:
        _log.info(
            "step %d of %d, epoch %.2f: loss %.4f, learning rate %.2e, %.1f examples/s, "
            "%.0f tokens/s, %s left",
            self._step,
            self._plan.num_train_steps,
            self._plan.epoch_of(self._step),
            figures.loss,
            figures.learning_rate,
            figures.examples_per_second,
            figures.tokens_per_second,
            format_duration(seconds_left),
        )


class _Figures(NamedTuple):
    """The figures in a log line, by their names in train_log.jsonl."""

    loss: float  # The mean over the steps since the previous line
    learning_rate: float
    gradient_norm: Optional[float]
    examples_per_second: float
    tokens_per_second: float
    seconds: float  # Since the start of training


def _finite(value: float) -> Optional[float]:
    # The gradient of a skipped step is not finite, and JSON has no infinity.
    return float(value) if math.isfinite(value) else None


class SaverHook(tf.train.CheckpointSaverHook):
    """Saves at the steps of a plan and at the end, but not at the step where training starts."""

    def __init__(self, output_dir: str, plan: StepPlan, after_save: Callable[[int], bool]):
        """Creates the hook, which uses the graph's `tf.train.Saver`.

        Args:
          output_dir: The directory for checkpoints.
          plan: Determines when a checkpoint is due.
          after_save: Called with the step after each save; returns whether to end training.
        """
        super().__init__(
            output_dir,
            save_steps=1,
            checkpoint_basename=names.TRAINING_CHECKPOINT,
            save_graph_def=False,
            listeners=[_Listener(output_dir, after_save)],
        )
        self._plan = plan

    def after_create_session(self, session: tf.Session, coord: tf.train.Coordinator) -> None:
        """Records that the current step is already saved."""
        self._timer.update_last_triggered_step(_step_of(session))

    def after_run(
        self, run_context: tf.train.SessionRunContext, run_values: tf.train.SessionRunValues
    ) -> None:
        """Saves if a checkpoint is due."""
        # The graph may have read the step before or after incrementing it.
        read = int(run_values.results)
        if not (self._plan.saves_at(read) or self._plan.saves_at(read + 1)):
            return
        step = _step_of(run_context.session)
        if self._plan.saves_at(step) and step != self._timer.last_triggered_step():
            self._timer.update_last_triggered_step(step)
            if self._save(run_context.session, step):
                run_context.request_stop()


def _step_of(session: tf.Session) -> int:
    # A session prepares the whole graph for each tensor that it runs alone, so all hooks run this.
    return int(session.run(tf.train.get_global_step()))


class _Listener(tf.train.CheckpointSaverListener):
    def __init__(self, output_dir: str, after_save: Callable[[int], bool]):
        self._output_dir = output_dir
        self._after_save = after_save

    def before_save(self, session: tf.Session, global_step_value: int) -> None:
        # TensorFlow would recreate the directory, but not the other files in it.
        if not os.path.isdir(self._output_dir):
            raise InputError(
                f"--output_dir={self._output_dir} was deleted or moved during training. If it was "
                "moved, move it back: the same command then resumes training."
            )

    def after_save(self, session: tf.Session, global_step_value: int) -> bool:
        return self._after_save(int(global_step_value))


class StopHook(tf.train.SessionRunHook):
    """Ends a training run after the step in which a signal arrived."""

    def __init__(self, stop: StopRequest, plan: Optional[StepPlan] = None):
        del plan
        self._stop = stop

    def after_run(
        self, run_context: tf.train.SessionRunContext, run_values: tf.train.SessionRunValues
    ) -> None:
        """Ends training if a signal has arrived."""
        if self._stop.signal:
            run_context.request_stop()
