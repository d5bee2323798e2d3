"""One training run: its steps, checkpoints, evaluations and best model, and how it ends."""

import contextlib
import logging
import time
from typing import Callable, Iterator, Optional, Protocol, Sequence

import tensorflow.compat.v1 as tf

from finetune.config.config import Config
from finetune.output import best_model, training_checkpoints
from finetune.output.best_model import Goal, Scores
from finetune.output.train_log import TrainLog
from finetune.training.hooks import Diverged, SaverHook, StopHook, WatchHook
from finetune.training.step_plan import StepPlan
from finetune.util import signals
from finetune.util.errors import InputError
from finetune.util.files import is_full_disk
from finetune.util.plurals import count

_log = logging.getLogger(__name__)

Evaluate = Callable[[str], Scores]
MakeStopHook = Callable[[signals.StopRequest, StepPlan], tf.train.SessionRunHook]


class CanTrain(Protocol):
    """An Estimator, as far as it trains."""

    def train(
        self, input_fn: Callable, hooks: Sequence[tf.train.SessionRunHook], max_steps: int
    ) -> object:
        """See `tf.estimator.Estimator.train`."""


class Trainer:
    """Trains in an output directory, from step 0 or from a checkpoint."""

    def __init__(
        self,
        config: Config,
        plan: StepPlan,
        goal: Goal,
        evaluate: Evaluate,
        make_stop_hook: MakeStopHook = StopHook,
        publish: Callable[[], None] = lambda: None,
    ):
        """Creates a trainer.

        Args:
          config: The configuration.
          plan: Determines what is due after each step.
          goal: The metric that selects the best model.
          evaluate: Scores a checkpoint on the dev file.
          make_stop_hook: Makes the hook that ends training after a signal.
          publish: Called after each checkpoint, once it is evaluated.
        """
        self._config = config
        self._plan = plan
        self._goal = goal
        self._evaluate = evaluate
        self._make_stop_hook = make_stop_hook
        self._publish = publish
        self._stop: signals.StopRequest
        self._log: TrainLog
        self._watch: WatchHook
        self._is_evaluating = False

    def train(self, start_step: int, estimator: CanTrain, input_fn: Callable) -> None:
        """Trains up to the last step, or until early stopping.

        Args:
          start_step: The step of the newest checkpoint; 0 if there is none.
          estimator: The Estimator to train, or its counterpart for several devices.
          input_fn: Provides the batches, starting at `start_step`.

        Raises:
          Interrupted: A signal arrived; everything trained so far is saved.
          InputError: Training diverged, or memory or disk space ran out.
        """
        self._log = TrainLog(self._config.output_dir, start_step)
        self._watch = WatchHook(self._plan, self._log, skips_overflows=self._config.use_fp16)
        saver = SaverHook(self._config.output_dir, self._plan, self._after_save)
        try:
            with signals.deferred() as self._stop, self._advice():
                if not self._is_done(start_step):
                    hooks = [self._watch, saver, self._make_stop_hook(self._stop, self._plan)]
                    estimator.train(input_fn, hooks=hooks, max_steps=self._plan.num_train_steps)
                if self._stop.signal:
                    raise signals.Interrupted(self._stop.signal)
        except signals.Interrupted as error:
            raise signals.Interrupted(error.number, self._how_to_resume()) from error
        finally:
            self._watch.close()
            self._log.close()

    def _is_done(self, start_step: int) -> bool:
        """Runs the last evaluation if a kill prevented it; returns whether training is over."""
        if start_step and self._plan.evaluates_at(start_step):
            evaluated = any(row["step"] == start_step for row in self._log.evaluations())
            if not evaluated and self._evaluate_step(start_step):
                return True
        return start_step >= self._plan.num_train_steps or self._stops_early()

    def _after_save(self, step: int) -> bool:
        """Evaluates a checkpoint if an evaluation is due; returns whether to end training."""
        ends = self._plan.evaluates_at(step) and self._evaluate_step(step)
        self._publish()
        return ends

    def _evaluate_step(self, step: int) -> bool:
        """Scores the newest checkpoint, keeps it if it is best; returns whether to end training."""
        started_at = time.monotonic()
        output_dir = self._config.output_dir
        checkpoint = training_checkpoints.newest(output_dir)
        with self._stop.immediate():
            self._is_evaluating = True
            scores = self._evaluate(checkpoint)
            self._is_evaluating = False
        best_before = self._goal.best_of(self._log.evaluations())
        is_best = self._goal.is_better(scores, best_before)
        is_undefined = self._goal.value_of(scores) is None
        if is_best or not (is_undefined or best_model.exists(output_dir)):
            best_model.keep(checkpoint, output_dir, scores)
        self._log.write_evaluation(step, self._plan.epoch_of(step), scores)
        self._log_scores(step, scores, is_best)
        self._watch.exclude(time.monotonic() - started_at)
        return self._stops_early()

    def _log_scores(self, step: int, scores: Scores, is_best: bool) -> None:
        metric = self._goal.metric
        shown = {metric: self._goal.value_of(scores), "loss": scores.get("loss")}
        figures = [f"{name} {value:.4f}" for name, value in shown.items() if value is not None]
        if shown[metric] is None:
            figures.append(f"{metric} undefined")
        note = " (best so far)" if is_best else ""
        _log.info("step %d: dev %s%s", step, ", ".join(figures), note)

    def _stops_early(self) -> bool:
        patience = self._config.early_stopping_patience
        if not patience:
            return False
        evaluations = self._log.evaluations()
        waited = self._goal.evaluations_since_best(evaluations)
        if waited < patience:
            return False
        if evaluations[-1]["step"] >= self._plan.num_train_steps:
            return True
        _log.info(
            "Early stopping at step %d: %s has not improved for %s (best: step %d)",
            evaluations[-1]["step"],
            self._goal.metric,
            count(waited, "evaluation"),
            evaluations[-1 - waited]["step"],
        )
        return True

    @contextlib.contextmanager
    def _advice(self) -> Iterator[None]:
        """Turns foreseeable failures of a training run into errors that say what to do."""
        try:
            yield
        except Diverged as error:
            raise InputError(
                f"{error}: training diverged. Lower --learning_rate or raise "
                "--warmup_proportion, and retrain with --overwrite_output_dir=true. "
                f"{self._last_good()}"
            ) from error
        except (tf.errors.OpError, OSError) as error:
            if is_full_disk(error):
                raise InputError(self._full_disk()) from error
            if isinstance(error, tf.errors.ResourceExhaustedError):
                raise InputError(self._out_of_memory()) from error
            raise
        except MemoryError as error:
            raise InputError(self._out_of_memory()) from error

    def _how_to_resume(self) -> str:
        newest = training_checkpoints.latest(self._config.output_dir)
        if newest is None:
            return "No checkpoint was saved yet."
        flag = ", without --overwrite_output_dir," if self._config.overwrite_output_dir else ""
        return f"Saved {newest}. The same command{flag} resumes from there."

    def _last_good(self) -> str:
        newest = training_checkpoints.latest(self._config.output_dir)
        return (
            f"The last good checkpoint is {newest}." if newest else "No checkpoint was saved yet."
        )

    def _full_disk(self) -> str:
        training_checkpoints.remove_unfinished(self._config.output_dir)
        return (
            f"--output_dir={self._config.output_dir}: no space is left on its disk. "
            f"{self._last_good()} Free some space; the same command then resumes training."
        )

    def _out_of_memory(self) -> str:
        config = self._config
        if self._is_evaluating:
            return (
                f"Out of memory in an evaluation with --eval_batch_size={config.eval_batch_size}. "
                f"Lower it, and rerun the command to resume training. {self._last_good()}"
            )
        advice = []
        smaller = _smaller_part(config)
        if smaller is not None:
            advice.append(
                f"--train_batch_size={smaller} "
                f"--gradient_accumulation_steps={config.rows_per_step // smaller} (which is "
                "equivalent, but needs less memory)"
            )
        advice.append(f"a --max_seq_length below {config.max_seq_length}")
        return (
            f"Out of memory with --train_batch_size={config.train_batch_size}. Set "
            f"{', or '.join(advice)}, and --resume_with_changes=true if there is a checkpoint. "
            f"{self._last_good()}"
        )


def _smaller_part(config: Config) -> Optional[int]:
    """Returns a smaller --train_batch_size that divides the rows per step evenly, if any."""
    sizes = range(1, config.train_batch_size // 2 + 1)
    return max((size for size in sizes if config.rows_per_step % size == 0), default=None)
