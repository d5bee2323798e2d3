"""The flags that all tasks share: actions, data and the pretrained model."""

import dataclasses
from typing import Optional

from finetune.config.flags import bool_flag, integer_flag, string_flag
from finetune.data.data_path import MAX_LINE_LENGTH, DataPath
from finetune.data.frame import MIN_LENGTH

MAX_SEED = 2**32 - 1
# Conditions under which a later run does not use the data that its model remembers.
_OTHER_DATA = ("data_dir", "do_check")
OTHER_FILES = ("data_dir", "dev_file", "predict_file")


@dataclasses.dataclass(frozen=True)
class DataFlags:
    """The flags for actions, data and the pretrained model."""

    # Actions.
    do_train: bool = bool_flag(False, "Train on the training file.", "training", common=True)
    do_eval: bool = bool_flag(False, "Score the model on the dev file.", "evaluation", common=True)
    do_predict: bool = bool_flag(
        False, "Write predictions for the test file.", "evaluation", common=True, per_command=True
    )
    do_embed: bool = bool_flag(
        False,
        "Write a vector for each text of the test file, to embeddings.npy. Needs no training: "
        "model_dir can be a pretrained model.",
        "evaluation",
        per_command=True,
    )
    do_check: bool = bool_flag(
        False,
        "Only check the data and print a report.",
        "data",
        common=True,
        excludes=("do_train", "do_eval", "do_predict", "do_embed"),
    )

    # Data.
    task_name: Optional[str] = string_flag(
        None,
        "Task: a name in PROCESSORS in processors.py.",
        "data",
        default_if="train_file|do_embed",
        common=True,
        identity=True,
        fixed=True,
        kept=True,
    )
    data_dir: Optional[str] = string_flag(
        None,
        "Folder with the data files. If it has a subfolder named after the task, that subfolder is "
        "used.",
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
        "File to predict, instead of the test file in data_dir. With -, texts are read from "
        "standard input, one per line; a pipe is read in the same way.",
        "data",
        common=True,
        split="test",
        is_path=True,
        per_command=True,
        requires=("do_predict|do_embed|do_check",),
    )
    encoding: Optional[str] = string_flag(
        None,
        "Encoding of the data files, for example latin-1 or utf-16.",
        "data",
        default_if_unset=DataPath.encoding,
        kept=True,
        kept_unless=OTHER_FILES,
    )
    max_line_length: Optional[int] = integer_flag(
        None,
        "Maximum number of characters in a line or cell of the data files. A longer one is an "
        "error, except in JSON files of questions, which often have one line.",
        "data",
        default_if_unset=MAX_LINE_LENGTH,
        kept=True,
        kept_unless=OTHER_FILES,
        lower_bound=1,
        upper_bound=2**30,
    )
    split: Optional[str] = string_flag(
        None,
        "Split the training data into train, dev and test in these proportions, for example "
        "70:15:15.",
        "data",
        common=True,
        kept=True,
        kept_unless=(*_OTHER_DATA, "dev_file", "num_folds"),
        as_trained=True,
        excludes=("num_folds",),
    )
    split_seed: Optional[int] = integer_flag(
        None,
        "Seed for assigning rows to parts (--split) or folds (--num_folds).",
        "data",
        default_if_unset=0,
        kept=True,
        kept_unless=(*_OTHER_DATA, "dev_file", "num_folds"),
        as_trained=True,
        requires=("split|num_folds",),
        lower_bound=0,
        upper_bound=MAX_SEED,
    )

    max_train_rows: Optional[int] = integer_flag(
        None,
        "Maximum number of training rows; if there are more, they are chosen at random (--seed).",
        "data",
        identity=True,
        lower_bound=1,
    )

    # Model.
    model_dir: Optional[str] = string_flag(
        None,
        "Folder of a pretrained model; `python prepare_model.py` installs one in model_dir/. "
        "Replaces vocab_file, bert_config_file and init_checkpoint, which override it.",
        "model",
        common=True,
        is_path=True,
    )
    vocab_file: Optional[str] = string_flag(
        None,
        "Vocabulary file, for example model_dir/vocab.txt.",
        "model",
        common=True,
        is_path=True,
        kept=True,
    )
    bert_config_file: Optional[str] = string_flag(
        None,
        "Configuration file of the model, for example model_dir/bert_config.json.",
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
        "Lower-case the text and strip accents.",
        "model",
        default_text="as in the model's pretraining",
        identity=True,
        fixed=True,
    )
    preserve_unused_tokens: Optional[bool] = bool_flag(
        None,
        "Do not split words such as [unused7] that are in the vocabulary.",
        "model",
        default_if_unset=False,
        identity=True,
        fixed=True,
        kept=True,
    )
    max_seq_length: Optional[int] = integer_flag(
        None,
        "Maximum input length in wordpieces, including [CLS] and [SEP].",
        "model",
        default_if_unset=128,
        common=True,
        identity=True,
        kept=True,
        lower_bound=MIN_LENGTH,
    )
    doc_stride: Optional[int] = integer_flag(
        None,
        "Number of wordpieces from the start of one window of a long text to the start of the "
        "next.",
        "model",
        default_text="half a window",
        identity=True,
        kept=True,
        kept_unless=("max_seq_length",),
        lower_bound=1,
    )
