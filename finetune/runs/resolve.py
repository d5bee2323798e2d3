"""From flags to a run: what the flags, the trained model and the training file together determine.

Nothing is trained or written here. The result is a `Run`, on which the actions work: see train.py,
evaluate.py, predict.py and check.py.
"""

import dataclasses
import difflib
import glob
import os
import tempfile
from typing import Dict, Mapping, Optional, Sequence, Tuple, Type

import tokenization
from finetune.config.config import Config
from finetune.config.flags import names as flag_names
from finetune.data.processor import DataProcessor
from finetune.models import pretrained
from finetune.models.pretrained import Pretrained
from finetune.output import files, run_record, training_checkpoints
from finetune.output.run_record import RunRecord
from finetune.tasks.data_set import DataSet, Fold
from finetune.tasks.task import Processors, Task
from finetune.training import parameter_groups
from finetune.training.session import check_precision
from finetune.util.errors import InputError, UsageError

ProcessorClasses = Mapping[str, Type[DataProcessor]]  # PROCESSORS of processors.py

_DEFAULTS = {"max_seq_length": 128, "preserve_unused_tokens": False}


@dataclasses.dataclass(frozen=True)
class Run:
    """One run, with nothing left open except the labels, which need the data.

    Attributes:
      config: The configuration, with what the trained model remembers and with defaults.
      task_class: The script's task.
      processors: Read the data.
      model: The pretrained model's vocabulary and configuration.
      data: The examples.
      record: The record of the trained model that the run continues or uses, if any.
      starts_over: Whether a training discards what is in the output directory.
      selects_by_dev: Whether scores of the dev file select a model.
      warnings: What is odd about the training file, for the data report.
    """

    config: Config
    task_class: Type[Task]
    processors: Processors
    model: Pretrained
    data: DataSet
    record: Optional[RunRecord]
    starts_over: bool
    selects_by_dev: bool
    warnings: Sequence[str]

    @property
    def output_dir(self) -> str:
        """The output directory; "" only in a check of the data."""
        return self.config.output_dir or ""

    @property
    def previous(self) -> Optional[RunRecord]:
        """The record of the training in the output directory, unless it is discarded."""
        return None if self.starts_over else self.record

    @property
    def pad_to(self) -> Optional[int]:
        """The length to which all rows are padded; None: that of the longest row in a batch."""
        return self.config.max_seq_length if self.config.use_xla else None


def resolve(
    config: Config,
    task_class: Type[Task],
    processor_classes: ProcessorClasses,
    *,
    fold: Optional[Fold] = None,
    is_trial: bool = False,
) -> Run:
    """Resolves a configuration.

    Args:
      config: What the command line says.
      task_class: The script's task.
      processor_classes: The data set classes, by task name.
      fold: For one training of a cross-validation.
      is_trial: Whether this is one of several trainings among which the dev file selects.

    Raises:
      InputError: A flag or a file is wrong; the message says where and what to do.
    """
    starts_over = config.do_train and config.overwrite_output_dir
    if not config.do_check:
        check_precision(config.use_bf16, config.use_fp16)
    if config.output_dir:
        check_output_dir(config, starts_over)
    record, model_folder = _find_record(config, starts_over)
    config = _fill_in(config, record, task_class)
    processor = _find_processor(config.require("task_name"), task_class, processor_classes)
    if record is not None and not config.learns_labels:
        record.check_same_head(config, task_class.other_script)
    config = dataclasses.replace(config, data_dir=_data_dir_of(config))
    resolved = task_class.resolve(config, processor, config.data_dir or "")
    config = resolved.config
    config.check_resolved()
    model = _load_model(config, record)
    data = DataSet(config, task_class, resolved.processors, model_folder=model_folder, fold=fold)
    return Run(
        config=config,
        task_class=task_class,
        processors=resolved.processors,
        model=model,
        data=data,
        record=record,
        starts_over=starts_over,
        selects_by_dev=is_trial or bool(config.eval_every),
        warnings=resolved.warnings,
    )


def _find_record(config: Config, starts_over: bool) -> Tuple[Optional[RunRecord], str]:
    """Returns the record of the trained model, and its folder.

    The model is in the output directory, or where --init_checkpoint is. A training that starts over
    looks at neither.
    """
    output_dir = config.output_dir or ""
    record = run_record.load(output_dir) if output_dir and not starts_over else None
    if config.do_train and not starts_over and not files.is_discarded(output_dir):
        record = record if training_checkpoints.latest(output_dir) else None
    if record is None and config.init_checkpoint and not config.learns_labels:
        folder = os.path.dirname(config.init_checkpoint)
        return run_record.load(folder), folder
    return record, output_dir


def _fill_in(config: Config, record: Optional[RunRecord], task_class: Type[Task]) -> Config:
    """Returns the configuration with what the trained model remembers, and with defaults."""
    _check_split(config, record)
    remembered = config.remembered(record.settings) if record else {}
    config = config.filled_from(remembered).filled_from(_DEFAULTS)
    if record is None and not config.learns_labels and not config.init_checkpoint:
        raise InputError(no_trained_model(config.output_dir or ""))
    if config.train_file:
        config = config.filled_from({"task_name": task_class.default_name})
    return config


