"""The task of classifiers: a label, several labels, or a number for each text or pair."""

import dataclasses
import logging
import os
from typing import (
    IO,
    Any,
    Callable,
    Collection,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Type,
)

import numpy as np

from finetune.data.lines import read_lines
from finetune.data.processor import DataProcessor, InputExample
from finetune.data.row_statistics import RowErrors
from finetune.models.model_fn import ModelFn, Training
from finetune.models.pretrained import Pretrained
from finetune.output import names as file_names
from finetune.tasks.classification import make_problem, predictions
from finetune.tasks.classification.config import (
    MULTI_LABEL,
    REGRESSION,
    SINGLE_LABEL,
    WINDOWS,
    ClassifierConfig,
)
from finetune.tasks.classification.features import Features, encode_examples, texts_of
from finetune.tasks.classification.head import GraphSettings, build_model_fn
from finetune.tasks.classification.label_cells import label_of, labels_of
from finetune.tasks.classification.mistakes import add_texts
from finetune.tasks.classification.problem_types import GOLD, ClassifierFacts, ProblemType
from finetune.tasks.classification.processor import MulticlassProcessor, bare_text_processor
from finetune.tasks.classification.resolve import resolve_config
from finetune.tasks.mistakes import EvaluationDetails
from finetune.tasks.scores import Evaluation
from finetune.tasks.task import Outputs, Processors, Resolved, Task, WriteRows
from finetune.util.errors import InputError, UsageError
from finetune.util.files import check_not_special
from finetune.util.plurals import count
from finetune.util.progress import tracked

_log = logging.getLogger(__name__)

_TRUNCATION_ADVICE = (
    "--long_text=windows reads each text whole; --truncation=tail or head_tail keeps a different "
    "part"
)


