"""What an output directory keeps of its training: settings, labels, versions, model files."""

import dataclasses
import glob
import hashlib
import importlib.metadata
import json
import logging
import os
import platform
from typing import Any, Dict, Iterable, List, Optional, Tuple

import finetune
from finetune import checkpoints
from finetune.config import Config
from finetune.files import atomic_text, sha256_of
from finetune.pretrained import Pretrained

_log = logging.getLogger(__name__)

RECORD_FILE = "run.json"
_VOCAB_FILE = "vocab.txt"
_CONFIG_FILE = "bert_config.json"
_TOKENIZER_FILE = "tokenizer_config.json"
# What a folder needs, besides a checkpoint, to be used as a model.
MODEL_FILES = (RECORD_FILE, _VOCAB_FILE, _CONFIG_FILE, _TOKENIZER_FILE)
# All that a run writes into its output directory, for --overwrite_output_dir.
_WEIGHTS = (
    "checkpoint", checkpoints.TRAINING_BASENAME + "-*", checkpoints.FINAL_BASENAME + "-*",
    "best/checkpoint", "best/" + checkpoints.FINAL_BASENAME + "-*",
)  # fmt: skip
_DISCARDED = "weights_discarded.txt"
_TRAINED = (
    *MODEL_FILES, *_WEIGHTS, *("best/" + name for name in MODEL_FILES), _DISCARDED,
)  # fmt: skip
_RESULTS = (
    "eval_results.txt", "eval_results.json", "test_results.tsv", "test_results.conll",
    "test_results.jsonl", "events.out.tfevents.*", "data_report.json", "split/*.jsonl",
    "cv_results.txt", "cv_results.json", "best/eval_results.json", "train_log.jsonl",
    "report.html", "trials.txt", "trials.json", "trials_plan.json",
)  # fmt: skip
_DATA, _DEV_DATA = "training data", "dev data"  # Names of their fingerprints
_PACKAGES = ("tensorflow", "numpy", "scikit-learn")
# Settings that, changed, make another training of it.
IDENTITY = (
    "task_name", "do_lower_case", "preserve_unused_tokens", "max_seq_length", "train_batch_size",
    "learning_rate", "num_train_epochs", "warmup_proportion", "adam_bias_correction",
    "seed", "doc_stride", "ner_head", "use_crf", "crf_learning_rate_factor", "problem_type",
    "clean", "truncation", "long_text", "window_pooling", "max_windows", "label_separator",
    "group_by_length", "padding_free", "use_xla", "use_bf16", "use_fp16", "warmup_steps",
    "lr_schedule", "gradient_accumulation_steps", "weight_decay", "max_grad_norm",
    "layerwise_lr_decay", "head_learning_rate_factor", "freeze_embeddings", "freeze_layers",
    "class_weights", "label_smoothing", "hidden_dropout_prob", "attention_probs_dropout_prob",
    "head_dropout_prob", "eval_every", "metric_for_best", "early_stopping_patience",
)  # fmt: skip
# What trainings did before there was a flag for it.
_BEFORE = {
    "problem_type": "single_label", "clean": [], "truncation": "head", "long_text": "truncate",
    "group_by_length": False, "padding_free": False, "use_xla": False, "use_bf16": False,
    "use_fp16": False, "lr_schedule": "linear", "gradient_accumulation_steps": 1,
    "weight_decay": 0.01, "max_grad_norm": 1.0, "layerwise_lr_decay": 1.0,
    "head_learning_rate_factor": 1.0, "freeze_embeddings": False, "freeze_layers": 0,
    "label_smoothing": 0.0, "early_stopping_patience": 0,
}  # fmt: skip
# Those of them that say what is on top of BERT: a trained model has one head and no other.
_HEAD = ("ner_head", "use_crf", "problem_type")
# Those that a checkpoint cannot go on without, even where changes are asked for: they say which
# variables it has, and what they stand for.
_FIXED = (
    *_HEAD, "task_name", "do_lower_case", "preserve_unused_tokens", "freeze_embeddings",
    "freeze_layers", "use_fp16",
)  # fmt: skip
_FIXED_FINGERPRINTS = ("vocabulary", "BERT configuration")


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """One training, as `run.json` holds it."""

    settings: Dict[str, Any]
    labels: List[str]
    fingerprints: Dict[str, str]  # SHA-256 of the training data and the model it began from
    versions: Dict[str, str]
    facts: Dict[str, Any] = dataclasses.field(default_factory=dict)  # As of `Task.facts`

    def refuse_other_model(self, pretrained: Pretrained) -> None:
        """Raises `ValueError` if the vocabulary or configuration is not that of the training."""
        for name, value in _model_fingerprints(pretrained).items():
            if self.fingerprints.get(name) != value:
                raise ValueError(
                    f"The {name} given is not the one that the model was trained with. Leave out "
                    "--vocab_file and --bert_config_file: the output directory has its own."
                )

    def refuse_other_head(self, config: Config, other_script: str) -> None:
        """Raises `ValueError` if a configuration asks for another head than the trained one."""
        if ("ner_head" in self.settings) != hasattr(config, "ner_head"):
            raise ValueError(f"This model was trained by {other_script}: use it there.")
        for name in _HEAD:
            was, now = self._setting(name), getattr(config, name, None)
            if now is not None and now != was:
                raise ValueError(
                    f"--{name}={now}: the model was trained with {was}. Leave the flag out."
                )

    def remark_other_length(self, config: Config) -> None:
        """Says if inputs are cut at another length than they were in the training."""
        was = self._setting("max_seq_length")
        if was and config.max_seq_length != was:
            _log.info(
                "--max_seq_length=%d: the model was trained with %d", config.max_seq_length, was
            )

    def _setting(self, name: str) -> Any:
        return self.settings.get(name, _BEFORE.get(name))

    def differences(self, other: "RunRecord") -> List[str]:
        """Returns, in words, what makes `other` another training than this one.

        Where `other` is not `complete` yet, labels and data are not compared.
        """
        return [what for what, _ in self._differences(other)]

    def fixed_differences(self, other: "RunRecord") -> List[str]:
        """Returns those differences with which no checkpoint of this training can go on."""
        return [what for what, fixed in self._differences(other) if fixed]

    def _differences(self, other: "RunRecord") -> List[Tuple[str, bool]]:
        differing = [
            (f"{name} was {self._setting(name)!r}, now {other._setting(name)!r}", name in _FIXED)
            for name in IDENTITY
            if self._setting(name) != other._setting(name)
        ]
        if other.complete and self.labels != other.labels:
            differing.append((f"labels were {self.labels}, now {other.labels}", True))
        fingerprints = {**self.fingerprints, **other.fingerprints}
        if not other.complete:
            fingerprints.pop(_DATA, None)
            fingerprints.pop(_DEV_DATA, None)
        return differing + [
            (f"the {name} changed", name in _FIXED_FINGERPRINTS)
            for name in fingerprints
            if self.fingerprints.get(name) != other.fingerprints.get(name)
        ]

    def evaluates_as(self, other: "RunRecord") -> bool:
        """Returns whether evaluations of this training stand beside those of `other`."""
        metric, data = "metric_for_best", _DEV_DATA
        return self._setting(metric) == other._setting(metric) and (
            self.fingerprints.get(data) == other.fingerprints.get(data)
        )

    @property
    def complete(self) -> bool:
        """Whether the data is known."""
        return _DATA in self.fingerprints

    def with_data(
        self,
        *,
        labels: List[str],
        facts: Dict[str, Any],
        contents: Iterable[Tuple],
        dev_contents: Optional[Iterable[Tuple]] = None,
    ) -> "RunRecord":
        """Returns the record with what is known once the data is read.

        Args:
          labels: The label list.
          facts: What else the task has learnt, as of `Task.facts`.
          contents: What of each training example the training depends on.
          dev_contents: The same of each dev example, where these choose the best model.
        """
        fingerprints = {_DATA: _fingerprint(contents), **self.fingerprints}
        if dev_contents is not None:
            fingerprints[_DEV_DATA] = _fingerprint(dev_contents)
        return dataclasses.replace(
            self, labels=list(labels), facts=facts, fingerprints=fingerprints
        )


