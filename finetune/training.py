"""One training: its steps, checkpoints and evaluations, the best model, and how it ends."""

import logging
import time
from typing import Any, Callable, Dict, List, Optional

import tensorflow.compat.v1 as tf

from finetune import best_model, checkpoints
from finetune.best_model import Goal
from finetune.config import Config
from finetune.hooks import Diverged, SaverHook, StopHook, WatchHook
from finetune.interrupts import Interrupted, Stop, noted
from finetune.model_fns import Watched
from finetune.plan import StepPlan
from finetune.tf_errors import is_full_disk
from finetune.train_log import TrainLog

_log = logging.getLogger(__name__)

Evaluate = Callable[[str], Dict[str, Any]]


class Trainer:
    """Trains in an output directory, from its beginning or from a checkpoint."""

    def __init__(self, config: Config, plan: StepPlan, goal: Goal, evaluate: Optional[Evaluate]):
        """Keeps what to do.

        Args:
          config: The configuration.
          plan: When what is due.
          goal: What makes a model the best.
          evaluate: Scores a checkpoint on the dev file; None: there are no evaluations.
        """
        self._config = config
        self._plan = plan
        self._goal = goal
        self._evaluate = evaluate
        self._stop: Stop
        self._log: TrainLog
        self._watch: Optional[WatchHook] = None
        self._evaluating = False

    def train(self, start_step: int, train: Callable[[Callable], None]) -> None:
        """Trains to the end, which is the last step, or when no better model is to be hoped for.

        Args:
          start_step: Steps done, those of the newest checkpoint.
          train: Runs the Estimator's training, with hooks that the function given makes, as of
            `model_fns.Training`.

        Raises:
          Interrupted: A signal came; what was trained is saved.
          ValueError: The training diverged, or memory or disk ran out.
        """
        self._log = TrainLog(self._config.output_dir, start_step)
        try:
            with noted() as self._stop:
                self._guarded(start_step, train)
                if self._stop.signal:
                    raise Interrupted(self._stop.signal)
        except Interrupted as error:
            raise Interrupted(error.number, self._goes_on()) from error
        finally:
            if self._watch is not None:
                self._watch.close()
            self._log.close()

    def _ends_at(self, start_step: int) -> bool:
        """Does what is left to do at a checkpoint; returns whether it is the end."""
        if start_step and self._plan.evaluates_at(start_step):
            evaluated = any(row["step"] == start_step for row in self._log.evaluations())
            if not evaluated and self._evaluate_at(start_step):
                return True
        return start_step >= self._plan.num_train_steps or self._has_stopped_early()

    def _guarded(self, start_step: int, train: Callable[[Callable], None]) -> None:
        """Trains; makes of what can go wrong a line that says what to do."""
        try:
            if not self._ends_at(start_step):
                train(self._make_hooks)
        except Diverged as error:
            raise ValueError(
                f"{error}: the training diverged. Lower --learning_rate or raise "
                f"--warmup_proportion, and train anew with --overwrite_output_dir=true. "
                f"{self._last_good()}"
            ) from error
        except (tf.errors.OpError, OSError) as error:
            if is_full_disk(error):
                raise ValueError(self._full_disk()) from error
            if isinstance(error, tf.errors.ResourceExhaustedError):
                raise ValueError(self._out_of_memory()) from error
            raise
        except MemoryError as error:
            raise ValueError(self._out_of_memory()) from error

    def _make_hooks(self, watched: Watched, saver: tf.train.Saver) -> List[tf.train.SessionRunHook]:
        config = self._config
        self._watch = WatchHook(watched, self._plan, self._log, skips_overflows=config.use_fp16)
        saver_hook = SaverHook(config.output_dir, saver, self._plan, self._after_save)
        return [self._watch, saver_hook, StopHook(self._stop)]

    def _after_save(self, step: int) -> bool:
        """Evaluates if it is due; returns whether training is to end."""
        return self._plan.evaluates_at(step) and self._evaluate_at(step)

    def _evaluate_at(self, step: int) -> bool:
        """Scores the newest checkpoint, keeps it if it is the best; returns whether to end."""
        began_at = time.monotonic()
        checkpoint = checkpoints.latest(self._config.output_dir)
        with self._stop.at_once():
            self._evaluating = True
            scores = self._evaluate(checkpoint)
            self._evaluating = False
        best_before = self._goal.best_of(self._log.evaluations())
        value = self._goal.value_of(scores)
        is_best = self._goal.is_better(scores, best_before)
        if is_best or not best_model.is_there(self._config.output_dir):
            best_model.keep(checkpoint, self._config.output_dir, scores)
        self._log.write_evaluation(step, self._plan.epoch_of(step), scores)
        shown = {self._goal.metric: value, "loss": scores.get("loss")}
        _log.info(
            "step %d: dev %s%s",
            step,
            ", ".join(f"{name} {v:.4f}" for name, v in shown.items() if v is not None),
            " (the best so far)" if is_best else "",
        )
        if self._watch is not None:
            self._watch.leave_out(time.monotonic() - began_at)
        return self._has_stopped_early()

    def _has_stopped_early(self) -> bool:
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
            "Early stopping at step %d: %d evaluation(s) without a better %s than at step %d",
            evaluations[-1]["step"],
            waited,
            self._goal.metric,
            self._goal.best_of(evaluations)["step"],
        )
        return True

    def _goes_on(self) -> str:
        newest = checkpoints.latest(self._config.output_dir)
        if newest is None:
            return "Nothing was trained yet"
        flag = ", without --overwrite_output_dir," if self._config.overwrite_output_dir else ""
        return f"Saved {newest}. The same command{flag} goes on from there"

    def _last_good(self) -> str:
        newest = checkpoints.latest(self._config.output_dir)
        return (
            f"The last good checkpoint is {newest}." if newest else "No checkpoint was saved yet."
        )

    def _full_disk(self) -> str:
        checkpoints.remove_unfinished(self._config.output_dir)
        return (
            f"--output_dir={self._config.output_dir}: no space is left on its disk. "
            f"{self._last_good()} Make room there; the same command then goes on."
        )

    def _out_of_memory(self) -> str:
        config = self._config
        if self._evaluating:
            return (
                f"Memory ran out in an evaluation at --eval_batch_size={config.eval_batch_size}. "
                f"Give a smaller one; the same command then goes on. {self._last_good()}"
            )
        advice = []
        # The parts of a batch are all of one size, or else the batch would be another.
        smaller = max(
            (n for n in range(1, config.train_batch_size // 2 + 1) if config.rows_a_step % n == 0),
            default=None,
        )
        if smaller is not None:
            advice.append(
                f"--train_batch_size={smaller} "
                f"--gradient_accumulation_steps={config.rows_a_step // smaller} (which trains the "
                "same in less memory)"
            )
        advice.append(f"a --max_seq_length below {config.max_seq_length}")
        return (
            f"Memory ran out at --train_batch_size={config.train_batch_size}. Give "
            f"{', or '.join(advice)}, and --resume_with_changes=true if there is a checkpoint. "
            f"{self._last_good()}"
        )
