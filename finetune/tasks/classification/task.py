"""The classifier's task: a label, several labels, or a number for each text or pair of texts."""

import dataclasses
import logging
import os
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Type,
)

import numpy as np

from finetune.config.flags import is_set, names
from finetune.data import sources
from finetune.data.cleaning import STEPS
from finetune.data.columns import WantedColumns
from finetune.data.frame import Frame
from finetune.data.lines import DataPath, read_lines
from finetune.data.processor import DataProcessor, InputExample
from finetune.data.row_statistics import RowErrors
from finetune.data.truncation import TRUNCATIONS, Cut
from finetune.models.model_fn import Training
from finetune.models.pretrained import Pretrained
from finetune.output import names as file_names
from finetune.output.best_model import Scores
from finetune.tasks.classification import predictions, problem_types
from finetune.tasks.classification.config import (
    MULTI_LABEL,
    REGRESSION,
    SINGLE_LABEL,
    TRUNCATE,
    WINDOWS,
    ClassifierConfig,
)
from finetune.tasks.classification.features import Features, encode_examples, texts_of
from finetune.tasks.classification.mistakes import add_texts
from finetune.tasks.classification.processor import MulticlassProcessor, bare_text_processor
from finetune.tasks.classification.readers import TextFormat, resolve_format
from finetune.tasks.classification.targets import labels_of
from finetune.tasks.mistakes import EvaluationDetails
from finetune.tasks.task import Outputs, Processors, Resolved, Task, check_stride
from finetune.util.errors import InputError, UsageError
from finetune.util.plurals import count
from finetune.util.progress import tracked

_log = logging.getLogger(__name__)

_WINDOW_DEFAULTS = {"window_pooling": "mean", "max_windows": 16}