def _model_fingerprints(pretrained: Pretrained) -> Dict[str, str]:
    config = pretrained.bert_config.to_json_string().encode()
    return {
        "vocabulary": sha256_of(pretrained.vocab_file),
        "BERT configuration": hashlib.sha256(config).hexdigest(),
    }


def make(config: Config, pretrained: Pretrained) -> RunRecord:
    """Makes the record of a training that is about to start, before its data is read.

    Args:
      config: What is to be done.
      pretrained: The model that it begins from.
    """
    settings = dataclasses.asdict(config)
    settings["do_lower_case"] = pretrained.do_lower_case
    fingerprints = _model_fingerprints(pretrained)
    if config.init_checkpoint:
        fingerprints["initial checkpoint"] = checkpoints.fingerprint(config.init_checkpoint)
    packages = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return RunRecord(
        settings=settings,
        labels=[],
        fingerprints=fingerprints,
        versions={
            "toolkit": finetune.__version__,
            "python": platform.python_version(),
            **packages,
        },
    )


def _fingerprint(contents: Iterable[Tuple]) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(repr(content).encode("utf-8", "replace"))
    return digest.hexdigest()


def save(record: RunRecord, output_dir: str, pretrained: Pretrained) -> None:
    """Writes the record and copies the model's small files, so that prediction needs no others."""
    with open(pretrained.vocab_file, encoding="utf-8", newline="") as reader:
        vocabulary = reader.read()
    # The record comes first: with it there, the other files are known for the toolkit's own.
    contents = {
        RECORD_FILE: json.dumps(dataclasses.asdict(record), indent=2, ensure_ascii=False),
        _VOCAB_FILE: vocabulary,
        _CONFIG_FILE: pretrained.bert_config.to_json_string(),
        _TOKENIZER_FILE: json.dumps({"do_lower_case": pretrained.do_lower_case}),
    }
    for name, content in contents.items():
        with atomic_text(os.path.join(output_dir, name)) as writer:
            writer.write(content)


