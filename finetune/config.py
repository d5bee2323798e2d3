"""Every flag, declared once, and the frozen configuration that they become."""

import dataclasses
import functools
import math
from typing import Any, Callable, ClassVar, Dict, List, Optional, Sequence, Tuple, Type, Union

from absl import flags

from finetune.splitting import parse_shares
from optimization import SCHEDULES

EPOCH = "epoch"  # Of --eval_every
_MOST_DROPOUT = 0.99


class UsageError(ValueError):
    """The command line asks for what cannot be: the scripts end with status 2."""


def _flag(define: Callable, default: Any, help_text: str, **bounds: float) -> Any:
    metadata = {"define": define, "help": help_text, "bounds": bounds}
    return dataclasses.field(default=default, metadata=metadata)


def string_flag(default: Optional[str], help_text: str) -> Any:
    """Declares a flag with any text."""
    return _flag(flags.DEFINE_string, default, help_text)


def list_flag(default: Optional[List[str]], help_text: str) -> Any:
    """Declares a flag with texts, commas between."""
    return _flag(flags.DEFINE_list, default, help_text)


def bool_flag(default: Optional[bool], help_text: str) -> Any:
    """Declares a flag that is true or false."""
    return _flag(flags.DEFINE_bool, default, help_text)


def integer_flag(default: Optional[int], help_text: str, **bounds: int) -> Any:
    """Declares a flag with a whole number; `bounds` as of absl's DEFINE_integer."""
    return _flag(flags.DEFINE_integer, default, help_text, **bounds)


def float_flag(default: Optional[float], help_text: str, **bounds: float) -> Any:
    """Declares a flag with a number; `bounds` as of absl's DEFINE_float."""
    return _flag(flags.DEFINE_float, default, help_text, **bounds)


def choice_flag(default: Optional[str], values: Sequence[str], help_text: str) -> Any:
    """Declares a flag with one of some values, in any case."""
    define = functools.partial(flags.DEFINE_enum, enum_values=list(values), case_sensitive=False)
    return _flag(define, default, f"{help_text} One of {', '.join(values)}.")


def _dropout_flag(where: str) -> Any:
    help_text = f"Dropout {where} in training. Default: as in bert_config_file."
    return float_flag(None, help_text, lower_bound=0.0, upper_bound=_MOST_DROPOUT)