class Classification(Task):
    """What `run_classifier.py` does with its data and its model."""

    other_script = "run_ner.py"
    default_name = "multiclass"
    example_class = InputExample
    config: ClassifierConfig

    def __init__(
        self,
        config: ClassifierConfig,
        processors: Processors,
        model: Pretrained,
        problem: problem_types.ProblemType,
        takes_pairs: Optional[bool],
    ):
        """Creates a task.

        Args:
          config: The configuration.
          processors: Read the data.
          model: The pretrained model.
          problem: The labels, or whatever the problem type has instead.
          takes_pairs: Whether each row is a pair of texts; None: not known yet.
        """
        known = _knowing(processors, problem.labels, takes_pairs)
        super().__init__(config, known, model, problem.labels)
        self._problem = problem
        self._takes_pairs = takes_pairs

    @classmethod
    def resolve(
        cls, config: ClassifierConfig, processor: Type[DataProcessor], data_dir: str
    ) -> Resolved:
        if issubclass(processor, MulticlassProcessor):
            config, text_format = _resolve_format(config, processor, data_dir)
            with sources.processor_errors(processor):
                files: DataProcessor = processor(text_format)
            processors = Processors(files, files)
            warnings = [text_format.warning] if text_format.warning else []
        else:
            _check_no_table_flags(config, processor)
            with sources.processor_errors(processor):
                processors = Processors(processor(), bare_text_processor(pairs=False))
            warnings = []
        defaults = {"problem_type": processor.problem_type, "long_text": TRUNCATE, "clean": []}
        config = config.filled_from(defaults)
        config = dataclasses.replace(config, clean=[s for s in STEPS if s in config.clean])
        return Resolved(_with_length_defaults(config), processors, warnings)

    @classmethod
    def listed_labels(cls, config: ClassifierConfig, processors: Processors) -> Optional[List[str]]:
        given = _given_labels(config)
        return super().listed_labels(config, processors) if given is None else given

    @classmethod
    def model_texts(cls, config: ClassifierConfig, example: InputExample) -> List[str]:
        return texts_of(example, config.clean)

    @classmethod
    def stratum_of(cls, config: ClassifierConfig) -> Callable[[InputExample], str]:
        if config.problem_type == REGRESSION:
            return lambda example: ""
        if config.problem_type == MULTI_LABEL:
            separator = _separator(config)
            return lambda example: repr(sorted(labels_of(example, separator)))
        return lambda example: str(example.label)

    @classmethod
    def trains_on_each_stratum(cls, config: ClassifierConfig) -> bool:
        return config.problem_type == SINGLE_LABEL

    @classmethod
    def learn(
        cls,
        config: ClassifierConfig,
        processors: Processors,
        model: Pretrained,
        examples: Iterable[InputExample],
    ) -> "Classification":
        problem = problem_types.from_training_data(
            config.problem_type,
            examples,
            processors.files,
            labels=cls.listed_labels(config, processors),
            separator=_separator(config),
            thresholds=config.threshold_numbers(),
        )
        first = next(iter(examples), None)
        takes_pairs = None if first is None else first.text_b is not None
        return cls(config, processors, model, problem, takes_pairs)

    @classmethod
    def restore(
        cls,
        config: ClassifierConfig,
        processors: Processors,
        model: Pretrained,
        labels: Sequence[str],
        facts: Mapping[str, Any],
    ) -> "Classification":
        given = _given_labels(config)
        if given is not None and given != list(labels):
            raise UsageError(
                f"--labels={','.join(given):.80}: the model was trained with {', '.join(labels)}. "
                "Omit the flag."
            )
        problem = problem_types.restore(
            labels, facts, _separator(config), config.threshold_numbers()
        )
        return cls(config, processors, model, problem, facts.get("pairs"))

    def facts(self) -> Mapping[str, Any]:
        own = {"problem_type": self._problem.name, "pairs": self._takes_pairs}
        return {**own, **self._problem.facts()}

    def encode(
        self, split: str, examples: Iterable[InputExample], errors: Optional[RowErrors] = None
    ) -> Features:
        config = self.config
        least = Frame.least_length(is_pair=bool(self._takes_pairs))
        if config.max_seq_length < least:
            raise UsageError(
                f"--max_seq_length={config.max_seq_length}: expected at least {least} for pairs: "
                "[CLS], two [SEP] and a wordpiece of each text."
            )
        targets = None if split == "test" else self._problem.targets()
        if errors is not None and targets is not None:
            targets = _TolerantTargets(targets, errors)
        features = encode_examples(
            tracked(self._alike(examples), f"Reading {split}: "),
            targets=targets,
            cut=_cut_of(config),
            tokenizer=self.model.tokenizer,
            clean_steps=config.clean,
        )
        if features.num_truncated:
            windows = f", --max_windows={config.max_windows}" if features.pooled else ""
            _log.info(
                "%s: %d of %s truncated at --max_seq_length=%d%s",
                split,
                features.num_truncated,
                count(len(features), "row"),
                config.max_seq_length,
                windows,
            )
        return features

    def _alike(self, examples: Iterable[InputExample]) -> Iterator[InputExample]:
        """Yields examples; refuses pairs if the model takes single texts, and the reverse."""
        for example in examples:
            is_pair = example.text_b is not None
            if self._takes_pairs is not None and is_pair != self._takes_pairs:
                kinds = ("a single text", "a pair of texts")
                raise InputError(
                    f"{example.place}: found {kinds[is_pair]}, but each row that the model was "
                    f"trained on is {kinds[not is_pair]}. Is another column needed "
                    "(--text_b_column)?"
                )
            yield example

    def label_counts(
        self, examples: Iterable[InputExample], features: Features
    ) -> Dict[str, float]:
        del examples
        return self._problem.label_counts(features.targets) if features.targets else {}

    def label_id_counts(self, features: Features) -> Sequence[int]:
        return [int(n) for n in self._problem.label_counts(features.targets).values()]

    def make_model_fn(self, init_checkpoint: Optional[str], training: Training) -> Callable:
        config = self.config
        return self._problem.model_fn(
            bert_config=training.adjusted(self.model.bert_config),
            init_checkpoint=init_checkpoint,
            training=training,
            pooling=config.window_pooling if config.long_text == WINDOWS else None,
            padding_free=not config.computes_padding,
        )

    @property
    def metrics(self) -> Sequence[str]:
        return self._problem.metrics

    def score(
        self, examples: Iterable[InputExample], features: Features, outputs: Outputs
    ) -> Tuple[Scores, str]:
        del examples
        return self._problem.scores(features.targets, _logits_of(outputs))

    def details(
        self, examples: Iterable[InputExample], features: Features, outputs: Outputs
    ) -> EvaluationDetails:
        review = self._problem.review(features.targets, _logits_of(outputs))
        return add_texts(review, examples)

    def write_predictions(
        self,
        output_dir: str,
        examples: Iterable[InputExample],
        features: Features,
        outputs: Outputs,
    ) -> List[str]:
        path = os.path.join(output_dir, file_names.PREDICTIONS_TABLE)
        rows = (row for batch in outputs for row in self._problem.prediction_rows(batch["logits"]))
        predictions.write_classification(
            path,
            examples,
            rows,
            columns=self._problem.prediction_columns(),
            pairs=features.has_pairs(),
        )
        return [path]


