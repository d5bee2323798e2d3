"""The record of a training run: its settings, labels, versions and fingerprints."""

import dataclasses
import hashlib
import importlib.metadata
import json
import logging
import os
import platform
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
    Type,
)

import finetune
from finetune.config import recorded
from finetune.config.config import Config
from finetune.config.flags import Flag, FlagValue, flag_of
from finetune.models import checkpoints
from finetune.models.pretrained import Pretrained, vocabulary_in
from finetune.output import names
from finetune.util.errors import InputError
from finetune.util.files import atomic_text, sha256_of
from finetune.util.json_files import SchemaError, parse, read_schema
from finetune.util.paths import shown

_log = logging.getLogger(__name__)

# Names of the fingerprints.
_TRAINING_DATA, _DEV_DATA, _INIT_CHECKPOINT = "training data", "dev data", "initial checkpoint"
_VOCABULARY, _BERT_CONFIG = "vocabulary", "BERT configuration"
_FIXED_FINGERPRINTS = (_VOCABULARY, _BERT_CONFIG)
_KIND = "the record of a training run"
_RETRAIN = "Retrain with --overwrite_output_dir=true."
_PACKAGES = ("tensorflow", "numpy", "scikit-learn")


class _Difference(NamedTuple):
    """A difference between two training runs.

    Attributes:
      text: A description of the difference, for the user.
      is_fixed: Whether it rules out resuming.
    """

    text: str
    is_fixed: bool


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """The record of one training run, as `run.json` contains it.

    Attributes:
      settings: Every flag's value.
      labels: The label list.
      fingerprints: SHA-256 hashes of the data and of the model that training started from.
      versions: Versions of the toolkit, Python and the main packages.
      facts: Other facts that the task learnt from the training data; see `Task.facts`.
      source: If the model was not trained here, where it came from: its name, and the SHA-256 of
        each of its files.
    """

    settings: Dict[str, FlagValue]
    labels: List[str]
    fingerprints: Dict[str, str]
    versions: Dict[str, str]
    facts: Dict[str, Any] = dataclasses.field(default_factory=dict)
    source: Optional[Dict[str, Any]] = None

    def check_same_model(self, pretrained: Pretrained) -> None:
        """Raises `InputError` if the vocabulary or configuration was not used in training."""
        for name, value in _model_fingerprints(pretrained).items():
            if self.fingerprints.get(name) != value:
                raise InputError(
                    f"The specified {name} is not the one that the model was trained with. Omit "
                    "--vocab_file and --bert_config_file: the output directory contains copies."
                )

    def check_same_head(self, config: Config, script: str) -> None:
        """Raises `InputError` if a configuration specifies a head other than the trained one.

        Args:
          config: The configuration.
          script: The script that trained the model.
        """
        heads = _flags(type(config), lambda flag: flag.head)
        always_recorded = {name for name, flag in heads.items() if flag.before is None}
        known = {field.name for field in dataclasses.fields(config)}
        if not always_recorded <= self.settings.keys() <= known:
            raise InputError(f"This model was trained by {script}: use it with that script.")
        for name, flag in heads.items():
            was, now = self.settings.get(name, flag.before), getattr(config, name)
            if now is not None and now != was:
                raise InputError(
                    f"--{name}={now}: the model was trained with {was}. Omit the flag."
                )

    def log_other_length(self, config: Config) -> None:
        """Logs a line if the maximum input length differs from that in training."""
        was = self.settings.get("max_seq_length")
        if was and config.max_seq_length != was:
            _log.info(
                "--max_seq_length=%d: the model was trained with %d", config.max_seq_length, was
            )

    def differences(self, other: "RunRecord", config_class: Type[Config]) -> List[str]:
        """Describes each difference that makes `other` a different training run from this one.

        If `other` is not `complete` yet, labels and data are not compared.
        """
        return [difference.text for difference in self._differences(other, config_class)]

    def fixed_differences(self, other: "RunRecord", config_class: Type[Config]) -> List[str]:
        """Describes the differences that rule out resuming this training run."""
        found = self._differences(other, config_class)
        return [difference.text for difference in found if difference.is_fixed]

    def _differences(self, other: "RunRecord", config_class: Type[Config]) -> List[_Difference]:
        found = []
        for name, flag in _flags(config_class, lambda flag: flag.identity).items():
            was = self.settings.get(name, flag.before)
            now = other.settings.get(name, flag.before)
            if was != now:
                found.append(_Difference(f"{name} was {was!r}, now {now!r}", flag.fixed))
        if other.complete and self.labels != other.labels:
            text = f"labels were {self.labels}, now {other.labels}"
            found.append(_Difference(text, is_fixed=True))
        fingerprints = {**self.fingerprints, **other.fingerprints}
        if not other.complete:
            fingerprints.pop(_TRAINING_DATA, None)
            fingerprints.pop(_DEV_DATA, None)
        return found + [
            _Difference(f"the {name} changed", name in _FIXED_FINGERPRINTS)
            for name in fingerprints
            if self.fingerprints.get(name) != other.fingerprints.get(name)
        ]

    def evaluates_like(self, other: "RunRecord") -> bool:
        """Returns whether evaluations of this run can be compared with those of `other`."""
        metric = "metric_for_best"
        return self.settings.get(metric) == other.settings.get(metric) and (
            self.fingerprints.get(_DEV_DATA) == other.fingerprints.get(_DEV_DATA)
        )

    @property
    def complete(self) -> bool:
        """Whether the training data and the labels are recorded."""
        return _TRAINING_DATA in self.fingerprints

    @property
    def init_checkpoint_fingerprint(self) -> Optional[str]:
        """SHA-256 of the checkpoint that training started from, if any."""
        return self.fingerprints.get(_INIT_CHECKPOINT)

    def with_data(
        self,
        *,
        labels: List[str],
        facts: Mapping[str, Any],
        contents: Iterable[Tuple],
        dev_contents: Optional[Iterable[Tuple]] = None,
    ) -> "RunRecord":
        """Returns the complete record, with the labels and data.

        Args:
          labels: The label list.
          facts: See `Task.facts`.
          contents: The content of each training example.
          dev_contents: The content of each dev example, if the dev data selects the best model.
        """
        fingerprints = {_TRAINING_DATA: _fingerprint(contents), **self.fingerprints}
        if dev_contents is not None:
            fingerprints[_DEV_DATA] = _fingerprint(dev_contents)
        return dataclasses.replace(
            self, labels=list(labels), facts=dict(facts), fingerprints=fingerprints
        )


