"""What a training is to do, and at which steps, by its configuration."""

import dataclasses
import math
from typing import Any, Union

from finetune import parameter_groups
from finetune.config import EPOCH, Config
from finetune.input_pipeline import steps_per_epoch
from finetune.model_fns import Training

_MOST_STEPS = 10**12


@dataclasses.dataclass(frozen=True)
class StepPlan:
    """At which steps something is due; a function of the step alone, so that resuming fits in.

    Attributes:
      num_train_steps: Steps of the whole training.
      epoch_steps: Steps of an epoch.
      log_every: Steps between two lines of the log.
      save_every: Steps between two checkpoints.
      eval_every: Steps between two evaluations; `EPOCH`; None: there are none.
    """

    num_train_steps: int
    epoch_steps: int
    log_every: int
    save_every: int
    eval_every: Union[int, str, None] = None

    def logs_at(self, step: int) -> bool:
        """Returns whether a line of the log is due after a step."""
        return step % self.log_every == 0 or step == self.num_train_steps

    def evaluates_at(self, step: int) -> bool:
        """Returns whether an evaluation is due after a step."""
        if self.eval_every is None or not step:
            return False
        every = self.epoch_steps if self.eval_every == EPOCH else self.eval_every
        return step % every == 0 or step == self.num_train_steps

    def saves_at(self, step: int) -> bool:
        """Returns whether a checkpoint is due after a step."""
        return step % self.save_every == 0 or self.evaluates_at(step)

    def epoch_of(self, step: int) -> float:
        """Returns how many epochs a step is from the start."""
        return step / self.epoch_steps


def plan_of(config: Config, num_rows: int) -> StepPlan:
    """Returns the plan of a training on so many rows; raises `ValueError` for a longer warm-up."""
    epoch_steps = steps_per_epoch(num_rows, config.rows_a_step)
    if epoch_steps * config.num_train_epochs > _MOST_STEPS:
        raise ValueError(
            f"--num_train_epochs={config.num_train_epochs}: more than {_MOST_STEPS} steps."
        )
    # Less a little: 100 steps times 1.1 epochs are 110.00000000000001.
    num_train_steps = max(1, math.ceil(epoch_steps * config.num_train_epochs - 1e-6))
    if config.warmup_steps is not None and config.warmup_steps > num_train_steps:
        raise ValueError(
            f"--warmup_steps={config.warmup_steps}: the whole training has {num_train_steps}."
        )
    return StepPlan(
        num_train_steps=num_train_steps,
        epoch_steps=epoch_steps,
        log_every=config.log_steps or min(max(1, num_train_steps // 20), 50),
        save_every=config.save_checkpoints_steps,
        eval_every=config.steps_between_evaluations(),
    )


def training_of(config: Config, num_train_steps: int, num_layers: int, **more: Any) -> Training:
    """Returns how to train, as a configuration has it.

    Args:
      config: The configuration.
      num_train_steps: Steps of the whole training.
      num_layers: Layers of the model.
      **more: What of `Training` is not in the configuration.
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
        learning_rate=config.learning_rate,
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
        **more,
    )