def _logits_of(outputs: Outputs) -> np.ndarray:
    return np.concatenate([batch["logits"] for batch in outputs])


class _TolerantTargets:
    """Targets that collect what is wrong with them, and continue."""

    def __init__(self, targets: Any, errors: RowErrors):
        self._targets = targets
        self._errors = errors

    def add(self, example: InputExample) -> object:
        try:
            return self._targets.add(example)
        except InputError as error:
            self._errors.add(str(error))
            return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._targets, name)


def _knowing(
    processors: Processors, labels: Sequence[str], takes_pairs: Optional[bool]
) -> Processors:
    """Returns processors that know what they need to read data to predict."""
    if isinstance(processors.files, MulticlassProcessor):
        files = processors.files.with_options(known_labels=tuple(labels), pairs=takes_pairs)
        return Processors(files, files)
    return Processors(processors.files, bare_text_processor(pairs=bool(takes_pairs)))


def _resolve_format(
    config: ClassifierConfig, processor: Type[MulticlassProcessor], data_dir: str
) -> Tuple[ClassifierConfig, TextFormat]:
    """Returns how to read files, and the configuration with what the training file determines."""
    text_format = _format_of(config, processor.options)
    if config.learns_labels:
        with sources.processor_errors(processor):
            finder = processor(text_format)
        path = config.train_file or sources.existing_file(finder, data_dir, "train")
        if path:
            file = DataPath.of(path, config.encoding or DataPath.encoding)
            text_format = resolve_format(file, text_format)
    found = text_format.columns
    columns = {
        "header": found.header,
        "text_column": found.text,
        "text_b_column": found.text_b,
        "label_column": found.label,
    }
    return config.filled_from(columns), text_format


def _format_of(config: ClassifierConfig, given: TextFormat) -> TextFormat:
    """Returns a processor's format with the flags that override it."""
    columns = given.columns
    return dataclasses.replace(
        given,
        form=config.data_form or given.form,
        delimiter=config.tab_or_delimiter() or given.delimiter,
        quoting=given.quoting if config.quoting is None else config.quoting,
        columns=WantedColumns(
            header=columns.header if config.header is None else config.header,
            text=config.text_column or columns.text,
            text_b=config.text_b_column or columns.text_b,
            label=config.label_column or columns.label,
        ),
    )


def _check_no_table_flags(config: ClassifierConfig, processor: Type[DataProcessor]) -> None:
    """Raises `UsageError` if a flag says how to read tables, but the task's class does not."""
    about_tables = names(ClassifierConfig, lambda flag: "task_name changed" in flag.kept_unless)
    for name in about_tables:
        if is_set(config, name):
            raise UsageError(
                f"--{name}: {processor.__name__} reads its files in its own way. Omit the flag, or "
                "give --task_name=multiclass."
            )


def _with_length_defaults(config: ClassifierConfig) -> ClassifierConfig:
    """Fills in how over-long texts are treated."""
    if config.long_text != WINDOWS:
        return config.filled_from({"truncation": TRUNCATIONS[0]})
    room = Frame.room(config.max_seq_length)
    check_stride(config, room)
    return config.filled_from({**_WINDOW_DEFAULTS, "doc_stride": max(1, room // 2)})


def _cut_of(config: ClassifierConfig) -> Cut:
    return Cut(
        max_seq_length=config.max_seq_length,
        truncation=config.truncation or TRUNCATIONS[0],
        windows=config.long_text == WINDOWS,
        doc_stride=config.doc_stride or 1,
        max_windows=config.max_windows or 1,
    )


def _separator(config: ClassifierConfig) -> str:
    return config.label_separator or problem_types.DEFAULT_SEPARATOR


def _given_labels(config: ClassifierConfig) -> Optional[List[str]]:
    """Returns the labels of --labels, which may name a file that has one per line."""
    labels = config.labels
    if labels is None or len(labels) != 1:
        return labels
    if os.path.isfile(labels[0]):
        file = DataPath.of(labels[0], config.encoding or DataPath.encoding)
        return [line.strip() for _, line in read_lines(file) if line.strip()]
    if config.problem_type == MULTI_LABEL:
        return labels
    raise UsageError(
        f"--labels={labels[0]}: no such file; expected comma-separated labels, or a file."
    )
