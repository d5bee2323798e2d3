"""Resolve the flags, together with the trained model and the training file, into a `Run`.

Nothing is trained or written here. train.py, evaluate.py, predict.py and check.py use the `Run`.
"""

import dataclasses
import difflib
import os
from typing import Callable, Dict, Mapping, Optional, Sequence, Tuple, Type

import tokenization
from finetune.config.config import Config
from finetune.data.processor import DataProcessor
from finetune.models import names as model_names
from finetune.models import pretrained
from finetune.models.pretrained import Pretrained
from finetune.output import best_model, names
from finetune.output.run_record import RunRecord
from finetune.runs import trained_model
from finetune.runs.output_dir import check_output_dir
from finetune.runs.trained_model import TrainedModel
from finetune.tasks.data_set import DataSet, Fold
from finetune.tasks.task import Processors, Resolved, Task
from finetune.training import parameter_groups
from finetune.training.cluster import Cluster
from finetune.training.distribution import check_devices
from finetune.training.session import check_precision, enable_xla_on_cpus
from finetune.training.size_defaults import with_size_defaults
from finetune.util.errors import InputError, UsageError
from finetune.util.files import user_path_errors

ProcessorClasses = Mapping[str, Type[DataProcessor]]  # PROCESSORS of processors.py


@dataclasses.dataclass(frozen=True)
class Run:
    """One run: everything is resolved except the labels, which need the data.

    Attributes:
      config: The configuration, completed with the trained model's settings and with defaults.
      task_class: The script's task.
      processors: The processors that read the data.
      model: The pretrained model's vocabulary and configuration.
      data: The examples.
      trained: The trained model that the run resumes or uses, if any.
      starts_over: Whether a training run discards the contents of the output directory.
      is_trial: Whether this is one of several training runs, the best of which is kept.
      is_part: Whether the command has other training runs.
      warnings: Warnings about the training file, for the data report.
      cluster: The processes that train together; None if there is only this one.
      publish: Writes what has changed in the output directory to the place that it is a copy of.
    """

    config: Config
    task_class: Type[Task]
    processors: Processors
    model: Pretrained
    data: DataSet
    trained: TrainedModel
    starts_over: bool
    is_trial: bool
    is_part: bool
    warnings: Sequence[str]
    cluster: Optional[Cluster] = None
    publish: Callable[[], None] = lambda: None

    @property
    def record(self) -> Optional[RunRecord]:
        """The record of the trained model, if any."""
        return self.trained.record

    @property
    def output_dir(self) -> str:
        """The output directory; "" if a check of the data writes nothing."""
        return self.config.output_dir

    def with_size_defaults(self, num_rows: int) -> "Run":
        """Returns the run with the defaults that follow the number of training rows."""
        hidden_size = self.model.bert_config.hidden_size
        return dataclasses.replace(
            self, config=with_size_defaults(self.config, hidden_size, num_rows)
        )

    @property
    def selects_by_dev(self) -> bool:
        """Whether scores on the dev file select the best model."""
        return self.is_trial or bool(self.config.eval_every)

    @property
    def previous(self) -> Optional[RunRecord]:
        """The record of the training run in the output directory; None if that run is discarded."""
        return None if self.starts_over else self.record

    @property
    def max_seq_length(self) -> int:
        """The maximum input length in wordpieces."""
        return self.config.require("max_seq_length")

    @property
    def pad_to(self) -> Optional[int]:
        """The length to which all rows are padded; None to pad to the longest row of a batch."""
        return self.max_seq_length if self.config.use_xla else None


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
      config: The command's flags.
      task_class: The script's task.
      processor_classes: The data set classes, by task name.
      fold: The fold, if this is one of the training runs of a cross-validation.
      is_trial: Whether this is one of several training runs, the best of which is kept.

    Raises:
      InputError: A flag or a file is wrong; the message says where and what to do.
    """
    starts_over = config.do_train and config.overwrite_output_dir
    config = _with_files_of_model(config)
    if config.use_xla:
        enable_xla_on_cpus()
    if not config.do_check:
        check_precision(config.use_bf16, config.use_fp16)
    if config.do_train:
        check_devices(config)
    if config.output_dir:
        check_output_dir(config, starts_over)
    trained = trained_model.find(config, task_class, starts_over)
    with trained.named_in_errors(type(config)):
        config = trained.filled_in(config)
        config.check_required()
        if trained.record is not None and not config.learns_labels:
            name = str(trained.record.settings.get("task_name"))
            trained.record.check_same_head(config, _script_of(name, processor_classes))
        resolved, model = _resolve_task(config, task_class, processor_classes, trained)
    processors, folder = resolved.processors, trained.folder
    return Run(
        config=resolved.config,
        task_class=task_class,
        processors=processors,
        model=model,
        data=DataSet(resolved.config, task_class, processors, model_folder=folder, fold=fold),
        trained=trained,
        starts_over=starts_over,
        is_trial=is_trial,
        is_part=is_trial or fold is not None,
        warnings=resolved.warnings,
    )


def _resolve_task(
    config: Config,
    task_class: Type[Task],
    processor_classes: ProcessorClasses,
    trained: TrainedModel,
) -> Tuple[Resolved, Pretrained]:
    """Returns what the task makes of the configuration, and the pretrained model."""
    processor = find_processor(config.task_name or "", task_class, processor_classes)
    with user_path_errors(config.paths):  # Includes the paths that the model remembers.
        config = dataclasses.replace(config, data_dir=_data_dir_of(config))
        resolved = task_class.resolve(config, processor, config.data_dir or "", trained.settings)
        resolved.config.check_resolved()
        return resolved, _load_model(resolved.config, trained.record)


def _with_files_of_model(config: Config) -> Config:
    """Returns the configuration with the flags for which --model_dir stands.

    Raises:
      UsageError: The folder does not exist.
    """
    folder = config.model_dir
    if not folder:
        return config
    if not os.path.isdir(folder):
        raise UsageError(
            f"--model_dir={folder} is not a folder; expected that of a pretrained model. `python "
            "prepare_model.py` installs one in model_dir/."
        )
    return config.filled_from(
        {
            "vocab_file": pretrained.vocabulary_in(folder),
            "bert_config_file": os.path.join(folder, model_names.BERT_CONFIG),
            "init_checkpoint": _checkpoint_in(folder),
        }
    )


def _checkpoint_in(folder: str) -> str:
    """Returns the checkpoint of a pretrained model's folder, or of an output directory."""
    checkpoint = os.path.join(folder, model_names.CHECKPOINT)
    if os.path.exists(checkpoint + ".index"):
        return checkpoint
    return best_model.usable_checkpoint(folder) or checkpoint