class Classification(Task[ClassifierConfig, InputExample, Features]):
    """The task of `run_classifier.py`.

    Attributes:
      problem: The problem type, with its labels.
    """

    script = "run_classifier.py"
    config_class = ClassifierConfig
    example_class = InputExample
    facts_class = ClassifierFacts

    def __init__(
        self,
        config: ClassifierConfig,
        processors: Processors,
        model: Pretrained,
        problem: ProblemType,
        takes_pairs: Optional[bool],
    ):
        """Creates a task.

        Args:
          config: The configuration.
          processors: The processors that read the data.
          model: The pretrained model.
          problem: The problem type, with its labels.
          takes_pairs: Whether each row is a pair of texts; None if unknown.
        """
        informed = _informed(processors, problem.labels, takes_pairs)
        super().__init__(config, informed, model, problem.labels)
        self.problem = problem
        self._takes_pairs = takes_pairs
        self.kind = problem.name
        if takes_pairs:
            self.text_names = ("text_a", "text_b")

    @classmethod
    def resolve(
        cls,
        config: ClassifierConfig,
        processor: Type[DataProcessor],
        data_dir: str,
        remembered: Collection[str] = (),
    ) -> Resolved:
        return resolve_config(config, processor, data_dir, remembered)

    @classmethod
    def listed_labels(cls, config: ClassifierConfig, processors: Processors) -> Optional[List[str]]:
        given = _given_labels(config)
        return super().listed_labels(config, processors) if given is None else given

    @classmethod
    def model_texts(cls, config: ClassifierConfig, example: InputExample) -> List[str]:
        return texts_of(example, config.clean_steps)

    @classmethod
    def stratum_of(cls, config: ClassifierConfig) -> Callable[[InputExample], str]:
        if config.problem_type == REGRESSION:
            return lambda example: ""
        if config.problem_type == MULTI_LABEL:
            return lambda example: repr(sorted(labels_of(example, config.separator)))
        return lambda example: str(label_of(example))

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
        problem = make_problem.from_training_data(
            config.value_of("problem_type"),
            examples,
            processors.files,
            labels=cls.listed_labels(config, processors),
            separator=config.separator,
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
                f"--labels={','.join(given):.80}: the model was trained with the labels "
                f"{', '.join(labels)}. Omit the flag."
            )
        problem = make_problem.restore(labels, facts, config.separator, config.threshold_numbers())
        return cls(config, processors, model, problem, facts.get("pairs"))

    def facts(self) -> ClassifierFacts:
        return {
            "problem_type": self.problem.name,
            "pairs": self._takes_pairs,
            **self.problem.facts(),
        }

    def encode(
        self,
        split: str,
        examples: Iterable[InputExample],
        errors: Optional[RowErrors] = None,
        is_chunk: bool = False,
    ) -> Features:
        least = self.model.frame.min_length(is_pair=bool(self._takes_pairs))
        if self.max_seq_length < least:
            raise UsageError(
                f"--max_seq_length={self.max_seq_length}: expected at least {least} for pairs: "
                f"{least - 2} special tokens and one wordpiece of each text."
            )
        alike = self._alike(examples)
        features = encode_examples(
            alike if is_chunk else tracked(alike, f"Reading {split}: "),
            targets=None if split == "test" else self.problem.targets(),
            cut=self.config.cut(),
            tokenizer=self.model.tokenizer,
            clean_steps=self.config.clean_steps,
            errors=errors,
            may_fork=not is_chunk,
        )
        if not is_chunk:
            self.log_truncated(split, features.num_truncated, len(features))
        return features

    @property
    def truncation_advice(self) -> str:
        return "" if self.config.cut().windows else _TRUNCATION_ADVICE

    def log_truncated(self, split: str, truncated: int, rows: int) -> None:
        cut = self.config.cut()
        if truncated:
            _log.info(
                "%s: %d of %s truncated at --max_seq_length=%d%s",
                split,
                truncated,
                count(rows, "row"),
                self.max_seq_length,
                f", --max_windows={cut.max_windows}" if cut.windows else "",
            )

    def _alike(self, examples: Iterable[InputExample]) -> Iterator[InputExample]:
        """Yields the examples.

        Raises:
          InputError: An example is a pair and the model takes single texts, or vice versa.
        """
        for example in examples:
            is_pair = example.text_b is not None
            if self._takes_pairs is not None and is_pair != self._takes_pairs:
                kinds = ("a single text", "a pair of texts")
                raise InputError(
                    f"{example.place}: found {kinds[is_pair]}, but each row that the model was "
                    f"trained on is {kinds[not is_pair]}. If they are columns of a table, check "
                    "--text_b_column."
                )
            yield example

    def label_counts(
        self, examples: Iterable[InputExample], features: Features
    ) -> Mapping[str, float]:
        del examples
        return self.problem.label_counts(features.targets) if features.targets else {}

    def label_id_counts(self, features: Features) -> Sequence[int]:
        return [int(n) for n in self.problem.label_counts(features.targets).values()]

    def make_model_fn(self, init_checkpoint: Optional[str], training: Training) -> ModelFn:
        config = self.config
        settings = GraphSettings(
            bert_config=training.adjusted(self.model.bert_config),
            init_checkpoint=init_checkpoint,
            training=training,
            pooling=config.window_pooling if config.long_text == WINDOWS else None,
            padding_free=not config.computes_padding,
        )
        return build_model_fn(self.problem.name, settings, len(self.labels))

    @property
    def metrics(self) -> Sequence[str]:
        return self.problem.metrics

    def score(
        self, examples: Iterable[InputExample], features: Features, outputs: Outputs
    ) -> Evaluation:
        del examples
        return self.problem.evaluate(features.targets, _logits_of(outputs))

    def with_gold(self, examples: Iterable[InputExample], features: Features) -> Optional[Features]:
        targets, labels = self.problem.targets(), set()
        try:
            for example in examples:
                if example.label is None:
                    return None
                targets.add(example)
                labels.add(repr(example.label))
        except InputError:  # The label is missing, or not one of the model's.
            return None
        if len(labels) == 1:  # As in Google's processors, whose rows to predict have one label
            _log.info(
                "Not scored: all rows have the label %s, perhaps a placeholder. If it is the true "
                "label, use --do_eval=true --dev_file=FILE.",
                *labels,
            )
            return None
        return dataclasses.replace(features, targets=targets)

    def tune(self, examples: Iterable[InputExample], features: Features, outputs: Outputs) -> bool:
        del examples
        return self.problem.tune(features.targets, _logits_of(outputs))

    def check_tuned(self) -> None:
        self.problem.check_tuned()

    def details(
        self, examples: Iterable[InputExample], features: Features, outputs: Outputs
    ) -> EvaluationDetails:
        review = self.problem.review(features.targets, _logits_of(outputs))
        return add_texts(review, examples)

    @property
    def prediction_files(self) -> Sequence[str]:
        return [file_names.PREDICTIONS_TABLE]

    def prediction_writer(self, writers: Sequence[IO[str]]) -> WriteRows:
        (writer,) = writers
        table: Optional[predictions.PredictionTable] = None

        def write(examples: Iterable[InputExample], features: Features, outputs: Outputs) -> int:
            nonlocal table
            if table is None:
                golds = [] if features.targets is None else [GOLD]
                table = predictions.PredictionTable(
                    writer,
                    columns=[*self.problem.prediction_columns(), *golds],
                    pairs=features.has_pairs(),
                )
            return table.write(examples, self._prediction_rows(features, outputs))

        return write

    def example_of(self, guid: str, given: object) -> InputExample:
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, (tuple, list)) or not all(isinstance(t, str) for t in texts):
            raise InputError(f"{guid}: found {given!r:.80}; expected a text, or a pair of texts.")
        if len(texts) not in (1, 2):
            raise InputError(f"{guid}: found {len(texts)} texts; expected one, or a pair.")
        return InputExample(guid, *texts)

    def predictions(
        self, examples: Iterable[InputExample], features: Features, outputs: Outputs
    ) -> Iterator[Mapping[str, Any]]:
        del examples, features
        for batch in outputs:
            yield from self.problem.predictions(batch["logits"])

    def _prediction_rows(self, features: Features, outputs: Outputs) -> Iterator[Sequence[str]]:
        rows_of = self.problem.prediction_rows
        rows = (row for batch in outputs for row in rows_of(batch["logits"]))
        if features.targets is None:
            return rows
        return ([*row, gold] for row, gold in zip(rows, self.problem.gold_cells(features.targets)))


def _logits_of(outputs: Outputs) -> np.ndarray:
    return np.concatenate([batch["logits"] for batch in outputs])


def _informed(
    processors: Processors, labels: Sequence[str], takes_pairs: Optional[bool]
) -> Processors:
    """Returns processors that know the model's labels, and whether it takes pairs."""
    if isinstance(processors.files, MulticlassProcessor):
        files = processors.files.for_model(tuple(labels), takes_pairs)
        return Processors(files, files)
    return Processors(processors.files, bare_text_processor(pairs=bool(takes_pairs)))


def _given_labels(config: ClassifierConfig) -> Optional[List[str]]:
    """Returns the labels of --labels, which can name a file with one label per line."""
    labels = config.labels
    if labels is None or len(labels) != 1:
        return labels
    check_not_special(labels[0])
    if os.path.isfile(labels[0]):
        file = config.data_file(labels[0])
        return [line.strip() for _, line in read_lines(file) if line.strip()]
    if config.problem_type == MULTI_LABEL:
        return labels
    raise UsageError(
        f"--labels={labels[0]}: no such file; expected comma-separated labels, or a file of labels."
    )
