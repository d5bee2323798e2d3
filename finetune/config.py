"""Every flag, declared once, and the frozen configuration that they become."""

import dataclasses
import functools
import math
from typing import Any, Callable, Dict, List, Optional, Sequence, Type

from absl import flags

from finetune.ner_readers import FORMS
from finetune.tagged_text import WORD_SPLITS
from finetune.tagging import LENIENT, SCHEMES

NER_HEADS = ("linear", "pooler")


def _flag(define: Callable, default: Any, help_text: str, **bounds: float) -> Any:
    metadata = {"define": define, "help": help_text, "bounds": bounds}
    return dataclasses.field(default=default, metadata=metadata)


def _string(default: Optional[str], help_text: str) -> Any:
    return _flag(flags.DEFINE_string, default, help_text)


def _bool(default: Optional[bool], help_text: str) -> Any:
    return _flag(flags.DEFINE_bool, default, help_text)


def _integer(default: Optional[int], help_text: str, **bounds: int) -> Any:
    return _flag(flags.DEFINE_integer, default, help_text, **bounds)


def _float(default: Optional[float], help_text: str, **bounds: float) -> Any:
    return _flag(flags.DEFINE_float, default, help_text, **bounds)


def _choice(default: Optional[str], values: Sequence[str], help_text: str) -> Any:
    define = functools.partial(flags.DEFINE_enum, enum_values=list(values), case_sensitive=False)
    return _flag(define, default, f"{help_text} One of {', '.join(values)}.")


@dataclasses.dataclass(frozen=True)
class Config:
    """What one run does, whatever its task.

    A None stands for what the output directory keeps of its training.
    """

    task_name: Optional[str] = _string(None, "Task: a name in PROCESSORS of processors.py.")
    data_dir: Optional[str] = _string(
        None, "Folder of the data files; its subfolder of the task's name is used if there is one."
    )
    output_dir: Optional[str] = _string(
        None, "Folder for checkpoints and results. It is made if need be."
    )
    vocab_file: Optional[str] = _string(None, "Vocabulary, such as model_dir/vocab.txt.")
    bert_config_file: Optional[str] = _string(
        None, "Configuration of the model, such as model_dir/bert_config.json."
    )
    init_checkpoint: Optional[str] = _string(
        None, "Checkpoint to start from, such as model_dir/bert_model.ckpt."
    )
    do_lower_case: Optional[bool] = _bool(
        None, "Lower-case the text and strip accents. Default: as the model was trained."
    )
    preserve_unused_tokens: Optional[bool] = _bool(
        None, "Keep a word such as [unused7] that is in the vocabulary whole. Default: false."
    )
    max_seq_length: Optional[int] = _integer(
        None, "Longest input in wordpieces, [CLS] and [SEP] included. Default: 128.", lower_bound=3
    )
    do_train: bool = _bool(False, "Train on the training file.")
    do_eval: bool = _bool(False, "Score the model on the dev file.")
    do_predict: bool = _bool(False, "Predict the test file.")
    train_batch_size: int = _integer(32, "Rows of a batch in training.", lower_bound=1)
    eval_batch_size: int = _integer(32, "Rows of a batch in evaluation.", lower_bound=1)
    predict_batch_size: int = _integer(32, "Rows of a batch in prediction.", lower_bound=1)
    learning_rate: float = _float(5e-5, "Peak learning rate of Adam.", lower_bound=0.0)
    num_train_epochs: float = _float(3.0, "Epochs: passes over the training data.", lower_bound=0.0)
    warmup_proportion: float = _float(
        0.1,
        "Share of the training, 0 to 1, in which the learning rate rises to its peak.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    adam_bias_correction: bool = _bool(
        True, "Bias correction in Adam, as Hugging Face has it. False: none, as Google's BERT."
    )
    save_checkpoints_steps: int = _integer(1000, "Steps between two checkpoints.", lower_bound=1)
    seed: int = _integer(42, "Seed of new weights, data order and dropout.", lower_bound=0)
    overwrite_output_dir: bool = _bool(
        False, "Remove an earlier training's files from output_dir and train anew."
    )
    debug: bool = _bool(False, "Show the whole traceback of an error.")

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"--{field.name}={value}: expected a finite number.")
        if self.num_train_epochs == 0:
            raise ValueError("--num_train_epochs=0: expected a number above 0.")
        if not (self.do_train or self.do_eval or self.do_predict):
            raise ValueError(
                "Nothing to do: give at least one of --do_train=true, --do_eval=true, "
                "--do_predict=true."
            )
        self.require("output_dir")
        if self.reads_data_dir():
            self.require("data_dir")

    def reads_data_dir(self) -> bool:
        """Returns whether the run needs the folder of data files."""
        return True

    def require(self, name: str) -> Any:
        """Returns the value of a flag, or raises `ValueError` if it is not given."""
        value = getattr(self, name)
        if value is None or value == "":
            field = type(self).__dataclass_fields__[name]
            raise ValueError(f"--{name} is missing. {field.metadata['help']}")
        return value

    def filled_from(self, settings: Dict[str, Any]) -> "Config":
        """Returns this configuration with what is None taken from saved settings."""
        missing = {
            field.name: settings[field.name]
            for field in dataclasses.fields(self)
            if getattr(self, field.name) is None and settings.get(field.name) is not None
        }
        return dataclasses.replace(self, **missing)


