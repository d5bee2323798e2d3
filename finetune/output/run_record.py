"""What an output directory remembers of its training: settings, labels, versions, model files."""

import dataclasses
import hashlib
import importlib.metadata
import json
import logging
import os
import platform
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple, Type

import finetune
from finetune.config.config import Config
from finetune.config.flags import Flag, flag_of
from finetune.models import checkpoints
from finetune.models.pretrained import Pretrained
from finetune.output import names
from finetune.util.errors import InputError
from finetune.util.files import atomic_text, sha256_of

_log = logging.getLogger(__name__)

# Names of the fingerprints.
_TRAINING_DATA, _DEV_DATA, _INIT_CHECKPOINT = "training data", "dev data", "initial checkpoint"
_VOCABULARY, _BERT_CONFIG = "vocabulary", "BERT configuration"
_FIXED_FINGERPRINTS = (_VOCABULARY, _BERT_CONFIG)
_PACKAGES = ("tensorflow", "numpy", "scikit-learn")


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """One training, as `run.json` holds it.

    Attributes:
      settings: Every flag's value.
      labels: The label list.
      fingerprints: SHA-256 of the training data and of the model that the training started from.
      versions: Of the toolkit, Python and the packages.
      facts: What else a task has learnt from the training data; see `Task.facts`.
    """

    settings: Dict[str, Any]
    labels: List[str]
    fingerprints: Dict[str, str]
    versions: Dict[str, str]
    facts: Dict[str, Any] = dataclasses.field(default_factory=dict)

    def check_same_model(self, pretrained: Pretrained) -> None:
        """Raises `InputError` if the vocabulary or configuration is not the training's."""
        for name, value in _model_fingerprints(pretrained).items():
            if self.fingerprints.get(name) != value:
                raise InputError(
                    f"The given {name} is not the one that the model was trained with. Omit "
                    "--vocab_file and --bert_config_file: the output directory has its own."
                )

    def check_same_head(self, config: Config, other_script: str) -> None:
        """Raises `InputError` if a configuration asks for another head than the trained one."""
        heads = _flags(type(config), lambda flag: flag.head)
        always_recorded = {name for name, flag in heads.items() if flag.before is None}
        known = {field.name for field in dataclasses.fields(config)}
        if not always_recorded <= self.settings.keys() <= known:
            raise InputError(f"This model was trained by {other_script}: use it with that script.")
        for name, flag in heads.items():
            was, now = self.settings.get(name, flag.before), getattr(config, name)
            if now is not None and now != was:
                raise InputError(
                    f"--{name}={now}: the model was trained with {was}. Omit the flag."
                )

    def log_other_length(self, config: Config) -> None:
        """Logs it if inputs are cut at another length than in the training."""
        was = self.settings.get("max_seq_length")
        if was and config.max_seq_length != was:
            _log.info(
                "--max_seq_length=%d: the model was trained with %d", config.max_seq_length, was
            )

    def differences(self, other: "RunRecord", config_class: Type[Config]) -> List[str]:
        """Returns, as text, what makes `other` another training than this one.

        If `other` is not `complete` yet, labels and data are not compared.
        """
        return [what for what, _ in self._differences(other, config_class)]

    def fixed_differences(self, other: "RunRecord", config_class: Type[Config]) -> List[str]:
        """Returns those differences with which no checkpoint of this training can be resumed."""
        return [what for what, is_fixed in self._differences(other, config_class) if is_fixed]

    def _differences(
        self, other: "RunRecord", config_class: Type[Config]
    ) -> List[Tuple[str, bool]]:
        found = []
        for name, flag in _flags(config_class, lambda flag: flag.identity).items():
            was = self.settings.get(name, flag.before)
            now = other.settings.get(name, flag.before)
            if was != now:
                found.append((f"{name} was {was!r}, now {now!r}", flag.fixed))
        if other.complete and self.labels != other.labels:
            found.append((f"labels were {self.labels}, now {other.labels}", True))
        fingerprints = {**self.fingerprints, **other.fingerprints}
        if not other.complete:
            fingerprints.pop(_TRAINING_DATA, None)
            fingerprints.pop(_DEV_DATA, None)
        return found + [
            (f"the {name} changed", name in _FIXED_FINGERPRINTS)
            for name in fingerprints
            if self.fingerprints.get(name) != other.fingerprints.get(name)
        ]

    def evaluates_like(self, other: "RunRecord") -> bool:
        """Returns whether evaluations of this training can be compared with those of `other`."""
        metric = "metric_for_best"
        return self.settings.get(metric) == other.settings.get(metric) and (
            self.fingerprints.get(_DEV_DATA) == other.fingerprints.get(_DEV_DATA)
        )

    @property
    def complete(self) -> bool:
        """Whether the data is known."""
        return _TRAINING_DATA in self.fingerprints

    @property
    def init_checkpoint_fingerprint(self) -> Optional[str]:
        """SHA-256 of the checkpoint that the training started from, if any."""
        return self.fingerprints.get(_INIT_CHECKPOINT)

    def with_data(
        self,
        *,
        labels: List[str],
        facts: Mapping[str, Any],
        contents: Iterable[Tuple],
        dev_contents: Optional[Iterable[Tuple]] = None,
    ) -> "RunRecord":
        """Returns the record with what is known once the data is read.

        Args:
          labels: The label list.
          facts: See `Task.facts`.
          contents: What the training depends on, for each training example.
          dev_contents: The same for each dev example, if these select the best model.
        """
        fingerprints = {_TRAINING_DATA: _fingerprint(contents), **self.fingerprints}
        if dev_contents is not None:
            fingerprints[_DEV_DATA] = _fingerprint(dev_contents)
        return dataclasses.replace(
            self, labels=list(labels), facts=dict(facts), fingerprints=fingerprints
        )


