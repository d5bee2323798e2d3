"""The classifier's task: labels, or a number, for each text or pair of texts."""

import dataclasses
import logging
import os
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, Type

import numpy as np

from finetune import class_weights, model_fns, predictions, problems, sources, text_readers
from finetune.classifier_config import ClassifierConfig
from finetune.cleaning import STEPS
from finetune.columns import Wanted
from finetune.config import UsageError
from finetune.evidence import Evidence, with_texts
from finetune.features import Features, encode_examples, place, texts_of
from finetune.progress import tracked
from finetune.readers import DataPath, read_lines
from finetune.survey import Faults
from finetune.tasks import Task, refuse_long_stride
from finetune.truncation import TRUNCATIONS, Cut
from processors import DataProcessor, InputExample, MulticlassProcessor, NERProcessor

_log = logging.getLogger(__name__)

_TABLE_FLAGS = (
    "data_form", "header", "delimiter", "quoting", "text_column", "text_b_column", "label_column",
)  # fmt: skip
_LEAST_OF_PAIRS = 5
_WINDOW_FLAGS = ("window_pooling", "max_windows", "doc_stride")
_DEFAULTS = {"long_text": "truncate", "clean": []}
_WINDOW_DEFAULTS = {"window_pooling": "mean", "max_windows": 16}


