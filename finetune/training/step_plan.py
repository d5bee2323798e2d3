"""The plan of a training run: its settings, and at which steps it logs, saves and evaluates."""

import dataclasses
import math
from typing import Optional, Sequence, Union

from finetune.config.config import EPOCH, Config
from finetune.data.batches import steps_per_epoch
from finetune.models.model_fn import Training
from finetune.models.word_rows import WordRows
from finetune.training import parameter_groups
from finetune.util.errors import InputError
from finetune.util.plurals import count

_MAX_STEPS = 10**12


@dataclasses.dataclass(frozen=True)
class StepPlan:
    """Decides what is due after each step. Only the step matters, so resuming changes nothing.

    Attributes:
      num_train_steps: Total number of training steps.
      epoch_steps: Number of steps per epoch.
      log_every: Number of steps between two log lines.
      save_every: Number of steps between two checkpoints.
      eval_every: Number of steps between two evaluations, or `EPOCH`; None to never evaluate.
    """

    num_train_steps: int
    epoch_steps: int
    log_every: int
    save_every: int
    eval_every: Union[int, str, None] = None

    def logs_at(self, step: int) -> bool:
        """Returns whether a log line is due after a step."""
        return step % self.log_every == 0 or step == self.num_train_steps

    def evaluates_at(self, step: int) -> bool:
        """Returns whether an evaluation is due after a step."""
        if self.eval_every is None or not step:
            return False
        every = self.epoch_steps if self.eval_every == EPOCH else int(self.eval_every)
        return step % every == 0 or step == self.num_train_steps

    def saves_at(self, step: int) -> bool:
        """Returns whether a checkpoint is due after a step."""
        return step % self.save_every == 0 or self.evaluates_at(step)

    def epoch_of(self, step: int) -> float:
        """Returns how many epochs have passed after a step."""
        return step / self.epoch_steps


def make_step_plan(config: Config, num_rows: int) -> StepPlan:
    """Returns the plan of a training run on `num_rows` rows.

    Raises:
      InputError: The training run has too many steps, or fewer steps than its warm-up.
    """
    epoch_steps = steps_per_epoch(num_rows, config.rows_per_step)
    epochs = config.require("num_train_epochs")
    if epoch_steps * epochs > _MAX_STEPS:
        raise InputError(f"--num_train_epochs={epochs}: more than {_MAX_STEPS} steps.")
    # Subtract a little, because 100 steps times 1.1 epochs yields 110.00000000000001.
    num_train_steps = max(1, math.ceil(epoch_steps * epochs - 1e-6))
    if config.warmup_steps is not None and config.warmup_steps > num_train_steps:
        raise InputError(
            f"--warmup_steps={config.warmup_steps}: training has only "
            f"{count(num_train_steps, 'step')}."
        )
    return StepPlan(
        num_train_steps=num_train_steps,
        epoch_steps=epoch_steps,
        log_every=config.log_steps or min(max(1, num_train_steps // 20), 50),
        save_every=config.save_checkpoints_steps,
        eval_every=config.steps_between_evaluations(),
    )


def training_settings(
    config: Config,
    num_train_steps: int,
    num_layers: int,
    *,
    class_weights: Optional[Sequence[float]] = None,
    new_head: bool = False,
    rows: Optional[WordRows] = None,
) -> Training:
    """Returns the settings of a training run.

    Args:
      config: The configuration.
      num_train_steps: Total number of training steps.
      num_layers: Number of layers in the model.
      class_weights: See `Training`.
      new_head: See `Training`.
      rows: The `word_rows` of `Training`.
    """
    warmup_steps = config.warmup_steps
    if warmup_steps is None:
        warmup_steps = int(num_train_steps * config.warmup_proportion)
    dropout = {
        name: getattr(config, name)
        for name in ("hidden_dropout_prob", "attention_probs_dropout_prob")
        if getattr(config, name) is not None
    }
    return Training(
        learning_rate=config.require("learning_rate"),
        num_train_steps=num_train_steps,
        num_warmup_steps=warmup_steps,
        schedule=config.lr_schedule,
        weight_decay=config.weight_decay,
        clip_norm=config.max_grad_norm,
        bias_correction=config.adam_bias_correction,
        learning_rate_factors=parameter_groups.learning_rate_factors(config, num_layers),
        frozen=parameter_groups.frozen(config, num_layers),
        keep_checkpoint_max=config.keep_checkpoint_max,
        scale_loss=config.use_fp16,
        parts=config.gradient_accumulation_steps,
        label_smoothing=config.label_smoothing,
        dropout=dropout,
        head_dropout=config.head_dropout_prob,
        class_weights=class_weights,
        new_head=new_head,
        word_rows=rows,
    )