@dataclasses.dataclass(frozen=True)
class Config:
    """What one run does, whatever its task.

    A None stands for what the output directory keeps of its training.
    """

    examples: ClassVar[Sequence[Tuple[str, str]]] = ()  # What for, and the flags, for --help

    task_name: Optional[str] = string_flag(
        None,
        "Task: a name in PROCESSORS of processors.py. With --train_file: multiclass, or ner.",
    )
    data_dir: Optional[str] = string_flag(
        None, "Folder of the data files; its subfolder of the task's name is used if there is one."
    )
    train_file: Optional[str] = string_flag(
        None, "File or folder to train on, in place of that in data_dir."
    )
    dev_file: Optional[str] = string_flag(None, "File to score on, in place of that in data_dir.")
    predict_file: Optional[str] = string_flag(
        None,
        "File to predict, in place of data_dir's test file; - is standard input, a text a line.",
    )
    encoding: Optional[str] = string_flag(
        None, "Encoding of the data files, such as latin-1 or utf-16. Default: utf-8."
    )
    split: Optional[str] = string_flag(
        None, "Cut the training data into train, dev and test by these shares, such as 70:15:15."
    )
    split_seed: Optional[int] = integer_flag(
        None,
        "Which rows --split and --num_folds put where. Default: 0.",
        lower_bound=0,
        upper_bound=2**32 - 1,
    )
    num_folds: Optional[int] = integer_flag(
        None, "Cross-validation: train this many times, each time without one part.", lower_bound=2
    )
    output_dir: Optional[str] = string_flag(
        None, "Folder for checkpoints and results. It is made if need be."
    )
    vocab_file: Optional[str] = string_flag(None, "Vocabulary, such as model_dir/vocab.txt.")
    bert_config_file: Optional[str] = string_flag(
        None, "Configuration of the model, such as model_dir/bert_config.json."
    )
    init_checkpoint: Optional[str] = string_flag(
        None, "Checkpoint to start from, such as model_dir/bert_model.ckpt."
    )
    do_lower_case: Optional[bool] = bool_flag(
        None, "Lower-case the text and strip accents. Default: as the model was trained."
    )
    preserve_unused_tokens: Optional[bool] = bool_flag(
        None, "Keep a word such as [unused7] that is in the vocabulary whole. Default: false."
    )
    max_seq_length: Optional[int] = integer_flag(
        None, "Longest input in wordpieces, [CLS] and [SEP] included. Default: 128.", lower_bound=3
    )
    doc_stride: Optional[int] = integer_flag(
        None,
        "Wordpieces from the beginning of one window of a long text to that of the next. "
        "Default: half of what fits into one.",
        lower_bound=1,
    )
    do_check: bool = bool_flag(False, "Report on the data, and do no more.")
    do_train: bool = bool_flag(False, "Train on the training file.")
    do_eval: bool = bool_flag(False, "Score the model on the dev file.")
    do_predict: bool = bool_flag(False, "Predict the test file.")
    train_batch_size: int = integer_flag(32, "Rows of a batch in training.", lower_bound=1)
    eval_batch_size: int = integer_flag(32, "Rows of a batch in evaluation.", lower_bound=1)
    predict_batch_size: int = integer_flag(32, "Rows of a batch in prediction.", lower_bound=1)
    learning_rate: float = float_flag(5e-5, "Peak learning rate of Adam.", lower_bound=0.0)
    num_train_epochs: float = float_flag(
        3.0, "Epochs: passes over the training data.", lower_bound=0.0
    )
    warmup_proportion: float = float_flag(
        0.1,
        "Share of the training, 0 to 1, in which the learning rate rises to its peak.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    warmup_steps: Optional[int] = integer_flag(
        None, "The same in steps, in place of warmup_proportion.", lower_bound=0
    )
    lr_schedule: str = choice_flag(
        "linear", SCHEDULES, "How the learning rate goes on from its peak: to zero, or constant."
    )
    gradient_accumulation_steps: int = integer_flag(
        1,
        "Batches of train_batch_size rows whose gradients make one step, as one large batch would.",
        lower_bound=1,
    )
    weight_decay: float = float_flag(
        0.01, "Weight decay of all but biases and LayerNorms.", lower_bound=0.0
    )
    max_grad_norm: float = float_flag(
        1.0, "Gradients are scaled down to this norm. 0: never.", lower_bound=0.0
    )
    layerwise_lr_decay: float = float_flag(
        1.0,
        "Each layer has the learning rate of the one above it times this, the embeddings as the "
        "lowest.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    head_learning_rate_factor: float = float_flag(
        1.0, "The layer on top of BERT has the learning rate times this.", lower_bound=0.0
    )
    freeze_embeddings: bool = bool_flag(False, "Leave the embeddings as they are.")
    freeze_layers: int = integer_flag(
        0, "Leave this many layers as they are, from the lowest.", lower_bound=0
    )
    class_weights: Optional[List[str]] = list_flag(
        None,
        "What labels count for in the loss: balanced (each label the same in all), or "
        "label=number with commas between, 1 for the others, or a number for each label in order.",
    )
    label_smoothing: float = float_flag(
        0.0, "Share of each label that is spread over all labels.", lower_bound=0.0, upper_bound=1.0
    )
    hidden_dropout_prob: Optional[float] = _dropout_flag("of BERT's dense layers and embeddings")
    attention_probs_dropout_prob: Optional[float] = _dropout_flag("of attention")
    head_dropout_prob: Optional[float] = float_flag(
        None,
        "Dropout before the layer on top of BERT. Default: hidden_dropout_prob.",
        lower_bound=0.0,
        upper_bound=_MOST_DROPOUT,
    )
    adam_bias_correction: bool = bool_flag(
        True, "Bias correction in Adam, as Hugging Face has it. False: none, as Google's BERT."
    )
    group_by_length: bool = bool_flag(
        True, "Train on batches of texts that are alike in length, which is faster."
    )
    padding_free: bool = bool_flag(
        True, "Compute real wordpieces alone. False: padding as well, the reference."
    )
    use_xla: bool = bool_flag(
        False,
        "Compile with XLA, for GPUs: every batch is padded to max_seq_length, so that there is one "
        "shape to compile. On CPUs it takes longer.",
    )
    use_bf16: bool = bool_flag(
        False,
        "Matrix products in bfloat16, of three digits: faster on CPUs with AMX or AVX512_BF16, and "
        "refused on others.",
    )
    use_fp16: bool = bool_flag(
        False,
        "Products in float16 with a loss scale that adapts itself: faster on GPUs with tensor "
        "cores, and refused without a GPU.",
    )
    save_checkpoints_steps: int = integer_flag(
        1000, "Steps between two checkpoints.", lower_bound=1
    )
    keep_checkpoint_max: int = integer_flag(
        2, "Checkpoints of an unfinished training that are kept, the newest.", lower_bound=1
    )
    num_trials: int = integer_flag(
        1,
        "Train so many times, with seed, seed + 1 and so on; report mean and standard deviation, "
        "and keep the best model.",
        lower_bound=1,
    )
    grid: Optional[str] = string_flag(
        None,
        'Train with each combination of settings, such as "learning_rate=2e-5,5e-5 '
        'train_batch_size=16,32"; report a table, and keep the best model.',
    )
    eval_every: Optional[str] = string_flag(
        None,
        "Score the dev file while training: epoch, after each, or a number of steps between. The "
        "best model is kept in output_dir/best, and is the one that is used then.",
    )
    metric_for_best: Optional[str] = string_flag(
        None,
        "The score by which a model is the best, as it is called in eval_results.json, such as "
        "accuracy, mcc or loss. Default: macro_f1, or f1 of entities, or mse of numbers.",
    )
    early_stopping_patience: int = integer_flag(
        0,
        "End the training after this many evaluations without a better score. 0: never.",
        lower_bound=0,
    )
    log_steps: Optional[int] = integer_flag(
        None,
        "Steps between two lines of the log, of train_log.jsonl and of TensorBoard. Default: a "
        "twentieth of the training, 50 at the most.",
        lower_bound=1,
    )
    verbosity: str = choice_flag(
        "info",
        ("error", "warning", "info", "debug"),
        "What is said: debug has TensorFlow's messages as well.",
    )
    seed: int = integer_flag(
        42,
        "Seed of new weights, data order and dropout.",
        lower_bound=0,
        upper_bound=2**32 - 1,
    )
    overwrite_output_dir: bool = bool_flag(
        False, "Remove an earlier training's files from output_dir and train anew."
    )
    resume_with_changes: bool = bool_flag(
        False, "Go on with an unfinished training, though settings or data are others now."
    )
    debug: bool = bool_flag(False, "Show the whole traceback of an error.")

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"--{field.name}={value}: expected a finite number.")
        if self.num_train_epochs == 0:
            raise ValueError("--num_train_epochs=0: expected a number above 0.")
        if self.do_check and (self.do_train or self.do_eval or self.do_predict):
            raise ValueError("--do_check=true stands alone: it reports on the data, and no more.")
        if not (self.do_train or self.do_eval or self.do_predict or self.do_check):
            raise ValueError(
                "Nothing to do: give at least one of --do_train=true, --do_eval=true, "
                "--do_predict=true, --do_check=true."
            )
        if not self.do_check:
            self.require("output_dir")
        if self.layerwise_lr_decay == 0:
            raise ValueError("--layerwise_lr_decay=0: expected a number above 0, up to 1.")
        if self.label_smoothing == 1:
            raise ValueError("--label_smoothing=1: expected a number from 0 to below 1.")
        if self.use_bf16 and self.use_fp16:
            raise ValueError("--use_bf16 and --use_fp16: expected one of them, not both.")
        if self.predict_file and not (self.do_predict or self.do_check):
            raise ValueError("--predict_file is given without --do_predict=true.")
        for name in ("train_file", "dev_file"):
            if getattr(self, name) == "-":
                raise ValueError(f"--{name}=-: standard input is for --predict_file alone.")
        self._refuse_encoding()
        self._refuse_split()
        self.steps_between_evaluations()

    @property
    def begins(self) -> bool:
        """Whether labels are learnt from data: in a training, or a report before it."""
        return self.do_train or self.do_check

    def steps_between_evaluations(self) -> Union[int, str, None]:
        """Returns how often a training is evaluated: a number of steps, "epoch", or None."""
        if self.eval_every is None or self.eval_every == EPOCH:
            return self.eval_every
        try:
            steps = int(self.eval_every)
        except ValueError:
            steps = 0
        if steps < 1:
            raise ValueError(
                f"--eval_every={self.eval_every}: expected epoch, or a number of steps above 0."
            )
        return steps

    def refuse_idle(self) -> None:
        """Raises `ValueError` if a flag is given that has no effect beside the others."""
        for name in ("metric_for_best", "early_stopping_patience"):
            if getattr(self, name) and not self.eval_every and not self.chooses:
                raise ValueError(f"--{name} is given without --eval_every.")
        if self.seed + self.num_trials - 1 >= 2**32:
            raise ValueError(f"--num_trials={self.num_trials}: its last seed is above {2**32 - 1}.")
        if self.chooses and (not self.do_train or self.num_folds):
            raise ValueError(
                "--num_trials and --grid are for --do_train=true, and without --num_folds."
            )
        if self.eval_every and not self.do_train:
            raise ValueError("--eval_every is given without --do_train=true.")
        if self.resume_with_changes and not self.do_train:
            raise ValueError("--resume_with_changes is given without --do_train=true.")
        if self.resume_with_changes and self.overwrite_output_dir:
            raise ValueError(
                "--resume_with_changes and --overwrite_output_dir: expected one of them, not both."
            )

    @property
    def chooses(self) -> bool:
        """Whether the best of several trainings is kept."""
        return self.num_trials > 1 or bool(self.grid)

    @property
    def scores_dev(self) -> bool:
        """Whether the dev file is needed."""
        return self.do_eval or bool(self.eval_every) or self.chooses

    @property
    def rows_a_step(self) -> int:
        """Rows of a training step: a batch, or the batches that are accumulated."""
        return self.train_batch_size * self.gradient_accumulation_steps

    @property
    def computes_padding(self) -> bool:
        """Whether BERT computes padding as well: XLA compiles each number of tokens anew."""
        return self.use_xla or not self.padding_free

    def reads_data_dir(self) -> bool:
        """Returns whether the run needs the folder of data files."""
        wanted = (
            (self.begins, self.train_file),
            (self.scores_dev, self.dev_file or self.split),
            (self.do_predict, self.predict_file or self.split),
        )
        return any(asked and not given for asked, given in wanted)

    def _refuse_encoding(self) -> None:
        try:
            "".encode(self.encoding or "utf-8")
        except (LookupError, UnicodeError) as error:
            raise ValueError(
                f"--encoding={self.encoding}: no text encoding that Python knows; expected such as "
                "utf-8, latin-1, cp1252, utf-16."
            ) from error

    def _refuse_split(self) -> None:
        if self.split:
            parse_shares(self.split)
        if (self.split or self.num_folds) and self.dev_file:
            raise ValueError("--split and --num_folds make dev data: leave --dev_file out.")
        if self.split and self.num_folds:
            raise ValueError("--split and --num_folds: expected one of them, not both.")
        if self.split_seed is not None and not (self.split or self.num_folds):
            raise ValueError("--split_seed is given without --split or --num_folds.")
        if self.num_folds and (not self.do_train or self.do_predict):
            raise ValueError(
                "--num_folds trains and scores: expected --do_train=true, and no --do_predict."
            )

    def require(self, name: str) -> Any:
        """Returns the value of a flag, or raises `UsageError` if it is not given."""
        value = getattr(self, name)
        if value is None or value == "":
            field = type(self).__dataclass_fields__[name]
            raise UsageError(f"--{name} is missing. {field.metadata['help']}")
        return value

    def filled_from(self, settings: Dict[str, Any]) -> "Config":
        """Returns this configuration with what is None taken from saved settings."""
        missing = {
            field.name: settings[field.name]
            for field in dataclasses.fields(self)
            if getattr(self, field.name) is None and settings.get(field.name) is not None
        }
        return dataclasses.replace(self, **missing)