class Classification(Task):
    """What `run_classifier.py` does with its data and its model."""

    other_script = "run_ner.py"
    default_name = "multiclass"
    example_class = InputExample
    _problem: problems.Problem

    def __init__(self, config: ClassifierConfig, processor: DataProcessor, model: Any):
        """Keeps what the run is made of."""
        super().__init__(config, processor, model)
        self._pairs: Optional[bool] = None

    @classmethod
    def takes(cls, processor: Type[DataProcessor]) -> bool:
        return not issubclass(processor, NERProcessor)

    @classmethod
    def lasting(cls, settings: Dict[str, Any], config: ClassifierConfig) -> Dict[str, Any]:
        others = {"labels"}  # They are kept by themselves.
        if config.header is not None:
            others |= {"text_column", "text_b_column", "label_column"}
        if config.task_name and config.task_name != settings.get("task_name"):
            others |= set(_TABLE_FLAGS)
        if config.long_text == "truncate":
            others |= set(_WINDOW_FLAGS)
        if config.long_text == "windows":
            others.add("truncation")
        lasting = super().lasting(settings, config)
        return {name: value for name, value in lasting.items() if name not in others}

    @classmethod
    def with_defaults(
        cls, config: ClassifierConfig, processor: DataProcessor, data_dir: str
    ) -> ClassifierConfig:
        if isinstance(processor, MulticlassProcessor):
            config = _with_options(config, processor, data_dir)
        elif any(getattr(config, name) is not None for name in _TABLE_FLAGS):
            flag = next(name for name in _TABLE_FLAGS if getattr(config, name) is not None)
            raise UsageError(
                f"--{flag}: {type(processor).__name__} reads its files its own way. Leave the flag "
                "out, or give --task_name=multiclass."
            )
        config = config.filled_from({"problem_type": processor.problem_type, **_DEFAULTS})
        _refuse_idle_flags(config)
        config = dataclasses.replace(config, clean=[s for s in STEPS if s in config.clean])
        if config.long_text != "windows":
            return config.filled_from({"truncation": TRUNCATIONS[0]})
        room = config.max_seq_length - 2
        refuse_long_stride(config, room)
        return config.filled_from({**_WINDOW_DEFAULTS, "doc_stride": max(1, room // 2)})

    def listed_labels(self) -> Optional[List[str]]:
        given = _listed(self._config)
        return super().listed_labels() if given is None else given

    @property
    def learns_strata(self) -> bool:
        return self._config.problem_type == problems.SingleLabel.name

    def learn(self, train_examples: Iterable[InputExample]) -> None:
        config = self._config
        self._problem = problems.learn(
            config.problem_type,
            train_examples,
            self._processor,
            labels=self.listed_labels(),
            separator=config.label_separator or problems.DEFAULT_SEPARATOR,
            thresholds=config.threshold_numbers(),
        )
        self.labels = self._problem.labels
        first = next(iter(train_examples), None)
        self._pairs = None if first is None else first.text_b is not None
        self._tell_processor()

    def recall(self, labels: List[str], facts: Dict[str, Any]) -> None:
        given = _listed(self._config)
        if given is not None and given != labels:
            raise UsageError(
                f"--labels={','.join(given):.80}: the model was trained with {', '.join(labels)}. "
                "Leave the flag out."
            )
        self.labels = list(labels)
        self._problem = problems.recall(
            labels,
            facts,
            self._config.label_separator or problems.DEFAULT_SEPARATOR,
            self._config.threshold_numbers(),
        )
        self._pairs = facts.get("pairs")
        self._tell_processor()

    def _tell_processor(self) -> None:
        """Tells the processor what it needs to read data to predict."""
        if isinstance(self._processor, MulticlassProcessor):
            known = {"known_labels": tuple(self.labels), "pairs": self._pairs}
            self._processor.options = dataclasses.replace(self._processor.options, **known)

    def remarks(self) -> List[str]:
        remark = getattr(getattr(self._processor, "options", None), "remark", None)
        return [remark] if remark else []

    def facts(self) -> Dict[str, Any]:
        return {
            "problem_type": self._problem.name, "pairs": self._pairs, **self._problem.facts(),
        }  # fmt: skip

    def stratum(self, example: InputExample) -> str:
        return self._problem.label_of(example)

    def texts(self, example: InputExample) -> Sequence[str]:
        return texts_of(example, self._config.clean)

    def source(self, split: str, path: str) -> Iterable[InputExample]:
        if path != "-" or isinstance(self._processor, MulticlassProcessor):
            return super().source(split, path)
        # Bare text is the same for all tasks, however they read their own files.
        reader = MulticlassProcessor()
        reader.options = text_readers.Options(form="text", pairs=bool(self._pairs))
        return list(reader.read_examples(path, split))

    def contents(self, examples: Iterable[InputExample]) -> Iterator[Tuple]:
        return ((example.text_a, example.text_b, example.label) for example in examples)

    @property
    def metrics(self) -> Sequence[str]:
        return self._problem.metrics

    def class_weights(self, features: Features) -> Optional[List[float]]:
        if self._config.class_weights is None:
            return None
        counts = list(self._problem.counts(features.targets).values())
        return class_weights.parse(self._config.class_weights, self.labels, counts)

    def encode(
        self, split: str, examples: Iterable[InputExample], faults: Optional[Faults] = None
    ) -> Features:
        config = self._config
        if self._pairs and config.max_seq_length < _LEAST_OF_PAIRS:
            raise UsageError(
                f"--max_seq_length={config.max_seq_length}: expected {_LEAST_OF_PAIRS} for "
                "pairs at the least: [CLS], two [SEP] and a wordpiece of each."
            )
        targets = None if split == "test" else self._problem.targets()
        if faults is not None and targets is not None:
            targets = _Forgiving(targets, faults)
        features = encode_examples(
            tracked(self._alike(examples), f"Reading {split}: "),
            targets=targets,
            cut=Cut(
                max_seq_length=config.max_seq_length,
                truncation=config.truncation or TRUNCATIONS[0],
                windows=config.long_text == "windows",
                doc_stride=config.doc_stride or 1,
                max_windows=config.max_windows or 1,
            ),
            tokenizer=self._model.tokenizer,
            clean_steps=config.clean,
        )
        if features.num_truncated:
            _log.info(
                "%s: %d of %d rows are cut at --max_seq_length=%d%s",
                split,
                features.num_truncated,
                len(features),
                config.max_seq_length,
                f", --max_windows={config.max_windows}" if features.pooled else "",
            )
        return features

    def _alike(self, examples: Iterable[InputExample]) -> Iterator[InputExample]:
        """Yields examples; refuses pairs for a model of single texts, and the other way."""
        for example in examples:
            pair = example.text_b is not None
            if self._pairs is not None and pair != self._pairs:
                kinds = ("a single text", "a pair of texts")
                raise ValueError(
                    f"{place(example)}: {kinds[pair]}, but the model is trained on rows that are "
                    f"each {kinds[not pair]}. Is another column meant (--text_b_column)?"
                )
            yield example

    def label_counts(
        self, examples: Iterable[InputExample], features: Features
    ) -> Dict[str, float]:
        del examples
        return self._problem.counts(features.targets) if features.targets else {}

    def make_model_fn(
        self, init_checkpoint: Optional[str], training: model_fns.Training
    ) -> Callable:
        return self._problem.model_fn(
            bert_config=training.adjusted(self._model.bert_config),
            init_checkpoint=init_checkpoint,
            training=training,
            pooling=self._config.window_pooling if self._config.long_text == "windows" else None,
            padding_free=not self._config.computes_padding,
        )

    def score(
        self,
        examples: Iterable[InputExample],
        features: Features,
        outputs: Iterable[Dict[str, np.ndarray]],
    ) -> Tuple[dict, str]:
        return self._problem.scores(features.targets, _logits_of(outputs))

    def evidence(
        self,
        examples: Iterable[InputExample],
        features: Features,
        outputs: Iterable[Dict[str, np.ndarray]],
    ) -> Evidence:
        judged = self._problem.judge(features.targets, _logits_of(outputs))
        return with_texts(judged, examples, self.place, texts_of)

    def write_predictions(
        self,
        output_dir: str,
        examples: Iterable[InputExample],
        features: Features,
        outputs: Iterable[Dict[str, np.ndarray]],
    ) -> List[str]:
        path = os.path.join(output_dir, "test_results.tsv")
        answers = (cells for batch in outputs for cells in self._problem.answers(batch["logits"]))
        predictions.write_classification(
            path, examples, answers, columns=self._problem.columns(), pairs=features.has_pairs()
        )
        return [path]


def _logits_of(outputs: Iterable[Dict[str, np.ndarray]]) -> np.ndarray:
    return np.concatenate([batch["logits"] for batch in outputs])


class _Forgiving:
    """Targets that note what is wrong with them, and go on."""

    def __init__(self, targets: Any, faults: Faults):
        self._targets = targets
        self._faults = faults

    def add(self, example: InputExample) -> object:
        try:
            return self._targets.add(example)
        except ValueError as error:
            self._faults.add(str(error))
            return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._targets, name)


def _with_options(
    config: ClassifierConfig, processor: MulticlassProcessor, data_dir: str
) -> ClassifierConfig:
    """Tells a processor how to read, and keeps in the configuration what a training file tells."""
    given = processor.options
    options = dataclasses.replace(
        given,
        form=config.data_form or given.form,
        delimiter=config.tab_or_delimiter() or given.delimiter,
        quoting=given.quoting if config.quoting is None else config.quoting,
        columns=Wanted(
            header=given.columns.header if config.header is None else config.header,
            text=config.text_column or given.columns.text,
            text_b=config.text_b_column or given.columns.text_b,
            label=config.label_column or given.columns.label,
        ),
    )
    if config.begins:
        path = config.train_file or sources.existing(processor, data_dir, "train")
        if path:
            file = DataPath.of(path, config.encoding or DataPath.encoding)
            options = text_readers.settle(file, options)
    processor.options = options
    found = options.columns
    return config.filled_from(
        {
            "header": found.header,
            "text_column": found.text,
            "text_b_column": found.text_b,
            "label_column": found.label,
        }
    )


def _refuse_idle_flags(config: ClassifierConfig) -> None:
    """Raises `UsageError` if a flag is given that has no effect beside the others."""
    several = config.problem_type == problems.MultiLabel.name
    for name in ("class_weights", "label_smoothing"):
        if getattr(config, name) and config.problem_type != problems.SingleLabel.name:
            raise UsageError(f"--{name} is for one label a text, not {config.problem_type}.")
    for name, needed, has_effect in (
        *((name, "--long_text=windows", config.long_text == "windows") for name in _WINDOW_FLAGS),
        ("truncation", "--long_text=truncate", config.long_text != "windows"),
        ("thresholds", "--problem_type=multi_label", several),
        ("label_separator", "--problem_type=multi_label", several),
        ("labels", "labels: it is a regression", config.problem_type != problems.Regression.name),
    ):
        if getattr(config, name) is not None and not has_effect:
            raise UsageError(f"--{name} is given without {needed}.")


def _listed(config: ClassifierConfig) -> Optional[List[str]]:
    """Returns the labels of --labels, which may name a file that has one a line."""
    labels = config.labels
    if labels is None or len(labels) != 1:
        return labels
    if os.path.isfile(labels[0]):
        file = DataPath.of(labels[0], config.encoding or DataPath.encoding)
        return [line.strip() for _, line in read_lines(file) if line.strip()]
    if config.problem_type == problems.MultiLabel.name:
        return labels
    raise UsageError(
        f"--labels={labels[0]}: no such file; expected labels with commas between, or a file."
    )
