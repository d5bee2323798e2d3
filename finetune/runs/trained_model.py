"""Find the trained model that a run uses, and fill in the settings that it remembers."""

import contextlib
import dataclasses
import functools
import os
import re
from typing import Iterator, Mapping, Optional, Type

from finetune.config.config import Config
from finetune.config.flags import UNSET, FlagValue, flag_of
from finetune.config.flags import names as flag_names
from finetune.output import files, names, run_record, training_checkpoints
from finetune.output.run_record import RunRecord
from finetune.runs.output_dir import no_trained_model
from finetune.tasks.task import Task
from finetune.util.errors import InputError, UsageError
from finetune.util.json_files import shown

# run.json names the model's files where training read them; later runs use copies.
_COPIED = ("vocab_file", "bert_config_file")

# Words in messages about columns that the model remembers.
_SAYS_SO = ("of the training file", "the model was trained")


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """The trained model that a run resumes or uses.

    Attributes:
      record: Its record; None if there is no such model.
      folder: Its folder.
      settings: The settings that it remembers, and that the command omits, by flag.
    """

    record: Optional[RunRecord]
    folder: str
    settings: Mapping[str, FlagValue] = dataclasses.field(default_factory=dict)

    def filled_in(self, config: Config) -> Config:
        """Returns the configuration with the remembered settings, and with the task's name.

        Raises:
          InputError: The run needs a trained model, but there is none.
          UsageError: A flag that must be as in training has a different value.
        """
        _check_as_trained(config, self.record)
        config = config.filled_from(self.settings)
        if self.record is None and not config.learns_labels and not config.init_checkpoint:
            other = " For vectors, a pretrained model is enough: set --model_dir."
            message = no_trained_model(config.output_dir)
            raise InputError(message + (other if config.only_embeds else ""))
        return config.filled_from({"task_name": config.value_of("task_name")})

    @contextlib.contextmanager
    def named_in_errors(self, config_class: Type[Config]) -> Iterator[None]:
        """Names run.json in errors about a flag whose value the model remembers."""
        try:
            yield
        except InputError as error:
            message = self._message_about(str(error), config_class)
            if message is None:
                raise
            is_note = message.startswith(str(error))  # The error itself is the same.
            raise (type(error) if is_note else InputError)(message) from error

    def _message_about(self, message: str, config_class: Type[Config]) -> Optional[str]:
        """Returns an error message that names run.json; None if it is about no remembered flag.

        If a message begins with a flag, the flag is wrong. If it mentions one elsewhere, something
        else may be wrong.
        """
        path = os.path.join(self.folder, names.RECORD)
        settings = {name: v for name, v in self.settings.items() if name not in _COPIED}
        first = re.match(r"--(\w+)", message)
        if first and first[1] in settings:
            name, value = first[1], settings[first[1]]
            reason = _reason(message, name, value)
            return (
                f"{path}: settings.{name} is {shown(value)}, which the model remembers from its "
                f"training: {reason} {_remedy(name, reason, config_class)}"
            )
        if any(phrase in message for phrase in _SAYS_SO):
            return None
        mentioned = re.findall(r"--(\w+)(?:=([^\s:;,)]+))?", message)
        notes = {
            f"--{name}={_as_flag(settings[name])} (settings.{name} in {path})": None
            for name, value in mentioned
            if name in settings and value.rstrip(".") in ("", _as_flag(settings[name]))
        }
        return f"{message} The model remembers {' and '.join(notes)}." if notes else None


def _as_flag(value: FlagValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list) else str(value)


def _reason(message: str, name: str, value: FlagValue) -> str:
    """Returns an error message without the flag that it begins with, if a colon follows it."""
    given = f"--{name}={_as_flag(value)}: "
    if message.startswith(given):
        return message[len(given) :]
    return re.sub(rf"^--{name}(=\S+)?: ", "", message)


def _remedy(name: str, reason: str, config_class: Type[Config]) -> str:
    flag = flag_of(config_class.__dataclass_fields__[name])
    is_contradiction = reason.startswith("--")  # Between two flags
    is_open = not (flag.as_trained or flag.head or is_contradiction)
    return (f"Specify --{name}, or retrain" if is_open else "Retrain") + (
        " with --overwrite_output_dir=true."
    )


def _check_as_trained(config: Config, record: Optional[RunRecord]) -> None:
    """Raises `UsageError` if a flag that must be as in training has a different value."""
    if config.learns_labels:
        return
    for name in flag_names(type(config), lambda flag: flag.as_trained):
        now = getattr(config, name)
        trained = record.settings.get(name) if record else None
        if now not in UNSET and now != (config.default_of(name) if trained is None else trained):
            raise UsageError(
                f"--{name}={now}: the model was trained "
                f"{'without it' if trained is None else f'with {trained}'}. Omit the flag."
            )


def find(config: Config, task_class: Type[Task], starts_over: bool) -> TrainedModel:
    """Finds the trained model: in the output directory, or in the folder of --init_checkpoint.

    A training run that starts over uses neither.
    """
    load = functools.partial(
        run_record.load, config_class=type(config), facts_class=task_class.facts_class
    )
    folder = config.output_dir
    record = load(folder) if folder and not starts_over else None
    if config.do_train and not starts_over and not files.is_discarded(folder):
        record = record if training_checkpoints.latest(folder) else None
    if record is None and config.init_checkpoint and not config.learns_labels:
        folder = os.path.dirname(config.init_checkpoint)
        record = load(folder)
    remembered = config.remembered(record.settings) if record else {}
    omitted = {name: v for name, v in remembered.items() if getattr(config, name) is None}
    return TrainedModel(record, folder, omitted)
