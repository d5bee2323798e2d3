"""The base class of tasks; everything that all tasks share is in `finetune.runs`."""

import abc
import collections.abc
import dataclasses
from typing import (
    IO,
    TYPE_CHECKING,
    Any,
    Callable,
    ClassVar,
    Collection,
    Dict,
    Generic,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypedDict,
    TypeVar,
)

import numpy as np

from finetune.config.config import Config
from finetune.data import sources
from finetune.data.frame import single_room
from finetune.data.observations import LABEL_CONFLICT, Observation
from finetune.data.processor import DataProcessor, Example
from finetune.data.row_statistics import RowErrors
from finetune.data.rows import Rows
from finetune.tasks.mistakes import EvaluationDetails
from finetune.tasks.scores import Evaluation
from finetune.training import class_weights
from finetune.util.errors import InputError, UsageError

if TYPE_CHECKING:  # These modules import TensorFlow, which reading data does not need.
    from finetune.models.model_fn import ModelFn, Training
    from finetune.models.pretrained import Pretrained

Outputs = Iterable[Dict[str, np.ndarray]]  # A model's predictions, batch by batch

# Writes the predictions of some examples: (examples, their arrays, the model's outputs) → how many.
WriteRows = Callable[[Iterable[Any], Any, Outputs], int]

ConfigT = TypeVar("ConfigT", bound=Config)
ExampleT = TypeVar("ExampleT", bound=Example)
RowsT = TypeVar("RowsT", bound=Rows)


class Processors(NamedTuple):
    """The processors of a run's data.

    Attributes:
      files: Reads the data set's files.
      bare_text: Reads bare text, one text per line, for example from standard input.
    """

    files: DataProcessor
    bare_text: DataProcessor


@dataclasses.dataclass(frozen=True)
class Resolved:
    """A complete configuration, and the processors of its data.

    Attributes:
      config: The configuration.
      processors: The processors, created with the configuration's options.
      warnings: Warnings about the training file, for the data report.
    """

    config: Config
    processors: Processors
    warnings: Sequence[str] = ()


class NoFacts(TypedDict):
    """The facts that are saved with a model whose task learns none."""