@dataclasses.dataclass(frozen=True)
class NerConfig(Config):
    """What one run of `run_ner.py` does."""

    data_form: Optional[str] = _choice(
        None,
        ("auto", *FORMS),
        "What the data files are. auto, the default: told from their names and what is in them.",
    )
    word_column: Optional[int] = _integer(
        None, "Column of the word in CoNLL data: 1 the first, -1 the last. Default: 1."
    )
    tag_column: Optional[int] = _integer(
        None, "Column of the tag in CoNLL data; 0: there is none. Default: -1, the last."
    )
    tag_scheme: str = _choice(
        "auto",
        ("auto", *SCHEMES, LENIENT),
        "Tag scheme of the data, checked. auto: recognised; lenient: not checked.",
    )
    word_split: Optional[str] = _choice(
        None,
        WORD_SPLITS,
        "How text without given words is cut into words. Default: as the labels of the training's "
        "texts.txt did; otherwise punctuation.",
    )
    doc_stride: Optional[int] = _integer(
        None,
        "Wordpieces from the beginning of one window of a long text to that of the next. "
        "Default: half of what fits into one.",
        lower_bound=1,
    )
    ner_head: Optional[str] = _choice(
        None,
        NER_HEADS,
        "What labels are read from. linear: BERT's output; pooler: the sequence-output pooler. "
        f"Default: {NER_HEADS[0]}.",
    )
    use_crf: Optional[bool] = _bool(
        None, "Put a linear-chain CRF in place of softmax. Default: false."
    )
    crf_learning_rate_factor: Optional[float] = _float(
        None,
        "The CRF's own weights have the learning rate times this. Default: 100.",
        lower_bound=0.0,
    )
    predict_file: Optional[str] = _string(
        None, "File to predict in place of the test file; - is standard input, a text a line."
    )

    def __post_init__(self):
        if self.data_dir is None and self.reads_data_dir() and not (self.do_train or self.do_eval):
            raise ValueError("--predict_file, or --data_dir with a test file, is missing.")
        super().__post_init__()
        if self.word_column == 0:
            raise ValueError(
                "--word_column=0: expected 1 for the first column, or -1 for the last."
            )
        if self.predict_file and not self.do_predict:
            raise ValueError("--predict_file is given without --do_predict=true.")

    def reads_data_dir(self) -> bool:
        return self.do_train or self.do_eval or not self.predict_file


def declare_flags(
    config_class: Type[Config] = Config, flag_values: flags.FlagValues = flags.FLAGS
) -> None:
    """Declares a flag for each field of a configuration; one declared goes back to its default."""
    for field in dataclasses.fields(config_class):
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
    rest = flag_values(argv)[1:]
    if rest:
        raise ValueError(
            f"Unexpected argument {rest[0]!r}. Flags are given as --name=value, such as "
            "--do_train=false."
        )
    given = {f.name: flag_values[f.name] for f in dataclasses.fields(config_class)}
    # By what is given, since tokenization.py declares one of them with a default of its own.
    return config_class(**{name: flag.value for name, flag in given.items() if flag.present})


def usage(program: str, summary: str, config_class: Type[Config] = Config) -> str:
    """Returns the text of --help."""
    lines = [summary, "", f"usage: python {program} --flag=value ...", ""]
    for field in dataclasses.fields(config_class):
        default = "" if field.default is None else f" Default: {field.default}."
        lines += [f"  --{field.name}", f"      {field.metadata['help']}{default}"]
    return "\n".join(lines)