def _check_split(config: Config, record: Optional[RunRecord]) -> None:
    """Raises `UsageError` if a trained model is asked for a --split that is not its own."""
    if not config.split or config.learns_labels:
        return
    trained = record.settings.get("split") if record else None
    if config.split != trained:
        raise UsageError(
            f"--split={config.split}: the model was trained "
            f"{f'with {trained}' if trained else 'without'}. Omit the flag."
        )


def _find_processor(
    task_name: str, task_class: Type[Task], processor_classes: ProcessorClasses
) -> Type[DataProcessor]:
    """Returns the data set class of a task; raises `UsageError` if the script has no such task."""
    ours: Dict[str, Type[DataProcessor]] = {
        name: processor
        for name, processor in processor_classes.items()
        if task_class.takes(processor)
    }
    for name in (task_name, task_name.lower()):
        if name in ours:
            return ours[name]
        if name in processor_classes:
            raise UsageError(
                f"--task_name={task_name} is not a task of this script, whose tasks are "
                f"{', '.join(ours)}. Use {task_class.other_script} for it."
            )
    near = difflib.get_close_matches(task_name.lower(), ours, n=1)
    raise UsageError(
        f"--task_name={task_name}: no such task"
        + (f"; did you mean {near[0]}?" if near else ".")
        + f" Known tasks: {', '.join(ours)} (PROCESSORS in processors.py)."
    )


def _data_dir_of(config: Config) -> Optional[str]:
    """Returns the folder of the data, which may be the subfolder of --data_dir for the task."""
    data_dir = config.data_dir
    if not data_dir or not (config.needs_data_dir or os.path.isdir(data_dir)):
        return None
    if os.path.exists(data_dir) and not os.path.isdir(data_dir):
        raise InputError(
            f"--data_dir={data_dir} is a file; expected a folder of data files. To use a single "
            "file, give --train_file (with --split)."
        )
    if not os.path.isdir(data_dir):
        raise InputError(f"--data_dir={data_dir} does not exist; expected a folder of data files.")
    for name in (config.task_name or "", (config.task_name or "").lower()):
        if os.path.isdir(os.path.join(data_dir, name)):
            return os.path.join(data_dir, name)
    return data_dir


def _load_model(config: Config, record: Optional[RunRecord]) -> Pretrained:
    """Loads the pretrained model's small files, and checks that the flags fit it."""
    tokenization.FLAGS["preserve_unused_tokens"].value = config.preserve_unused_tokens
    model = pretrained.load(
        config.require("vocab_file"), config.require("bert_config_file"), config.do_lower_case
    )
    parameter_groups.frozen(config, model.bert_config.num_hidden_layers)
    positions = model.bert_config.max_position_embeddings
    if config.max_seq_length > positions:
        raise InputError(
            f"--max_seq_length={config.max_seq_length}: the model has positions for at most "
            f"{positions} wordpieces."
        )
    if record is not None and not config.learns_labels:
        record.check_same_model(model)
        record.log_other_length(config)
    return model


def check_output_dir(config: Config, starts_over: bool) -> None:
    """Raises `InputError` if a path cannot be an output directory, or holds what a run needs."""
    output_dir = os.path.realpath(config.output_dir or "")
    if glob.has_magic(output_dir):
        raise InputError(
            f"--output_dir={config.output_dir}: TensorFlow reads *, ?, [ and ] in a checkpoint's "
            "path as patterns. Give a path without them."
        )
    if os.path.exists(output_dir) and not os.path.isdir(output_dir):
        raise InputError(f"--output_dir={config.output_dir} is a file; expected a folder.")
    removed = files.outputs(output_dir) if starts_over else []
    for name in flag_names(type(config), lambda flag: flag.is_path):
        path = os.path.realpath(getattr(config, name) or "-")
        # A checkpoint is named by the prefix of its files; split/ is a folder.
        folders = {os.path.dirname(p) for p in removed} - {output_dir}
        if path in {*removed, *folders} or any(p.startswith(path + ".") for p in removed):
            raise InputError(
                f"--overwrite_output_dir=true would delete --{name}={getattr(config, name)}, which "
                "this run needs. Give another --output_dir."
            )


def make_output_dir(output_dir: str) -> None:
    """Creates the output directory if missing; raises `InputError` if it is not writable."""
    try:
        os.makedirs(output_dir, exist_ok=True)
        tempfile.TemporaryFile(dir=output_dir).close()
    except OSError as error:
        raise InputError(
            f"--output_dir={output_dir} is not writable: {error.strerror}. Give another folder."
        ) from error


def no_trained_model(output_dir: str) -> str:
    """Returns the message for a folder that lacks the trained model it should contain."""
    found = "contains no trained model" if os.path.isdir(output_dir) else "does not exist"
    return (
        f"--output_dir={output_dir} {found}; expected the folder of a finished training. Give that "
        "folder, train first (--do_train=true), or give a fine-tuned --init_checkpoint."
    )