class Task(abc.ABC, Generic[ConfigT, ExampleT, RowsT]):
    """Base class: a task whose labels are known, from examples to scores and predictions.

    Class attributes:
      script: The task's script.
      config_class: The class of its configuration.
      example_class: The class of its examples.
      label_unit: The unit of `label_counts`.
      reads_once: Whether a file that is split is kept in memory instead of being read again.
      facts_class: The schema of `facts`.

    Attributes:
      labels: The labels.
      kind: What is predicted: "single_label", "multi_label", "regression", "entities" or "answers".
      text_names: The name of each text of a row: "text", or the names of two texts.
    """

    script: ClassVar[str]
    config_class: ClassVar[Type[Config]]
    example_class: ClassVar[type]
    label_unit: ClassVar[str] = "rows"
    reads_once: ClassVar[bool] = False
    facts_class: ClassVar[Type[Mapping[str, Any]]] = NoFacts
    kind: str
    text_names: Tuple[str, ...] = ("text",)

    def __init__(
        self, config: ConfigT, processors: Processors, model: "Pretrained", labels: Sequence[str]
    ):
        """Creates a task; use `learn` or `restore` instead."""
        self.config = config
        self.processors = processors
        self.model = model
        self.labels = list(labels)

    # Without a model.

    @classmethod
    def needs_no_model(cls, config: ConfigT) -> bool:
        """Returns whether a run only scores predictions that are given as a file."""
        del config
        return False

    @classmethod
    def score_given(cls, config: ConfigT, processor: Type[DataProcessor]) -> Evaluation:
        """Returns the scores of the given predictions, if `needs_no_model`."""
        raise NotImplementedError

    # Before the labels are known.

    @classmethod
    def takes(cls, processor: Type[DataProcessor]) -> bool:
        """Returns whether this task accepts a class of processors."""
        return issubclass(processor.example_class, cls.example_class)

    @classmethod
    @abc.abstractmethod
    def resolve(
        cls,
        config: ConfigT,
        processor: Type[DataProcessor],
        data_dir: str,
        remembered: Collection[str] = (),
    ) -> Resolved:
        """Completes a configuration, using the training file where necessary.

        Args:
          config: The configuration.
          processor: The class that reads the data.
          data_dir: The folder of the data files.
          remembered: The flags whose values are not given, but those of the trained model.
        """

    @classmethod
    def listed_labels(cls, config: ConfigT, processors: Processors) -> Optional[List[str]]:
        """Returns the labels if they are known without training data, else None."""
        del config
        processor_class = type(processors.files)
        with sources.processor_errors(processor_class):
            labels = processors.files.get_labels()
        if labels is None or isinstance(labels, collections.abc.Collection):
            return labels
        raise InputError(
            f"{processor_class.__name__}: get_labels returned {labels!r:.80}; expected a list, or "
            "None."
        )

    @classmethod
    def model_texts(cls, config: ConfigT, example: ExampleT) -> List[str]:
        """Returns the texts of an example as the model sees them, before tokenization."""
        del config
        return example.texts

    @classmethod
    @abc.abstractmethod
    def stratum_of(cls, config: ConfigT) -> Callable[[ExampleT], str]:
        """Returns a function that maps an example to its stratum for --split and --num_folds."""

    @classmethod
    def trains_on_each_stratum(cls, config: ConfigT) -> bool:
        """Returns whether --split must put examples of each stratum into the training part."""
        del config
        return False

    @classmethod
    @abc.abstractmethod
    def learn(
        cls,
        config: ConfigT,
        processors: Processors,
        model: "Pretrained",
        examples: Iterable[ExampleT],
    ) -> "Task[ConfigT, ExampleT, RowsT]":
        """Creates the task of a training run; its labels are listed or found in the examples.

        Raises:
          InputError: The labels are unsuitable for the task.
        """

    @classmethod
    def restore(
        cls,
        config: ConfigT,
        processors: Processors,
        model: "Pretrained",
        labels: Sequence[str],
        facts: Mapping[str, Any],
    ) -> "Task[ConfigT, ExampleT, RowsT]":
        """Creates the task of a trained model from its labels and `facts`."""
        del facts
        return cls(config, processors, model, labels)

    def facts(self) -> Mapping[str, Any]:
        """Returns everything besides the labels that is saved with the model, as JSON values."""
        return {}

    def recall(self, facts: Mapping[str, Any]) -> None:
        """Takes over what was tuned in an earlier evaluation of the model; see `tune`."""
        del facts

    @property
    def max_seq_length(self) -> int:
        """Maximum length of an input in wordpieces, including special tokens."""
        return self.config.require("max_seq_length")

    # From examples to arrays.

    @abc.abstractmethod
    def encode(
        self,
        split: str,
        examples: Iterable[ExampleT],
        errors: Optional[RowErrors] = None,
        is_chunk: bool = False,
    ) -> RowsT:
        """Returns the examples as arrays; without labels if the split is "test".

        Args:
          split: "train", "dev" or "test".
          examples: The examples.
          errors: Collects the errors in labels, for a report; if None, the first one is raised.
          is_chunk: Whether they are a chunk of a stream: then no progress is shown, no process is
            started, and the caller calls `log_truncated` at the end.

        Raises:
          InputError: A label or text is invalid.
        """

    @property
    def conflict(self) -> Tuple[str, str, str]:
        """A row, rows, and how they conflict: they have the same text, but different labels."""
        return LABEL_CONFLICT

    @property
    def truncation_advice(self) -> str:
        """Other ways to handle texts that are truncated, for the data report."""
        return ""

    def log_truncated(self, split: str, truncated: int, rows: int) -> None:
        """Logs how many rows of a split are truncated, if the task truncates rows."""

    @abc.abstractmethod
    def label_counts(self, examples: Iterable[ExampleT], features: RowsT) -> Mapping[str, float]:
        """Returns the number of rows or entities with each label, for the data report."""

    @abc.abstractmethod
    def label_id_counts(self, features: RowsT) -> Sequence[int]:
        """Returns how often each label id occurs: int [L]."""

    def class_weights(self, features: Optional[RowsT]) -> Optional[List[float]]:
        """Returns each label's weight in the loss, or None if all are 1.

        Args:
          features: The training data; if None, --class_weights is only checked.

        Raises:
          UsageError: --class_weights does not match the labels.
        """
        if self.config.class_weights is None:
            return None
        counts = [1] * len(self.labels) if features is None else self.label_id_counts(features)
        return class_weights.parse(self.config.class_weights, self.labels, counts)

    def observations(
        self, split: str, examples: Iterable[ExampleT], features: RowsT, train: Optional[RowsT]
    ) -> List[Observation]:
        """Returns what is unusual in a split, besides what the data report finds in any data.

        Args:
          split: "train", "dev" or "test".
          examples: The examples.
          features: The examples as arrays.
          train: The training data as arrays, if there is any.
        """
        del split, examples, features, train
        return []

    # The model.

    @abc.abstractmethod
    def make_model_fn(self, init_checkpoint: Optional[str], training: "Training") -> "ModelFn":
        """Returns the `model_fn` for `tf.estimator.Estimator`."""

    # From a model's outputs to scores and predictions.

    @property
    @abc.abstractmethod
    def metrics(self) -> Sequence[str]:
        """The metrics that can select the best model, the default first."""

    @abc.abstractmethod
    def score(self, examples: Iterable[ExampleT], features: RowsT, outputs: Outputs) -> Evaluation:
        """Returns the scores of a model's outputs."""

    def with_gold(self, examples: Iterable[ExampleT], features: RowsT) -> Optional[RowsT]:
        """Returns data to predict with its gold labels; None unless it can be scored."""
        del examples, features
        return None

    def tune(self, examples: Iterable[ExampleT], features: RowsT, outputs: Outputs) -> bool:
        """Tunes what is chosen on the dev data, such as thresholds; returns whether facts changed.

        Args:
          examples: The examples of the dev data.
          features: The dev data.
          outputs: The model's outputs for it.
        """
        del examples, features, outputs
        return False

    def check_tuned(self) -> None:
        """Raises `InputError` if what `tune` tunes is unknown, so that nothing can be scored."""

    @abc.abstractmethod
    def details(
        self, examples: Iterable[ExampleT], features: RowsT, outputs: Outputs
    ) -> EvaluationDetails:
        """Returns the details of a model's outputs that report.html shows."""

    @property
    @abc.abstractmethod
    def prediction_files(self) -> Sequence[str]:
        """The names of the files of predictions.

        If the input came from standard input, the last file is copied to standard output.
        """

    @abc.abstractmethod
    def prediction_writer(self, writers: Sequence[IO[str]]) -> WriteRows:
        """Returns a function that writes predictions to the open `prediction_files`, in order."""

    @abc.abstractmethod
    def example_of(self, guid: str, given: object) -> ExampleT:
        """Returns the example for a text that a Python program passes to the model.

        Raises:
          InputError: It is not a text, or whatever else the task predicts.
        """

    @abc.abstractmethod
    def predictions(
        self, examples: Iterable[ExampleT], features: RowsT, outputs: Outputs
    ) -> Iterator[Mapping[str, Any]]:
        """Yields the prediction for each example, as JSON values."""

    def write_derived(self, output_dir: str) -> List[str]:
        """Writes files that are made from the complete `prediction_files`; returns their paths."""
        del output_dir
        return []


def with_stride(config: ConfigT) -> ConfigT:
    """Returns the configuration with --doc_stride, whose default is half a window.

    Raises:
      UsageError: --doc_stride would skip wordpieces between windows.
    """
    room = single_room(config.require("max_seq_length"))
    if config.doc_stride is not None and config.doc_stride > room:
        raise UsageError(
            f"--doc_stride={config.doc_stride}: expected at most {room}, the number of wordpieces "
            f"that fit into a window of --max_seq_length={config.max_seq_length}."
        )
    return config.filled_from({"doc_stride": max(1, room // 2)})
