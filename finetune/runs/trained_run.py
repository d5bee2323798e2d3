"""The run of a trained model that predicts, for programs and exports instead of a script."""

from typing import Any, Dict, Type

from absl import flags as absl_flags

from finetune.config.command_line import declare_flags, parse_flags
from finetune.output import run_record
from finetune.runs.output_dir import not_trained
from finetune.runs.resolve import ProcessorClasses, Run, resolve
from finetune.tasks.classification.task import Classification
from finetune.tasks.question_answering.task import QuestionAnswering
from finetune.tasks.tagging.task import Tagging
from finetune.tasks.task import Task
from finetune.util.errors import InputError, UsageError
from finetune.util.files import user_path_errors

_TASKS = (Classification, Tagging, QuestionAnswering)


def trained_run(output_dir: str, processor_classes: ProcessorClasses, **flags: Any) -> Run:
    """Returns the run that predicts with the model in an output directory.

    Args:
      output_dir: The output directory of a training run.
      processor_classes: `PROCESSORS` from processors.py.
      flags: Flags of the script that trained the model.

    Raises:
      InputError: The directory contains no trained model, or its files are damaged.
      UsageError: A flag is unknown, or contradicts the trained model.
    """
    task_class = _task_class_of(output_dir, processor_classes)
    return predicting_run(output_dir, task_class, processor_classes, **flags)


def predicting_run(
    output_dir: str, task_class: Type[Task], processor_classes: ProcessorClasses, **flags: Any
) -> Run:
    """Returns a run of a task that predicts; see `trained_run`."""
    given: Dict[str, Any] = {"do_predict": True, "predict_file": "-", "output_dir": output_dir}
    config_class = task_class.config_class
    for name in flags:
        if name not in config_class.__dataclass_fields__ or name in given:
            raise UsageError(
                f"{name} is not a flag for prediction; expected one that {task_class.script} "
                "accepts with --do_predict."
            )
    # Parsed as on a command line, so that values are checked in the same way
    argv = [task_class.script, *(_argument(*flag) for flag in {**given, **flags}.items())]
    flag_values = absl_flags.FlagValues()
    declare_flags(config_class, flag_values)
    try:
        config = parse_flags(argv, config_class, flag_values)
    except absl_flags.Error as error:
        raise UsageError(f"{error}.") from None
    with user_path_errors(config.paths):
        return resolve(config, task_class, processor_classes)


def _argument(name: str, value: Any) -> str:
    if isinstance(value, (list, tuple)):
        value = ",".join(map(str, value))
    return f"--{name}={value}"


def _task_class_of(output_dir: str, processor_classes: ProcessorClasses) -> Type[Task]:
    """Returns the task of the script that trained the model in a directory."""
    record = run_record.load(output_dir)
    if record is None:
        raise InputError(not_trained(output_dir))
    name = record.settings.get("task_name")
    processor = processor_classes.get(str(name))
    for task_class in _TASKS:
        if processor is not None and task_class.takes(processor):
            return task_class
    raise InputError(
        f"{output_dir}: the model was trained with --task_name={name}, which is not one of "
        f"{', '.join(processor_classes)} (PROCESSORS in processors.py)."
    )
