"""Every flag that all tasks share, declared once, and the frozen configuration they become."""

import dataclasses
import math
from typing import Any, ClassVar, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from finetune.config.flags import (
    bool_flag,
    choice_flag,
    flag_of,
    float_flag,
    holds,
    integer_flag,
    list_flag,
    string_flag,
    unmet_requirements,
)
from finetune.data.frame import Frame
from finetune.data.splitting import parse_shares
from finetune.util.errors import UsageError

EPOCH = "epoch"  # A value of --eval_every
LR_SCHEDULES = ("linear", "cosine", "constant")  # Those of optimization.py, without its imports
_MAX_DROPOUT = 0.99
_MAX_SEED = 2**32 - 1
# Conditions under which a model's own data is not what a later run is about.
_OTHER_DATA = ("data_dir", "do_check")
_OTHER_FILES = ("data_dir", "dev_file", "predict_file")


def _dropout_flag(where: str) -> Any:
    help_text = f"Dropout {where} during training. Default: as in bert_config_file."
    return float_flag(
        None, help_text, "training", identity=True, lower_bound=0.0, upper_bound=_MAX_DROPOUT
    )


@dataclasses.dataclass(frozen=True)
class Config:
    """What one run does, whatever its task.

    None means: as the model remembers it from its training, or else the flag's documented default.
    """

    examples: ClassVar[Sequence[Tuple[str, str]]] = ()  # Purpose and flags, for --help

    # Actions.
    do_train: bool = bool_flag(False, "Train on the training file.", "training", common=True)
    do_eval: bool = bool_flag(False, "Score the model on the dev file.", "evaluation", common=True)
    do_predict: bool = bool_flag(False, "Predict the test file.", "evaluation", common=True)
    do_check: bool = bool_flag(
        False,
        "Only check the data and print a report.",
        "data",
        common=True,
        excludes=("do_train", "do_eval", "do_predict"),
    )

    # Data.
    task_name: Optional[str] = string_flag(
        None,
        "Task: a name in PROCESSORS of processors.py. Default with --train_file: multiclass for "
        "run_classifier.py, ner for run_ner.py.",
        "data",
        common=True,
        identity=True,
        fixed=True,
        kept=True,
    )
    data_dir: Optional[str] = string_flag(
        None,
        "Folder of the data files. If it has a subfolder named after the task, that is used.",
        "data",
        common=True,
        is_path=True,
        kept=True,
        kept_unless=("do_check",),
    )
    train_file: Optional[str] = string_flag(
        None,
        "File or folder to train on, instead of the one in data_dir.",
        "data",
        common=True,
        split="train",
        is_path=True,
        kept=True,
        kept_unless=_OTHER_DATA,
    )
    dev_file: Optional[str] = string_flag(
        None,
        "File to evaluate on, instead of the one in data_dir.",
        "data",
        common=True,
        split="dev",
        is_path=True,
        kept=True,
        kept_unless=_OTHER_DATA,
        excludes=("split", "num_folds"),
    )
    predict_file: Optional[str] = string_flag(
        None,
        "File to predict, instead of data_dir's test file; - reads texts from standard input, one "
        "per line.",
        "data",
        common=True,
        split="test",
        is_path=True,
        requires=("do_predict|do_check",),
    )
    encoding: Optional[str] = string_flag(
        None,
        "Encoding of the data files, for example latin-1 or utf-16. Default: utf-8.",
        "data",
        kept=True,
        kept_unless=_OTHER_FILES,
    )
    split: Optional[str] = string_flag(
        None,
        "Split the training data into train, dev and test in these proportions, for example "
        "70:15:15.",
        "data",
        common=True,
        kept=True,
        kept_unless=(*_OTHER_DATA, "dev_file", "num_folds"),
        excludes=("num_folds",),
    )
    split_seed: Optional[int] = integer_flag(
        None,
        "Seed that decides which row --split and --num_folds put in which part. Default: 0.",
        "data",
        kept=True,
        kept_unless=(*_OTHER_DATA, "dev_file", "num_folds"),
        requires=("split|num_folds",),
        lower_bound=0,
        upper_bound=_MAX_SEED,
    )

    # Model.
    vocab_file: Optional[str] = string_flag(
        None,
        "Vocabulary, for example model_dir/vocab.txt.",
        "model",
        common=True,
        is_path=True,
        kept=True,
    )
    bert_config_file: Optional[str] = string_flag(
        None,
        "Configuration of the model, for example model_dir/bert_config.json.",
        "model",
        common=True,
        is_path=True,
        kept=True,
    )
    init_checkpoint: Optional[str] = string_flag(
        None,
        "Checkpoint to start from, for example model_dir/bert_model.ckpt.",
        "model",
        common=True,
        is_path=True,
    )
    do_lower_case: Optional[bool] = bool_flag(
        None,
        "Lower-case the text and strip accents. Default: as the model was pretrained.",
        "model",
        identity=True,
        fixed=True,
    )
    preserve_unused_tokens: Optional[bool] = bool_flag(
        None,
        "Keep words like [unused7] whole if they are in the vocabulary. Default: false.",
        "model",
        identity=True,
        fixed=True,
        kept=True,
    )
    max_seq_length: Optional[int] = integer_flag(
        None,
        "Maximum input length in wordpieces, including [CLS] and [SEP]. Default: 128.",
        "model",
        common=True,
        identity=True,
        kept=True,
        lower_bound=Frame.least_length(),
    )
    doc_stride: Optional[int] = integer_flag(
        None,
        "Wordpieces from the start of one window of a long text to the start of the next. "
        "Default: half a window.",
        "model",
        identity=True,
        kept=True,
        kept_unless=("max_seq_length",),
        lower_bound=1,
    )

    # Training.
    num_folds: Optional[int] = integer_flag(
        None,
        "Cross-validation: train this many times, each time holding out another part of the data.",
        "training",
        requires=("do_train",),
        excludes=("do_predict",),
        lower_bound=2,
    )
    train_batch_size: int = integer_flag(
        32, "Rows per batch in training.", "training", common=True, identity=True, lower_bound=1
    )
    learning_rate: float = float_flag(
        5e-5,
        "Peak learning rate of Adam.",
        "training",
        common=True,
        identity=True,
        lower_bound=0.0,
    )
    num_train_epochs: float = float_flag(
        3.0,
        "Epochs, that is, passes over the training data.",
        "training",
        common=True,
        identity=True,
        lower_bound=0.0,
    )
    warmup_proportion: float = float_flag(
        0.1,
        "Fraction of the training, 0 to 1, over which the learning rate rises to its peak.",
        "training",
        identity=True,
        lower_bound=0.0,
        upper_bound=1.0,
    )
    warmup_steps: Optional[int] = integer_flag(
        None,
        "Steps over which the learning rate rises; overrides warmup_proportion.",
        "training",
        identity=True,
        lower_bound=0,
    )
    lr_schedule: str = choice_flag(
        "linear",
        LR_SCHEDULES,
        "How the learning rate changes after its peak: down to zero, or constant.",
        "training",
        identity=True,
        before="linear",
    )
    gradient_accumulation_steps: int = integer_flag(
        1,
        "Number of batches whose gradients are accumulated into one step, which equals one larger "
        "batch.",
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
        "Factor between the learning rates of a layer and the layer above it; the embeddings "
        "count as the lowest layer.",
        "training",
        identity=True,
        before=1.0,
        lower_bound=0.0,
        upper_bound=1.0,
    )
    head_learning_rate_factor: float = float_flag(
        1.0,
        "Factor on the learning rate of the layers on top of BERT.",
        "training",
        identity=True,
        before=1.0,
        lower_bound=0.0,
    )
    freeze_embeddings: bool = bool_flag(
        False, "Do not train the embeddings.", "training", identity=True, fixed=True, before=False
    )
    freeze_layers: int = integer_flag(
        0,
        "Do not train this many layers, counted from the lowest.",
        "training",
        identity=True,
        fixed=True,
        before=0,
        lower_bound=0,
    )
    class_weights: Optional[List[str]] = list_flag(
        None,
        "Class weights in the loss: balanced (inverse frequency), comma-separated label=weight "
        "pairs (others: 1), or one weight per label in order.",
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
        "Dropout before the last layer, on top of BERT. Default: hidden_dropout_prob.",
        "training",
        identity=True,
        lower_bound=0.0,
        upper_bound=_MAX_DROPOUT,
    )
    adam_bias_correction: bool = bool_flag(
        True,
        "Use bias correction in Adam, as Hugging Face does. False: no correction, as in Google's "
        "BERT.",
        "training",
        identity=True,
    )
    seed: int = integer_flag(
        42,
        "Seed of new weights, data order and dropout.",
        "training",
        common=True,
        identity=True,
        lower_bound=0,
        upper_bound=_MAX_SEED,
    )
    save_checkpoints_steps: int = integer_flag(
        1000, "Steps between two checkpoints.", "training", lower_bound=1
    )
    keep_checkpoint_max: int = integer_flag(
        2, "How many recent checkpoints to keep while training.", "training", lower_bound=1
    )
    num_trials: int = integer_flag(
        1,
        "Number of training runs, each with the next seed. Reports the mean and standard deviation "
        "and keeps the best model.",
        "training",
        training_only=True,
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
        requires=("do_train",),
        excludes=("num_folds",),
    )

    # Evaluation.
    eval_batch_size: int = integer_flag(
        32, "Rows per batch in evaluation.", "evaluation", lower_bound=1
    )
    predict_batch_size: int = integer_flag(
        32, "Rows per batch in prediction.", "evaluation", lower_bound=1
    )
    eval_every: Optional[str] = string_flag(
        None,
        "Evaluate on the dev file during training: epoch, or a number of steps. The best model is "
        "kept in output_dir/best and used afterwards.",
        "evaluation",
        common=True,
        identity=True,
        training_only=True,
        requires=("do_train",),
    )
    metric_for_best: Optional[str] = string_flag(
        None,
        "Metric that selects the best model: a name from eval_results.json, for example accuracy, "
        "mcc or loss. Default: macro_f1; for taggers f1 of entities; for regression mse.",
        "evaluation",
        identity=True,
        training_only=True,
        requires=("eval_every|num_trials|grid",),
    )
    early_stopping_patience: int = integer_flag(
        0,
        "Stop the training after this many evaluations without improvement. 0: never.",
        "evaluation",
        identity=True,
        before=0,
        training_only=True,
        requires=("eval_every|num_trials|grid",),
        lower_bound=0,
    )

    # Output.
    output_dir: Optional[str] = string_flag(
        None, "Folder for checkpoints and results. Created if missing.", "output", common=True
    )
    overwrite_output_dir: bool = bool_flag(
        False,
        "Delete the files of an earlier training in output_dir and retrain from scratch.",
        "output",
        common=True,
        training_only=True,
    )
    resume_with_changes: bool = bool_flag(
        False,
        "Resume an unfinished training even if settings or data have changed.",
        "output",
        training_only=True,
        requires=("do_train",),
        excludes=("overwrite_output_dir",),
    )
    log_steps: Optional[int] = integer_flag(
        None,
        "Steps between two lines in the log, train_log.jsonl and TensorBoard. Default: a twentieth "
        "of the training, at most 50.",
        "output",
        lower_bound=1,
    )
    verbosity: str = choice_flag(
        "info",
        ("error", "warning", "info", "debug"),
        "How much to log; debug adds TensorFlow's own messages.",
        "output",
    )
    debug: bool = bool_flag(False, "Show the full traceback of an error.", "output")

    # Hardware and speed.
    group_by_length: bool = bool_flag(
        True,
        "Train on batches of rows of similar length, which is faster.",
        "hardware",
        identity=True,
        before=False,
    )
    padding_free: bool = bool_flag(
        True,
        "Skip computation on padding. False: compute it too (slower; for comparison).",
        "hardware",
        identity=True,
        before=False,
    )
    use_xla: bool = bool_flag(
        False,
        "Compile with XLA, for GPUs. Pads every batch to max_seq_length, so that only one shape "
        "is compiled. Slower on CPUs.",
        "hardware",
        identity=True,
        before=False,
    )
    use_bf16: bool = bool_flag(
        False,
        "Multiply matrices in bfloat16. Faster on CPUs with AMX or AVX512_BF16; refused on others.",
        "hardware",
        identity=True,
        before=False,
        excludes=("use_fp16",),
    )
    use_fp16: bool = bool_flag(
        False,
        "Compute products in float16 with an adaptive loss scale. Faster on GPUs with tensor "
        "cores; refused without a GPU.",
        "hardware",
        identity=True,
        fixed=True,
        before=False,
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and not math.isfinite(value):
                raise UsageError(f"--{field.name}={value}: expected a finite number.")
        if not (self.do_train or self.do_eval or self.do_predict or self.do_check):
            raise UsageError(
                "Nothing to do: give at least one of --do_train=true, --do_eval=true, "
                "--do_predict=true, --do_check=true."
            )
        if not self.do_check:
            self.require("output_dir")
        self._check_numbers()
        for name in ("train_file", "dev_file"):
            if getattr(self, name) == "-":
                raise UsageError(f"--{name}=-: only --predict_file can be standard input.")
        self._check_encoding()
        if self.split:
            parse_shares(self.split)
        self.steps_between_evaluations()

    def _check_numbers(self) -> None:
        if self.num_train_epochs == 0:
            raise UsageError("--num_train_epochs=0: expected a number above 0.")
        if self.layerwise_lr_decay == 0:
            raise UsageError("--layerwise_lr_decay=0: expected a number above 0, at most 1.")
        if self.label_smoothing == 1:
            raise UsageError("--label_smoothing=1: expected a number of at least 0, below 1.")
        if self.seed + self.num_trials - 1 > _MAX_SEED:
            raise UsageError(f"--num_trials={self.num_trials}: its last seed exceeds {_MAX_SEED}.")

    def _check_encoding(self) -> None:
        try:
            "".encode(self.encoding or "utf-8")
        except (LookupError, UnicodeError) as error:
            raise UsageError(
                f"--encoding={self.encoding}: not a text encoding that Python knows; expected, for "
                "example, utf-8, latin-1, cp1252 or utf-16."
            ) from error

    def check_given(self) -> None:
        """Raises `UsageError` if a flag of the command line is useless or contradicts another.

        A requirement that the trained model may meet is left to `check_resolved`.
        """
        for unmet in unmet_requirements(self):
            if not self._are_kept(unmet.lacks):
                raise UsageError(unmet.message)

    def check_resolved(self) -> None:
        """Does the same for flags that a model remembers, once these are filled in."""
        for unmet in unmet_requirements(self):
            if self._are_kept(unmet.involves):
                raise UsageError(unmet.message)

    def _are_kept(self, names: Sequence[str]) -> bool:
        """Returns whether a model remembers some of these flags."""
        fields = type(self).__dataclass_fields__
        return any(flag_of(fields[name]).kept for name in names if name in fields)

    def remembered(self, trained: Mapping[str, Any]) -> Dict[str, Any]:
        """Returns the settings of a trained model that also hold for this run with it.

        Args:
          trained: The settings of the model's training.
        """
        return {
            field.name: trained[field.name]
            for field in dataclasses.fields(self)
            if flag_of(field).kept
            and trained.get(field.name) is not None
            and not any(holds(self, c, trained) for c in flag_of(field).kept_unless)
        }

    def filled_from(self, settings: Mapping[str, Any]) -> "Config":
        """Returns this configuration with each None replaced by the value in `settings`, if any."""
        missing = {
            field.name: settings[field.name]
            for field in dataclasses.fields(self)
            if getattr(self, field.name) is None and settings.get(field.name) is not None
        }
        return dataclasses.replace(self, **missing)

    def require(self, name: str) -> Any:
        """Returns the value of a flag; raises `UsageError` if it is missing."""
        value = getattr(self, name)
        if value is None or value == "":
            help_text = flag_of(type(self).__dataclass_fields__[name]).help
            raise UsageError(f"--{name} is missing. {help_text}")
        return value

    @property
    def learns_labels(self) -> bool:
        """Whether labels are learnt from data: in a training, or in a check of the data."""
        return self.do_train or self.do_check

    @property
    def compares_trainings(self) -> bool:
        """Whether the run trains several times and keeps the best model."""
        return self.num_trials > 1 or bool(self.grid)

    @property
    def needs_dev(self) -> bool:
        """Whether the run needs the dev file."""
        return self.do_eval or bool(self.eval_every) or self.compares_trainings

    @property
    def needs_data_dir(self) -> bool:
        """Whether the run reads a file that no other flag names."""
        wanted = (
            (self.learns_labels, self.train_file),
            (self.needs_dev, self.dev_file or self.split),
            (self.do_predict, self.predict_file or self.split),
        )
        return any(asked and not given for asked, given in wanted)

    @property
    def rows_per_step(self) -> int:
        """Rows per training step: those of a batch, or of all accumulated batches."""
        return self.train_batch_size * self.gradient_accumulation_steps

    @property
    def computes_padding(self) -> bool:
        """Whether BERT computes padding too; XLA needs it, as it compiles each shape separately."""
        return self.use_xla or not self.padding_free

    def steps_between_evaluations(self) -> Union[int, str, None]:
        """Returns how often a training is evaluated: a number of steps, `EPOCH`, or None."""
        if self.eval_every is None or self.eval_every == EPOCH:
            return self.eval_every
        try:
            steps = int(self.eval_every)
        except ValueError:
            steps = 0
        if steps < 1:
            raise UsageError(
                f"--eval_every={self.eval_every}: expected epoch, or a number of steps above 0."
            )
        return steps