def find_processor(
    task_name: str, task_class: Type[Task], processor_classes: ProcessorClasses
) -> Type[DataProcessor]:
    """Returns the data set class of a task.

    Raises:
      InputError: `processor_classes` contains an object other than a subclass of `DataProcessor`.
      UsageError: The script has no such task.
    """
    for name, processor in processor_classes.items():
        if not (isinstance(processor, type) and issubclass(processor, DataProcessor)):
            raise InputError(
                f"PROCESSORS[{name!r}] in processors.py is {processor!r:.80}; expected a subclass "
                "of DataProcessor."
            )
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
                f"{', '.join(ours)}. Use {_script_of(name, processor_classes)} for it."
            )
    near = difflib.get_close_matches(task_name.lower(), ours, n=1)
    raise UsageError(
        f"--task_name={task_name}: no such task"
        + (f"; did you mean {near[0]}?" if near else ".")
        + f" Known tasks: {', '.join(ours)} (PROCESSORS in processors.py)."
    )


def _script_of(task_name: str, processor_classes: ProcessorClasses) -> str:
    """Returns the script of a task."""
    processor = processor_classes.get(task_name)
    return "another script" if processor is None else processor.script


def _data_dir_of(config: Config) -> Optional[str]:
    """Returns the folder with the data files: --data_dir, or its subfolder for the task."""
    data_dir = config.data_dir
    if not data_dir or not (config.needs_data_dir or os.path.isdir(data_dir)):
        return None
    if os.path.exists(data_dir) and not os.path.isdir(data_dir):
        raise InputError(
            f"--data_dir={data_dir} is a file; expected a folder of data files. To use a single "
            "file, set --train_file (and --split)."
        )
    if not os.path.isdir(data_dir):
        raise InputError(f"--data_dir={data_dir} does not exist; expected a folder of data files.")
    for name in (config.task_name or "", (config.task_name or "").lower()):
        folder = os.path.join(data_dir, name)
        # An output directory inside --data_dir can have the task's name, too.
        if os.path.isdir(folder) and not os.path.exists(os.path.join(folder, names.RECORD)):
            return folder
    return data_dir


def _load_model(config: Config, record: Optional[RunRecord]) -> Pretrained:
    """Loads the pretrained model's vocabulary and configuration, and checks flags against it."""
    tokenization.FLAGS["preserve_unused_tokens"].value = config.preserve_unused_tokens
    model = pretrained.load(
        config.vocab_file or "", config.bert_config_file or "", config.do_lower_case
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