def _flags(config_class: Type[Config], chosen: Callable[[Flag], bool]) -> Dict[str, Flag]:
    fields = {field.name: flag_of(field) for field in dataclasses.fields(config_class)}
    return {name: flag for name, flag in fields.items() if chosen(flag)}


def _model_fingerprints(pretrained: Pretrained) -> Dict[str, str]:
    config = pretrained.bert_config.to_json_string().encode()
    return {
        _VOCABULARY: sha256_of(pretrained.vocab_file),
        _BERT_CONFIG: hashlib.sha256(config).hexdigest(),
    }


def make(config: Config, pretrained: Pretrained) -> RunRecord:
    """Makes the record of a training run that is about to start, before its data is read.

    Args:
      config: The configuration of the run.
      pretrained: The model that training starts from.
    """
    settings = dataclasses.asdict(config)
    settings["output_dir"] = shown(config.output_dir)
    settings["do_lower_case"] = pretrained.do_lower_case
    fingerprints = _model_fingerprints(pretrained)
    if config.init_checkpoint:
        fingerprints[_INIT_CHECKPOINT] = checkpoints.fingerprint(config.init_checkpoint)
    return RunRecord(
        settings=settings, labels=[], fingerprints=fingerprints, versions=_current_versions()
    )


def make_for_import(
    pretrained: Pretrained,
    *,
    settings: Mapping[str, FlagValue],
    labels: List[str],
    facts: Mapping[str, Any],
    source: Dict[str, Any],
) -> RunRecord:
    """Makes the record of a fine-tuned model that was not trained here; see `RunRecord`."""
    return RunRecord(
        settings={**settings, "do_lower_case": pretrained.do_lower_case},
        labels=labels,
        fingerprints=_model_fingerprints(pretrained),
        versions=_current_versions(),
        facts=dict(facts),
        source=source,
    )


def _current_versions() -> Dict[str, str]:
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"toolkit": finetune.__version__, "python": platform.python_version(), **packages}


def _fingerprint(contents: Iterable[Tuple]) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(repr(content).encode("utf-8", "replace"))
    return digest.hexdigest()


def save(record: RunRecord, output_dir: str, pretrained: Pretrained) -> None:
    """Writes the record and copies the model's small files, so that prediction needs no others."""
    with open(pretrained.vocab_file, encoding="utf-8", newline="") as reader:
        vocabulary = reader.read()
    is_json = pretrained.vocab_file.endswith(".json")
    # The record comes first: once it exists, the other files are known to be the toolkit's.
    record_values = dataclasses.asdict(record)
    if record.source is None:
        del record_values["source"]
    contents = {
        names.RECORD: json.dumps(record_values, indent=2, ensure_ascii=False),
        names.TOKENIZER if is_json else names.VOCABULARY: vocabulary,
        names.BERT_CONFIG: pretrained.bert_config.to_json_string(),
        names.TOKENIZER_CONFIG: json.dumps(pretrained.tokenizer_settings),
    }
    for name, content in contents.items():
        with atomic_text(os.path.join(output_dir, name)) as writer:
            writer.write(content)


def update(output_dir: str, *, facts: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Changes facts and settings in the record of a directory; without a record, does nothing."""
    path = os.path.join(output_dir, names.RECORD)
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as reader:
        content = json.load(reader)
    content["facts"] = {**content.get("facts", {}), **facts}
    content["settings"] = {**content["settings"], **settings}
    with atomic_text(path) as writer:
        json.dump(content, writer, indent=2, ensure_ascii=False)


def load(
    output_dir: str,
    config_class: Optional[Type[Config]] = None,
    facts_class: Optional[Type[Mapping[str, Any]]] = None,
) -> Optional[RunRecord]:
    """Reads the record of a directory, or returns None if it has none.

    In its settings, the paths of the model's files are those of the copies in the directory.

    Args:
      output_dir: The directory.
      config_class: The configuration whose flags the settings must fit; None if they are not used.
      facts_class: The schema of the facts; None if they are not used.

    Raises:
      InputError: The file is damaged.
    """
    path = os.path.join(output_dir, names.RECORD)
    if not os.path.exists(path):
        return None
    record = read_schema(path, RunRecord, kind=_KIND, advice=_RETRAIN)
    try:
        if config_class is not None:
            recorded.check(record.settings, config_class)
        if facts_class is not None:
            parse(record.facts, facts_class, "facts")
        if len(set(record.labels)) < len(record.labels):
            raise SchemaError("labels contains a label twice; expected each once")
    except SchemaError as error:
        raise InputError(f"{path}: not {_KIND} ({error}). {_RETRAIN}") from error
    settings = dict(record.settings)
    settings["vocab_file"] = vocabulary_in(output_dir)
    settings["bert_config_file"] = os.path.join(output_dir, names.BERT_CONFIG)
    return dataclasses.replace(record, settings=settings)
