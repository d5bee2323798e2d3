"""The flags that all tasks share: training."""

import dataclasses
from typing import List, Optional

from finetune.config.data_flags import MAX_SEED
from finetune.config.flags import (
    bool_flag,
    choice_flag,
    float_flag,
    integer_flag,
    list_flag,
    string_flag,
)

# The schedules of optimization.py, which is not imported here because it imports TensorFlow.
LR_SCHEDULES = ("linear", "cosine", "constant")
_MAX_DROPOUT = 0.99


def _dropout_flag(where: str) -> Optional[float]:
    return float_flag(
        None,
        f"Dropout probability {where} during training.",
        "training",
        default_text="as in bert_config_file",
        identity=True,
        lower_bound=0.0,
        upper_bound=_MAX_DROPOUT,
    )


@dataclasses.dataclass(frozen=True)
class TrainingFlags:
    """The flags for training: number of steps, optimizer, regularisation, several training runs."""

    num_folds: Optional[int] = integer_flag(
        None,
        "Number of folds for cross-validation: train this many times, each time holding out a "
        "different part of the data.",
        "training",
        per_command=True,
        requires=("do_train",),
        excludes=("do_predict", "do_embed"),
        lower_bound=2,
    )
    train_batch_size: int = integer_flag(
        32,
        "Number of rows per batch in training, on all devices together.",
        "training",
        common=True,
        identity=True,
        lower_bound=1,
    )
    learning_rate: Optional[float] = float_flag(
        None,
        "Peak learning rate of Adam.",
        "training",
        default_text="follows the model's size: 5e-5 for BERT-Base, up to 3e-4 for smaller models",
        common=True,
        identity=True,
        kept=True,
        lower_bound=0.0,
    )
    num_train_epochs: Optional[float] = float_flag(
        None,
        "Number of epochs, that is, passes over the training data.",
        "training",
        default_text="follows the number of rows: 3, or up to 10 for fewer than 3,200 rows",
        common=True,
        identity=True,
        kept=True,
        lower_bound=0.0,
    )
    warmup_proportion: float = float_flag(
        0.1,
        "Fraction of the training steps, 0 to 1, over which the learning rate rises to its peak.",
        "training",
        identity=True,
        lower_bound=0.0,
        upper_bound=1.0,
    )
    warmup_steps: Optional[int] = integer_flag(
        None,
        "Number of steps over which the learning rate rises; overrides warmup_proportion.",
        "training",
        identity=True,
        lower_bound=0,
    )
    lr_schedule: str = choice_flag(
        "linear",
        LR_SCHEDULES,
        "After its peak, the learning rate falls to zero (linear, cosine) or stays constant.",
        "training",
        identity=True,
        before="linear",
    )
    gradient_accumulation_steps: int = integer_flag(
        1,
        "Number of batches whose gradients are accumulated into one step, which is equivalent to "
        "one larger batch.",
        "training",
        identity=True,
        before=1,
        lower_bound=1,
    )
    weight_decay: float = float_flag(
        0.01,
        "Weight decay of all weights except biases and LayerNorms.",
        "training",
        identity=True,
        before=0.01,
        lower_bound=0.0,
    )
    max_grad_norm: float = float_flag(
        1.0,
        "Maximum gradient norm: larger gradients are scaled down to it. 0: no clipping.",
        "training",
        identity=True,
        before=1.0,
        lower_bound=0.0,
    )
    layerwise_lr_decay: float = float_flag(
        1.0,
        "Ratio of a layer's learning rate to that of the layer above it; the embeddings count as "
        "the lowest layer.",
        "training",
        identity=True,
        before=1.0,
        lower_bound=0.0,
        upper_bound=1.0,
    )
    head_learning_rate_factor: float = float_flag(
        1.0,
        "Factor that multiplies the learning rate of the layers on top of BERT.",
        "training",
        identity=True,
        before=1.0,
        lower_bound=0.0,
    )
    freeze_embeddings: bool = bool_flag(
        False, "Freeze the embeddings.", "training", identity=True, fixed=True, before=False
    )
    freeze_layers: int = integer_flag(
        0,
        "Number of layers to freeze, counted from the lowest.",
        "training",
        identity=True,
        fixed=True,
        before=0,
        lower_bound=0,
    )
    class_weights: Optional[List[str]] = list_flag(
        None,
        "Class weights in the loss: balanced (inverse frequency), comma-separated label=weight "
        "pairs (unlisted labels: 1), or one weight per label, in order.",
        "training",
        identity=True,
        requires=("problem_type=single_label",),
        excludes=("use_crf",),
    )
    label_smoothing: float = float_flag(
        0.0,
        "Fraction of each gold label that is spread over all labels.",
        "training",
        identity=True,
        before=0.0,
        requires=("problem_type=single_label",),
        excludes=("use_crf",),
        lower_bound=0.0,
        upper_bound=1.0,
    )
    hidden_dropout_prob: Optional[float] = _dropout_flag("in BERT's dense layers and embeddings")
    attention_probs_dropout_prob: Optional[float] = _dropout_flag("in attention")
    head_dropout_prob: Optional[float] = float_flag(
        None,
        "Dropout probability before the last layer, on top of BERT.",
        "training",
        default_text="hidden_dropout_prob",
        identity=True,
        lower_bound=0.0,
        upper_bound=_MAX_DROPOUT,
    )
    adam_bias_correction: bool = bool_flag(
        True,
        "Use bias correction in Adam, as Hugging Face does. Google's BERT was trained without it.",
        "training",
        identity=True,
    )
    seed: int = integer_flag(
        42,
        "Seed for new weights, data order and dropout.",
        "training",
        common=True,
        identity=True,
        lower_bound=0,
        upper_bound=MAX_SEED,
    )
    save_checkpoints_steps: int = integer_flag(
        1000, "Number of steps between two checkpoints.", "training", lower_bound=1
    )
    keep_checkpoint_max: int = integer_flag(
        2, "Number of recent checkpoints to keep during training.", "training", lower_bound=1
    )
    num_trials: int = integer_flag(
        1,
        "Number of training runs, with consecutive seeds. Reports the mean and standard deviation "
        "and keeps the best model.",
        "training",
        training_only=True,
        per_command=True,
        requires=("do_train",),
        excludes=("num_folds",),
        lower_bound=1,
    )
    grid: Optional[str] = string_flag(
        None,
        "Train with every combination of these settings, for example "
        '"learning_rate=2e-5,5e-5 train_batch_size=16,32". Reports a table and keeps the best '
        "model.",
        "training",
        training_only=True,
        per_command=True,
        requires=("do_train",),
        excludes=("num_folds",),
    )
