"""What a task has of its own; `runner` does the rest, the same for all."""

from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, Type

import numpy as np

from finetune import class_weights, sources
from finetune.config import Config
from finetune.evidence import Evidence
from finetune.input_pipeline import Rows
from finetune.model_fns import Training
from finetune.pretrained import Pretrained
from finetune.readers import DataPath
from finetune.survey import Faults
from processors import DataProcessor

# Settings that a training is given, and a model does not keep.
_OF_TRAININGS = (
    "grid", "eval_every", "metric_for_best", "warmup_steps", "class_weights",
    "hidden_dropout_prob", "attention_probs_dropout_prob", "head_dropout_prob", "log_steps",
)  # fmt: skip


class Task:
    """Base class: the ways of one task's examples, from a processor to scores and answers."""

    other_script: str  # Where the tasks are that this one does not take
    default_name: str  # Name of the task for files that are given by flags
    example_class: type
    label_unit = "rows"  # What a label is counted in
    learns_strata = False  # Whether each stratum is to be in the training part of a split

    def __init__(self, config: Config, processor: DataProcessor, model: Pretrained):
        """Keeps what the run is made of."""
        self._config = config
        self._processor = processor
        self._model = model
        self.labels: List[str] = []  # Known once the task has learnt or recalled them

    @classmethod
    def takes(cls, processor: Type[DataProcessor]) -> bool:
        """Returns whether a class of processors is for this task."""
        raise NotImplementedError

    @classmethod
    def lasting(cls, settings: Dict[str, Any], config: Config) -> Dict[str, Any]:
        """Returns what of the settings of a trained model holds for another run with it."""
        others = {"predict_file", "num_folds", *_OF_TRAININGS}
        if config.data_dir:
            others |= {"train_file", "dev_file", "split"}
        if config.dev_file or config.num_folds:
            others.add("split")
        if config.do_check:  # What is asked for is checked, against the model.
            others |= {"data_dir", "train_file", "dev_file", "split"}
        if config.data_dir or config.dev_file or config.predict_file:
            others |= {"data_form", "encoding"}  # They were those of other files.
        if config.max_seq_length is not None:
            others.add("doc_stride")  # It was that of another length.
        if "split" in others:
            others.add("split_seed")
        return {name: value for name, value in settings.items() if name not in others}

    @classmethod
    def with_defaults(cls, config: Config, processor: DataProcessor, data_dir: str) -> Config:
        """Returns the configuration with nothing left open, and tells the processor its part."""
        del processor, data_dir
        return config

    @property
    def max_seq_length(self) -> int:
        """Wordpieces of an input at the most."""
        return self._config.max_seq_length

    @property
    def knows_labels(self) -> bool:
        """Whether the labels are known without training data."""
        return self.listed_labels() is not None

    def listed_labels(self) -> Optional[List[str]]:
        """Returns the labels that are known without training data; None if they are not."""
        with sources.own_errors(type(self._processor)):
            return self._processor.get_labels()

    def learn(self, train_examples: Iterable[Any]) -> None:
        """Takes the labels, and what else is to be known, from the processor or the training data.

        Raises:
          ValueError: The labels are not fit for the task.
        """
        raise NotImplementedError

    def recall(self, labels: List[str], facts: Dict[str, Any]) -> None:
        """Takes the labels, and what else is to be known, from what was kept with a model."""
        del facts
        self.labels = list(labels)

    def facts(self) -> Dict[str, Any]:
        """Returns what, besides the labels, is to be kept with the model."""
        return {}

    def remarks(self) -> List[str]:
        """Returns what is odd about the training file, for the report."""
        return []

    def has_file(self, data_dir: str, split: str) -> bool:
        """Returns whether the data folder has a split."""
        if not sources.reads_its_own_way(self._processor, split):
            return bool(sources.existing(self._processor, data_dir, split))
        try:
            return next(iter(self.source(split, "")), None) is not None
        except (ValueError, OSError):
            return False

    def source(self, split: str, path: str) -> Iterable[Any]:
        """Returns the examples of a split: of a file, or ("") of the processor's own."""
        return sources.from_processor(
            self._processor,
            split,
            data_dir=self._config.data_dir or "",
            path=path,
            encoding=self._config.encoding or DataPath.encoding,
            example_class=self.example_class,
        )

    def checked(self, split: str, examples: Iterable[Any]) -> Iterable[Any]:
        """Returns a split's examples in the form that the task works with.

        Raises:
          ValueError: They are not fit for it.
        """
        del split
        return examples

    def place(self, example: Any) -> str:
        """Returns where an example stands, for messages."""
        return example.where or f"example {example.guid}"

    def stratum(self, example: Any) -> str:
        """Returns that by which rows are dealt out evenly to the parts of a split."""
        raise NotImplementedError

    def texts(self, example: Any) -> Sequence[str]:
        """Returns the text or texts of an example."""
        raise NotImplementedError

    def contents(self, examples: Iterable[Any]) -> Iterator[Tuple]:
        """Yields what of each example a training depends on."""
        raise NotImplementedError

    @property
    def metrics(self) -> Sequence[str]:
        """The scores by which a model can be the best, the default first."""
        raise NotImplementedError

    def refuse_wrong_weights(self) -> None:
        """Raises `UsageError` if --class_weights does not fit the labels."""
        if self._config.class_weights is not None:
            class_weights.parse(self._config.class_weights, self.labels, [1] * len(self.labels))

    def class_weights(self, features: Rows) -> Optional[List[float]]:
        """Returns what each label counts for in the loss, of the training data; None: the same."""
        raise NotImplementedError

    def encode(self, split: str, examples: Iterable[Any], faults: Optional[Faults] = None) -> Rows:
        """Returns the examples as arrays; those of "test" without labels.

        Args:
          split: "train", "dev" or "test".
          examples: The examples.
          faults: Takes what is wrong with labels, for a report; None: it is raised.

        Raises:
          ValueError: A label or text is wrong.
        """
        raise NotImplementedError

    def label_counts(self, examples: Iterable[Any], features: Rows) -> Dict[str, float]:
        """Returns how often each label is there."""
        raise NotImplementedError

    def make_model_fn(self, init_checkpoint: Optional[str], training: Training) -> Callable:
        """Returns the `model_fn` for `tf.estimator.Estimator`."""
        raise NotImplementedError

    def score(
        self, examples: Iterable[Any], features: Rows, outputs: Iterable[Dict[str, np.ndarray]]
    ) -> Tuple[Dict[str, Any], str]:
        """Returns the scores of a model's outputs, and the same as text for people."""
        raise NotImplementedError

    def evidence(
        self, examples: Iterable[Any], features: Rows, outputs: Iterable[Dict[str, np.ndarray]]
    ) -> Evidence:
        """Returns what a report shows of a model's outputs."""
        raise NotImplementedError

    def write_predictions(
        self,
        output_dir: str,
        examples: Iterable[Any],
        features: Rows,
        outputs: Iterable[Dict[str, np.ndarray]],
    ) -> List[str]:
        """Writes a model's answers, one for each example in their order.

        Returns:
          The files; the last one is for standard output, too, where the input came by that way.
        """
        raise NotImplementedError


def refuse_long_stride(config: Config, room: int) -> None:
    """Raises `ValueError` if windows that have room for so many wordpieces would leave some out."""
    if config.doc_stride is not None and config.doc_stride > room:
        raise ValueError(
            f"--doc_stride={config.doc_stride}: expected {room} at the most, the wordpieces that "
            f"--max_seq_length={config.max_seq_length} has room for."
        )
