"""What a task has of its own; `runner` does the rest, the same for all."""

from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple, Type

import numpy as np

from finetune.config import Config
from finetune.input_pipeline import Rows
from finetune.model_fns import Training
from finetune.pretrained import Pretrained
from processors import DataProcessor


class Task:
    """Base class: the ways of one task's examples, from a processor to scores and answers."""

    other_script: str  # Where the tasks are that this one does not take

    def __init__(self, config: Config, processor: DataProcessor, model: Pretrained):
        """Keeps what the run is made of."""
        self._config = config
        self._processor = processor
        self._model = model

    @classmethod
    def takes(cls, processor: Type[DataProcessor]) -> bool:
        """Returns whether a class of processors is for this task."""
        raise NotImplementedError

    @classmethod
    def lasting(cls, settings: Dict[str, Any], config: Config) -> Dict[str, Any]:
        """Returns what of the settings of a trained model holds for another run with it."""
        del config
        return settings

    @classmethod
    def with_defaults(cls, config: Config, processor: DataProcessor, data_dir: str) -> Config:
        """Returns the configuration with nothing left open, and tells the processor its part."""
        del processor, data_dir
        return config

    def read(self, split: str, data_dir: str) -> List[Any]:
        """Returns the examples of a split, as the processor reads them."""
        return getattr(self._processor, f"get_{split}_examples")(data_dir)

    def checked(self, split: str, examples: List[Any]) -> List[Any]:
        """Returns a split's examples in the form that the task works with.

        Raises:
          ValueError: They are not fit for it.
        """
        del split
        return examples

    def labels(self, train_examples: List[Any]) -> List[str]:
        """Returns the label list: that of the processor, or of the training data."""
        raise NotImplementedError

    def contents(self, examples: List[Any]) -> Iterator[Tuple]:
        """Yields what of each example a training depends on."""
        raise NotImplementedError

    def encode(self, split: str, examples: List[Any], labels: Optional[List[str]]) -> Rows:
        """Returns the examples as arrays; without labels, if these are None."""
        raise NotImplementedError

    def make_model_fn(
        self, labels: List[str], init_checkpoint: Optional[str], training: Training
    ) -> Callable:
        """Returns the `model_fn` for `tf.estimator.Estimator`."""
        raise NotImplementedError

    def score(
        self,
        examples: List[Any],
        features: Rows,
        outputs: Iterable[Dict[str, np.ndarray]],
        labels: List[str],
    ) -> Tuple[Dict[str, Any], str]:
        """Returns the scores of a model's outputs, and the same as text for people."""
        raise NotImplementedError

    def write_predictions(
        self,
        output_dir: str,
        examples: List[Any],
        features: Rows,
        outputs: Iterable[Dict[str, np.ndarray]],
        labels: List[str],
    ) -> List[str]:
        """Writes a model's answers, one for each example in their order; returns the files."""
        raise NotImplementedError