def declare_flags(
    config_class: Type[Config] = Config, flag_values: flags.FlagValues = flags.FLAGS
) -> None:
    """Declares a flag for each field of a configuration; one declared goes back to its default."""
    for field in dataclasses.fields(config_class):
        if field.name in flag_values and _is_of_absl(field.name, flag_values):
            delattr(flag_values, field.name)  # --verbosity, which is of numbers there
        if field.name in flag_values:
            flag_values[field.name].unparse()
            continue
        define, bounds = field.metadata["define"], field.metadata["bounds"]
        define(
            field.name,
            field.default,
            help=field.metadata["help"],
            flag_values=flag_values,
            **bounds,
        )


def _is_of_absl(name: str, flag_values: flags.FlagValues) -> bool:
    return (flag_values.find_module_defining_flag(name) or "").startswith("absl.")


def parse_flags(
    argv: List[str],
    config_class: Type[Config] = Config,
    flag_values: flags.FlagValues = flags.FLAGS,
) -> Config:
    """Reads a command line.

    Args:
      argv: The command line, the program's name first.
      config_class: The configuration whose flags are declared.
      flag_values: Where the flags are declared.

    Raises:
      ValueError: An argument is no flag, or a value is impossible.
      flags.Error: A flag is unknown or its value is of the wrong type.
    """
    try:
        rest = flag_values(argv)[1:]
    except RecursionError as error:  # absl looks for flags that are like it.
        longest = max(argv[1:], key=len)
        raise ValueError(f"Unknown flag: {longest[:80]!r} … ({len(longest)} characters)") from error
    if rest:
        raise ValueError(
            f"Unexpected argument {rest[0]!r}. Flags are given as --name=value, such as "
            "--do_train=false."
        )
    given = {f.name: flag_values[f.name] for f in dataclasses.fields(config_class)}
    # By what is given, since tokenization.py declares one of them with a default of its own.
    config = config_class(**{name: flag.value for name, flag in given.items() if flag.present})
    config.refuse_idle()
    return config


def usage(program: str, summary: str, config_class: Type[Config] = Config) -> str:
    """Returns the text of --help."""
    lines = [summary, "", f"usage: python {program} --flag=value ...", ""]
    for what, example in config_class.examples:
        lines += [f"  {what}", f"      python {program} {example}"]
    lines += [""]
    for field in dataclasses.fields(config_class):
        default = "" if field.default is None else f" Default: {field.default}."
        lines += [f"  --{field.name}", f"      {field.metadata['help']}{default}"]
    return "\n".join(lines)
