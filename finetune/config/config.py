"""The frozen configuration of the flags that all tasks share, and the checks of their values."""

import dataclasses
import math
from typing import Any, Callable, ClassVar, Dict, List, Mapping, Sequence, Tuple, TypeVar, Union

from finetune.config.conditions import holds, rules_out, unmet_requirements
from finetune.config.data_flags import MAX_SEED, DataFlags
from finetune.config.flags import (
    UNSET,
    Flag,
    FlagValue,
    flag_of,
    is_set,
    names,
)
from finetune.config.output_flags import OutputFlags
from finetune.config.training_flags import TrainingFlags
from finetune.data.data_path import STANDARD_INPUT, DataPath
from finetune.data.splitting import parse_shares
from finetune.util.errors import UsageError

_OF_MODEL_DIR = ("vocab_file", "bert_config_file")  # The flags without which no run is possible
EPOCH = "epoch"  # A value of --eval_every
AnyConfig = TypeVar("AnyConfig", bound="Config")


@dataclasses.dataclass(frozen=True)
class Config(OutputFlags, TrainingFlags, DataFlags):  # The last class's fields come first.
    """The flags that all tasks share.

    None stands for the value that the model remembers from its training or, if there is none, for
    the flag's `default_if_unset`.
    """

    examples: ClassVar[Sequence[Tuple[str, str]]] = ()  # Pairs of purpose and flags, for --help

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and not math.isfinite(value):
                raise UsageError(f"--{field.name}={value}: expected a finite number.")
        actions = (self.do_train, self.do_eval, self.do_predict, self.do_embed, self.do_check)
        if not any(actions):
            raise UsageError(
                "Nothing to do: set at least one of --do_train=true, --do_eval=true, "
                "--do_predict=true, --do_embed=true, --do_check=true."
            )
        if not self.do_check and not self.output_dir:
            if self.do_train:
                raise UsageError(self._missing_message(self._missing()))
            # The trained model remembers the other flags.
            raise UsageError(
                "--output_dir is missing; expected the output directory of a finished training "
                "run, or, with a fine-tuned --init_checkpoint, a directory for the results."
            )
        self._check_paths()
        self._check_numbers()
        self._check_encoding()
        if self.split:
            parse_shares(self.split)
        self.steps_between_evaluations()

    def _check_paths(self) -> None:
        for name in self.path_flags():
            path = getattr(self, name)
            if "\0" in (path or ""):
                raise UsageError(f"--{name}={path!r}: a path cannot contain a NUL character.")
        for name in ("train_file", "dev_file"):
            if getattr(self, name) == STANDARD_INPUT:
                raise UsageError(f"--{name}=-: only --predict_file can be standard input.")

    @classmethod
    def path_flags(cls) -> List[str]:
        """Returns the names of the flags whose values are paths."""
        return [*names(cls, lambda flag: flag.is_path), "output_dir"]

    @property
    def paths(self) -> List[str]:
        """The files and folders that the flags name, for reading or for writing."""
        paths = [getattr(self, name) for name in self.path_flags()]
        return [path for path in paths if path and path != STANDARD_INPUT]

    def _check_numbers(self) -> None:
        if self.num_train_epochs == 0:
            raise UsageError("--num_train_epochs=0: expected a number above 0.")
        if self.layerwise_lr_decay == 0:
            raise UsageError("--layerwise_lr_decay=0: expected a number above 0 and at most 1.")
        if self.label_smoothing == 1:
            raise UsageError(
                "--label_smoothing=1: expected a number that is at least 0 and below 1."
            )
        if self.seed + self.num_trials - 1 > MAX_SEED:
            raise UsageError(f"--num_trials={self.num_trials}: the last seed exceeds {MAX_SEED}.")

    def _check_encoding(self) -> None:
        try:
            "".encode(self.value_of("encoding"))
        except (LookupError, UnicodeError) as error:
            raise UsageError(
                f"--encoding={self.encoding}: not a text encoding that Python knows; expected, for "
                "example, utf-8, latin-1, cp1252 or utf-16."
            ) from error

    def check_given(self) -> None:
        """Raises `UsageError` if a flag on the command line has no effect or contradicts another.

        Requirements that the trained model may meet are left to `check_resolved`.
        """
        for unmet in unmet_requirements(self):
            if not self._are_kept(unmet.lacks):
                raise UsageError(unmet.message)

    def check_resolved(self) -> None:
        """Checks the flags that a model remembers, once they are filled in; see `check_given`."""
        for unmet in unmet_requirements(self):
            if self._are_kept(unmet.involves):
                raise UsageError(unmet.message)

    def _are_kept(self, names: Sequence[str]) -> bool:
        """Returns whether a model remembers at least one of these flags."""
        fields = type(self).__dataclass_fields__
        return any(flag_of(fields[name]).kept for name in names if name in fields)

    def remembered(self, trained: Mapping[str, FlagValue]) -> Dict[str, FlagValue]:
        """Returns the settings of a trained model that also apply to this run.

        Args:
          trained: The settings that the model was trained with.
        """
        kept = [field for field in dataclasses.fields(self) if flag_of(field).kept]
        kept = [field for field in kept if trained.get(field.name) is not None]
        return {
            field.name: trained[field.name]
            for field in kept
            if not any(holds(self, c, trained) for c in flag_of(field).kept_unless)
            and not any(rules_out(self, c) for c in flag_of(field).requires)
        }

    def filled_from(self: AnyConfig, settings: Mapping[str, FlagValue]) -> AnyConfig:
        """Returns this configuration with each None replaced by the value in `settings`, if any."""
        missing = {
            field.name: settings[field.name]
            for field in dataclasses.fields(self)
            if getattr(self, field.name) is None and settings.get(field.name) is not None
        }
        return self.with_values(missing)

    def value_of(self, name: str) -> Any:
        """Returns the value of a flag, or its default if it is unset; None if it has neither."""
        value = getattr(self, name)
        return self.default_of(name) if value in UNSET else value

    def data_file(self, path: str) -> DataPath:
        """Returns the path of a data file that is read as the flags say."""
        return DataPath.of(path, self.value_of("encoding"), self.value_of("max_line_length"))

    def default_of(self, name: str) -> Any:
        """Returns the value that a flag has if it is unset, or None."""
        flag = flag_of(type(self).__dataclass_fields__[name])
        conditions = flag.default_if.split("|") if flag.default_if else []
        applies = not conditions or any(
            getattr(self, n) not in UNSET and is_set(self, n) for n in conditions
        )
        return flag.default_if_unset if applies else None

    def with_defaults(self: AnyConfig) -> AnyConfig:
        """Returns this configuration with the defaults that run.json records.

        Only flags that are part of a training run's identity are filled in, and only if their
        requirements are met.
        """
        config = self
        recorded = [
            (field.name, flag_of(field).requires)
            for field in dataclasses.fields(self)
            if flag_of(field).identity and not flag_of(field).default_unrecorded
        ]
        # Flags without requirements come first: their defaults can meet those of others.
        for name, requires in sorted(recorded, key=lambda item: bool(item[1])):
            if all(holds(config, condition) for condition in requires):
                config = config.filled_from({name: config.value_of(name)})
        return config

    def reset(self: AnyConfig, chosen: Callable[[Flag], bool]) -> AnyConfig:
        """Returns this configuration without the values of the flags for which `chosen` is true."""
        fields = type(self).__dataclass_fields__
        return self.with_values({name: fields[name].default for name in names(type(self), chosen)})

    def with_values(self: AnyConfig, values: Mapping[str, Any]) -> AnyConfig:
        """Returns a copy of this configuration in which some flags have new values."""
        return dataclasses.replace(self, **values)

    def require(self, name: str) -> Any:
        """Returns the value of a flag; raises `UsageError` if it is missing."""
        value = getattr(self, name)
        if value is None or value == "":
            raise UsageError(self._missing_message([name]))
        return value

    def check_required(self) -> None:
        """Raises `UsageError` if flags are missing; the message lists all of them.

        Call it after the trained model's settings are filled in.
        """
        missing = self._missing()
        if missing:
            raise UsageError(self._missing_message(missing))

    def _missing(self) -> List[str]:
        given = {
            "output_dir": self.output_dir or self.do_check,
            "task_name": self.value_of("task_name"),
            "vocab_file": self.vocab_file or self.model_dir,
            "bert_config_file": self.bert_config_file or self.model_dir,
        }
        missing = [name for name, value in given.items() if not value]
        if set(_OF_MODEL_DIR) <= set(missing):
            missing = [name for name in missing if name not in _OF_MODEL_DIR]
            files = " and ".join(f"--{name}" for name in _OF_MODEL_DIR)
            missing.append(f"model_dir (or {files})")
        # If only the data is missing, the data set raises a more precise error.
        if missing and self.needs_data_dir and not self.data_dir:
            files = " and ".join(f"--{name}" for name in self._unnamed_files())
            missing.append(f"data_dir (or {files})")
        return missing

    def _missing_message(self, names: Sequence[str]) -> str:
        if len(names) == 1 and names[0] in type(self).__dataclass_fields__:
            help_text = flag_of(type(self).__dataclass_fields__[names[0]]).help
            return f"--{names[0]} is missing. {help_text}"
        listed = ", ".join(f"--{name}" for name in names)
        advice = "Add them; --help describes each."
        if any(name.startswith("model_dir") for name in names):
            advice += " `python prepare_model.py` installs a model in model_dir/."
        return f"Missing flags: {listed}. {advice}"

    @property
    def learns_labels(self) -> bool:
        """Whether the run learns labels from data, as training and a check of the data do."""
        return self.do_train or self.do_check

    @property
    def compares_trainings(self) -> bool:
        """Whether the run trains several times and keeps the best model."""
        return self.num_trials > 1 or bool(self.grid)

    @property
    def prints_predictions(self) -> bool:
        """Whether predictions of a file are also written to standard output."""
        return False

    @property
    def needs_dev(self) -> bool:
        """Whether the run needs the dev file."""
        return self.do_eval or bool(self.eval_every) or self.compares_trainings

    @property
    def needs_test(self) -> bool:
        """Whether the run needs the file to predict."""
        return self.do_predict or self.do_embed

    @property
    def only_embeds(self) -> bool:
        """Whether the run only writes sentence vectors, for which a pretrained model suffices."""
        return self.do_embed and not (self.do_train or self.do_eval or self.do_predict)

    @property
    def needs_data_dir(self) -> bool:
        """Whether the run needs a file whose own flag is not set."""
        return bool(self._unnamed_files())

    def _unnamed_files(self) -> List[str]:
        wanted = {
            "train_file": self.learns_labels and not self.train_file,
            "dev_file": self.needs_dev and not (self.dev_file or self.split),
            "predict_file": self.needs_test and not (self.predict_file or self.split),
        }
        return [name for name, is_unnamed in wanted.items() if is_unnamed]

    @property
    def rows_per_step(self) -> int:
        """Number of rows per training step: those of one batch, or of all accumulated batches."""
        return self.train_batch_size * self.gradient_accumulation_steps

    @property
    def computes_padding(self) -> bool:
        """Whether BERT also computes padding.

        XLA needs this because it compiles each shape separately.
        """
        return self.use_xla or not self.padding_free

    def steps_between_evaluations(self) -> Union[int, str, None]:
        """Returns how often a training run is evaluated: a number of steps, `EPOCH`, or None."""
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
