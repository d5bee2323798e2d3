"""What a task has of its own; `finetune.runs` does the rest, the same for all tasks."""

import abc
import dataclasses
from typing import (
    Any,
    Callable,
    ClassVar,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Type,
)

import numpy as np

from finetune.config.config import Config
from finetune.data import sources
from finetune.data.processor import DataProcessor
from finetune.data.row_statistics import RowErrors
from finetune.data.rows import Rows
from finetune.models.model_fn import Training
from finetune.models.pretrained import Pretrained
from finetune.output.best_model import Scores
from finetune.tasks.mistakes import EvaluationDetails
from finetune.training import class_weights
from finetune.util.errors import UsageError

Outputs = Iterable[Dict[str, np.ndarray]]  # A model's predictions, many rows at a time


class Processors(NamedTuple):
    """What reads a run's data.

    Attributes:
      files: Reads the data set's files.
      bare_text: Reads bare text, one text per line, for example from standard input.
    """

    files: DataProcessor
    bare_text: DataProcessor


@dataclasses.dataclass(frozen=True)
class Resolved:
    """A configuration in which nothing is left open, and what reads its data.

    Attributes:
      config: The configuration.
      processors: Made with the options that the configuration gives.
      warnings: What is odd about the training file, for the data report.
    """

    config: Config
    processors: Processors
    warnings: Sequence[str] = ()


class Task(abc.ABC):
    """Base class: one task, with its labels known, from examples to scores and predictions.

    Class attributes:
      other_script: The script whose tasks this one does not take.
      default_name: The task's name if --train_file is given without --task_name.
      example_class: The class of its examples.
      label_unit: What `label_counts` counts.
    """

    other_script: ClassVar[str]
    default_name: ClassVar[str]
    example_class: ClassVar[type]
    label_unit: ClassVar[str] = "rows"

    def __init__(
        self, config: Config, processors: Processors, model: Pretrained, labels: Sequence[str]
    ):
        """Creates a task; `learn` and `restore` do so."""
        self.config = config
        self.processors = processors
        self.model = model
        self.labels = list(labels)

    # Before the labels are known.

    @classmethod
    def takes(cls, processor: Type[DataProcessor]) -> bool:
        """Returns whether a class of processors is for this task."""
        return issubclass(processor.example_class, cls.example_class)

    @classmethod
    @abc.abstractmethod
    def resolve(cls, config: Config, processor: Type[DataProcessor], data_dir: str) -> Resolved:
        """Fills in what a configuration leaves open, from the training file if need be."""

    @classmethod
    def listed_labels(cls, config: Config, processors: Processors) -> Optional[List[str]]:
        """Returns the labels if they are known without training data, else None."""
        del config
        with sources.processor_errors(type(processors.files)):
            return processors.files.get_labels()

    @classmethod
    def model_texts(cls, config: Config, example: Any) -> List[str]:
        """Returns the texts of an example as the model sees them, before tokenization."""
        del config
        return example.texts

    @classmethod
    @abc.abstractmethod
    def stratum_of(cls, config: Config) -> Callable[[Any], str]:
        """Returns the function by whose value --split and --num_folds stratify examples."""

    @classmethod
    def trains_on_each_stratum(cls, config: Config) -> bool:
        """Returns whether --split must put some of each stratum into the training part."""
        del config
        return False

    @classmethod
    @abc.abstractmethod
    def learn(
        cls,
        config: Config,
        processors: Processors,
        model: Pretrained,
        examples: Iterable[Any],
    ) -> "Task":
        """Makes the task of a training, whose labels are listed or found in the examples.

        Raises:
          InputError: The labels are not fit for the task.
        """

    @classmethod
    def restore(
        cls,
        config: Config,
        processors: Processors,
        model: Pretrained,
        labels: Sequence[str],
        facts: Mapping[str, Any],
    ) -> "Task":
        """Makes the task of a trained model from its labels and `facts`."""
        del facts
        return cls(config, processors, model, labels)

    def facts(self) -> Mapping[str, Any]:
        """Returns what, besides the labels, is kept with the model, as JSON can hold it."""
        return {}

    # From examples to arrays.

    @abc.abstractmethod
    def encode(
        self, split: str, examples: Iterable[Any], errors: Optional[RowErrors] = None
    ) -> Rows:
        """Returns the examples as arrays; those of "test" without labels.

        Args:
          split: "train", "dev" or "test".
          examples: The examples.
          errors: Collects the errors in labels, for a report; None: the first one is raised.

        Raises:
          InputError: A label or text is wrong.
        """

    @abc.abstractmethod
    def label_counts(self, examples: Iterable[Any], features: Rows) -> Dict[str, float]:
        """Returns how often each label occurs, in `label_unit`s, for the data report."""

    @abc.abstractmethod
    def label_id_counts(self, features: Rows) -> Sequence[int]:
        """Returns how often each label id occurs: int [L]."""

    def class_weights(self, features: Optional[Rows]) -> Optional[List[float]]:
        """Returns each label's weight in the loss, or None if all are 1.

        Args:
          features: The training data; None only checks --class_weights.

        Raises:
          UsageError: --class_weights does not fit the labels.
        """
        if self.config.class_weights is None:
            return None
        counts = [1] * len(self.labels) if features is None else self.label_id_counts(features)
        return class_weights.parse(self.config.class_weights, self.labels, counts)

    # The model.

    @abc.abstractmethod
    def make_model_fn(self, init_checkpoint: Optional[str], training: Training) -> Callable:
        """Returns the `model_fn` for `tf.estimator.Estimator`."""

    # From a model's outputs to scores and predictions.

    @property
    @abc.abstractmethod
    def metrics(self) -> Sequence[str]:
        """The metrics that can select the best model, the default first."""

    @abc.abstractmethod
    def score(
        self, examples: Iterable[Any], features: Rows, outputs: Outputs
    ) -> Tuple[Scores, str]:
        """Returns the scores of a model's outputs, and the same as human-readable text."""

    @abc.abstractmethod
    def details(
        self, examples: Iterable[Any], features: Rows, outputs: Outputs
    ) -> EvaluationDetails:
        """Returns what report.html shows of a model's outputs."""

    @abc.abstractmethod
    def write_predictions(
        self, output_dir: str, examples: Iterable[Any], features: Rows, outputs: Outputs
    ) -> List[str]:
        """Writes a model's predictions, one for each example, in order.

        Returns:
          The files. The last one is copied to standard output if the input came from there.
        """


def check_stride(config: Config, room: int) -> None:
    """Raises `UsageError` if windows of `room` wordpieces would leave some out between them."""
    if config.doc_stride is not None and config.doc_stride > room:
        raise UsageError(
            f"--doc_stride={config.doc_stride}: expected at most {room}, the wordpieces that fit "
            f"into a window of --max_seq_length={config.max_seq_length}."
        )
