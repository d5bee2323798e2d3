"""What a run is made of, from its flags and from what the output directory keeps; with checks."""

import difflib
import glob
import os
import tempfile
from typing import Optional, Tuple, Type

from finetune import checkpoints, parameter_groups, pretrained, run_record
from finetune.config import Config, UsageError
from finetune.data_set import DATA_FLAGS
from finetune.sources import own_errors
from finetune.tasks import Task
from processors import PROCESSORS, DataProcessor


def record_of(config: Config, anew: bool) -> Tuple[Optional[run_record.RunRecord], str]:
    """Returns what was trained, in the output directory or where --init_checkpoint is; and where.

    A training anew looks at neither.
    """
    output_dir = config.output_dir or ""
    record = run_record.load(output_dir) if output_dir and not anew else None
    if config.do_train and not anew and not run_record.is_discarded(output_dir):
        record = record if checkpoints.latest(output_dir) else None
    if record is None and config.init_checkpoint and not config.begins:
        folder = os.path.dirname(config.init_checkpoint)
        return run_record.load(folder), folder
    return record, output_dir


def with_settings(
    config: Config, record: Optional[run_record.RunRecord], task_class: Type[Task]
) -> Config:
    """Returns the configuration with what a trained model keeps, and with defaults for the rest."""
    saved = task_class.lasting(dict(record.settings), config) if record else {}
    saved.pop("init_checkpoint", None)  # Not what to start from now, but what it started from.
    saved.pop("do_lower_case", None)  # Known from tokenizer_config.json beside the vocabulary.
    defaults = {"max_seq_length": 128, "preserve_unused_tokens": False}
    return config.filled_from(saved).filled_from(defaults)


def make_processor(task_name: str, task_class: Type[Task]) -> DataProcessor:
    """Returns the processor of a task; raises `UsageError` if the script has no such task."""
    ours = [name for name, processor in PROCESSORS.items() if task_class.takes(processor)]
    for name in (task_name, task_name.lower()):
        if name in ours:
            with own_errors(PROCESSORS[name]):
                return PROCESSORS[name]()
        if name in PROCESSORS:
            raise UsageError(
                f"--task_name={task_name} is not a task of this script; its own are "
                f"{', '.join(ours)}. {task_class.other_script} has the others."
            )
    near = difflib.get_close_matches(task_name.lower(), ours, n=1)
    raise UsageError(
        f"--task_name={task_name}: no such task"
        + (f"; did you mean {near[0]}?" if near else ".")
        + f" Known are {', '.join(ours)} (PROCESSORS in processors.py)."
    )


def data_dir_of(config: Config) -> Optional[str]:
    """Returns the folder of the data, which may be one of the task's name in --data_dir."""
    data_dir = config.data_dir
    if not data_dir or not (config.reads_data_dir() or os.path.isdir(data_dir)):
        return None
    if not os.path.isdir(data_dir):
        hint = ""
        if os.path.exists(data_dir):
            found, hint = "is a file", " A single file is named by --train_file (with --split)."
        else:
            found = "is not there"
        raise ValueError(f"--data_dir={data_dir} {found}; expected a folder of data files.{hint}")
    for name in (config.task_name, config.task_name.lower()):
        if os.path.isdir(os.path.join(data_dir, name)):
            return os.path.join(data_dir, name)
    return data_dir


def refuse_other_split(config: Config, record: Optional[run_record.RunRecord]) -> None:
    """Raises `UsageError` if a trained model is asked for a --split that is not its own."""
    if not config.split or config.begins:
        return
    trained = record.settings.get("split") if record else None
    if config.split != trained:
        raise UsageError(
            f"--split={config.split}: the model was trained "
            f"{f'with {trained}' if trained else 'without'}. Leave the flag out."
        )


def check_size(config: Config, model: pretrained.Pretrained) -> None:
    """Raises `ValueError` if inputs, or layers to be frozen, are more than the model has."""
    parameter_groups.frozen(config, model.bert_config.num_hidden_layers)
    positions = model.bert_config.max_position_embeddings
    if config.max_seq_length > positions:
        raise ValueError(
            f"--max_seq_length={config.max_seq_length}: the model has positions for {positions} "
            "wordpieces at the most."
        )


def check_output_dir(config: Config, anew: bool) -> None:
    """Raises `ValueError` if a path is no output directory, or has what a training needs."""
    output_dir = os.path.realpath(config.output_dir)
    if glob.has_magic(output_dir):
        raise ValueError(
            f"--output_dir={config.output_dir}: TensorFlow takes *, ?, [ and ] in a checkpoint's "
            "path for patterns. Give a path without them."
        )
    if os.path.exists(output_dir) and not os.path.isdir(output_dir):
        raise ValueError(f"--output_dir={config.output_dir} is a file; expected a folder.")
    removed = run_record.outputs(output_dir) if anew else []
    for name in ("init_checkpoint", "vocab_file", "bert_config_file", "data_dir", *DATA_FLAGS):
        path = os.path.realpath(getattr(config, name) or "-")
        # A checkpoint is given by what its files' names begin with; split/ is a folder.
        folders = {os.path.dirname(p) for p in removed} - {output_dir}
        if path in {*removed, *folders} or any(p.startswith(path + ".") for p in removed):
            raise ValueError(
                f"--overwrite_output_dir=true would remove --{name}={getattr(config, name)}, which "
                "this run needs. Give another --output_dir."
            )


def refuse_unwritable(output_dir: str) -> None:
    """Makes the output directory if need be; raises `ValueError` if no file can be made in it."""
    try:
        os.makedirs(output_dir, exist_ok=True)
        tempfile.TemporaryFile(dir=output_dir).close()
    except OSError as error:
        raise ValueError(
            f"--output_dir={output_dir} cannot be written: {error.strerror}. Give another folder."
        ) from error


def no_trained_model(output_dir: str) -> str:
    """Returns, in words, that there is no trained model where one is needed."""
    found = "holds no trained model" if os.path.isdir(output_dir) else "is not there"
    return (
        f"--output_dir={output_dir} {found}; expected the folder of a finished training. Give that "
        "folder, train first (--do_train=true), or give a fine-tuned --init_checkpoint."
    )