def _flags(config_class: Type[Config], chosen: Any) -> Dict[str, Flag]:
    fields = {field.name: flag_of(field) for field in dataclasses.fields(config_class)}
    return {name: flag for name, flag in fields.items() if chosen(flag)}


def _model_fingerprints(pretrained: Pretrained) -> Dict[str, str]:
    config = pretrained.bert_config.to_json_string().encode()
    return {
        _VOCABULARY: sha256_of(pretrained.vocab_file),
        _BERT_CONFIG: hashlib.sha256(config).hexdigest(),
    }


def make(config: Config, pretrained: Pretrained) -> RunRecord:
    """Makes the record of a training that is about to start, before its data is read.

    Args:
      config: The configuration of the run.
      pretrained: The model that the training starts from.
    """
    settings = dataclasses.asdict(config)
    settings["do_lower_case"] = pretrained.do_lower_case
    fingerprints = _model_fingerprints(pretrained)
    if config.init_checkpoint:
        fingerprints[_INIT_CHECKPOINT] = checkpoints.fingerprint(config.init_checkpoint)
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    versions = {"toolkit": finetune.__version__, "python": platform.python_version(), **packages}
    return RunRecord(settings=settings, labels=[], fingerprints=fingerprints, versions=versions)


def _fingerprint(contents: Iterable[Tuple]) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(repr(content).encode("utf-8", "replace"))
    return digest.hexdigest()


def save(record: RunRecord, output_dir: str, pretrained: Pretrained) -> None:
    """Writes the record and copies the model's small files, so that prediction needs no others."""
    with open(pretrained.vocab_file, encoding="utf-8", newline="") as reader:
        vocabulary = reader.read()
    # The record comes first: once it exists, the other files are known to be the toolkit's.
    contents = {
        names.RECORD: json.dumps(dataclasses.asdict(record), indent=2, ensure_ascii=False),
        names.VOCABULARY: vocabulary,
        names.BERT_CONFIG: pretrained.bert_config.to_json_string(),
        names.TOKENIZER_CONFIG: json.dumps({"do_lower_case": pretrained.do_lower_case}),
    }
    for name, content in contents.items():
        with atomic_text(os.path.join(output_dir, name)) as writer:
            writer.write(content)


def load(output_dir: str) -> Optional[RunRecord]:
    """Reads the record of a directory, or returns None if it has none.

    The paths of the model's files in its settings are those of the copies in the directory.

    Raises:
      InputError: The file is damaged.
    """
    path = os.path.join(output_dir, names.RECORD)
    if not os.path.exists(path):
        return None
    try:
        with open(path, encoding="utf-8") as reader:
            record = RunRecord(**json.load(reader))
        settings = dict(record.settings)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{path}: not the record of a training ({error}). Retrain with "
            "--overwrite_output_dir=true."
        ) from error
    settings["vocab_file"] = os.path.join(output_dir, names.VOCABULARY)
    settings["bert_config_file"] = os.path.join(output_dir, names.BERT_CONFIG)
    return dataclasses.replace(record, settings=settings)