def load(output_dir: str) -> Optional[RunRecord]:
    """Reads the record of a directory; None if it has none.

    The paths of the model's files in its settings are those of the copies in the directory.

    Raises:
      ValueError: The file is damaged.
    """
    path = os.path.join(output_dir, RECORD_FILE)
    if not os.path.exists(path):
        return None
    try:
        with open(path, encoding="utf-8") as reader:
            record = RunRecord(**json.load(reader))
        settings = dict(record.settings)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{path}: not a record of a training ({error}). Train again with "
            "--overwrite_output_dir=true."
        ) from error
    settings["vocab_file"] = os.path.join(output_dir, _VOCAB_FILE)
    settings["bert_config_file"] = os.path.join(output_dir, _CONFIG_FILE)
    return dataclasses.replace(record, settings=settings)


def discard_weights(output_dir: str, why: str) -> None:
    """Removes the weights of a training that is done and scored, and keeps the rest."""
    with atomic_text(os.path.join(output_dir, _DISCARDED)) as writer:
        writer.write(why + "\n")
    remove_weights(output_dir)


def is_discarded(output_dir: str) -> bool:
    """Returns whether the weights of a training that is done were removed."""
    return os.path.exists(os.path.join(output_dir, _DISCARDED))


def refuse_foreign(output_dir: str) -> None:
    """Raises `ValueError` if a directory holds files that a training would replace, not its own."""
    foreign = _matching(output_dir, _TRAINED)
    if foreign and not os.path.exists(os.path.join(output_dir, RECORD_FILE)):
        found = os.path.relpath(foreign[0], output_dir)
        raise ValueError(
            f"--output_dir={output_dir} holds {found} but no {RECORD_FILE}: "
            "it was not made by this toolkit, and would be replaced. Give another --output_dir."
        )


def outputs(output_dir: str) -> List[str]:
    """Returns the files that earlier runs wrote into a directory."""
    return _matching(output_dir, _TRAINED + _RESULTS)


def remove_outputs(output_dir: str) -> None:
    """Removes what earlier runs wrote into a directory, and nothing else."""
    # The record goes last: without it, what is left would be taken for somebody else's.
    record = os.path.join(output_dir, RECORD_FILE)
    for path in sorted(outputs(output_dir), key=lambda p: p == record):
        os.remove(path)


def remove_weights(output_dir: str) -> None:
    """Removes the weights of a training from a directory, and its best model."""
    for path in _matching(output_dir, _WEIGHTS):
        os.remove(path)


def remove_best(output_dir: str) -> None:
    """Removes the best model of a training from a directory."""
    for path in _matching(output_dir, [name for name in _TRAINED if name.startswith("best/")]):
        os.remove(path)


def _matching(output_dir: str, names: Iterable[str]) -> List[str]:
    """Returns the files of these names, and what a killed process left of them."""
    patterns = [os.path.join(glob.escape(output_dir), name) for name in names]
    patterns += [pattern + ".*.tmp" for pattern in patterns]
    return sorted({path for pattern in patterns for path in glob.glob(pattern)})
