"""The classifier's task: one label for each text or pair of texts."""

import logging
import os
from typing import Callable, Dict, Iterable, Iterator, List, Optional, Tuple, Type

import numpy as np

from finetune import metrics, model_fns, predictions
from finetune.features import Features, encode_examples, place
from finetune.tasks import Task
from processors import DataProcessor, InputExample, NERProcessor

_log = logging.getLogger(__name__)


class Classification(Task):
    """What `run_classifier.py` does with its data and its model."""

    other_script = "run_ner.py"

    @classmethod
    def takes(cls, processor: Type[DataProcessor]) -> bool:
        return not issubclass(processor, NERProcessor)

    def labels(self, train_examples: List[InputExample]) -> List[str]:
        return label_list(self._processor, train_examples)

    def contents(self, examples: List[InputExample]) -> Iterator[Tuple]:
        return ((example.text_a, example.text_b, example.label) for example in examples)

    def encode(
        self, split: str, examples: List[InputExample], labels: Optional[List[str]]
    ) -> Features:
        features = encode_examples(
            examples,
            labels=labels,
            max_seq_length=self._config.max_seq_length,
            tokenizer=self._model.tokenizer,
        )
        if features.num_truncated:
            _log.info(
                "%s: %d of %d rows are cut at --max_seq_length=%d",
                split,
                features.num_truncated,
                len(features),
                self._config.max_seq_length,
            )
        return features

    def make_model_fn(
        self, labels: List[str], init_checkpoint: Optional[str], training: model_fns.Training
    ) -> Callable:
        return model_fns.classifier_model_fn_builder(
            bert_config=self._model.bert_config,
            num_labels=len(labels),
            init_checkpoint=init_checkpoint,
            training=training,
        )

    def score(
        self,
        examples: List[InputExample],
        features: Features,
        outputs: Iterable[Dict[str, np.ndarray]],
        labels: List[str],
    ) -> Tuple[dict, str]:
        logits = np.concatenate([batch["logits"] for batch in outputs])
        scores = metrics.classification_scores(features.label_ids, logits, labels)
        return scores, metrics.format_scores(scores)

    def write_predictions(
        self,
        output_dir: str,
        examples: List[InputExample],
        features: Features,
        outputs: Iterable[Dict[str, np.ndarray]],
        labels: List[str],
    ) -> List[str]:
        path = os.path.join(output_dir, "test_results.tsv")
        logits = (batch["logits"] for batch in outputs)
        predictions.write_classification(path, examples, logits, labels)
        return [path]


def label_list(processor: DataProcessor, train_examples: List[InputExample]) -> List[str]:
    """Returns a task's labels: those of its processor, or else those of its training data, sorted.

    Raises:
      ValueError: There are fewer than two, or another number than the processor says.
    """
    labels = processor.get_labels()
    if labels is None:
        found = {e.label: e for e in reversed(train_examples)}
        for label, example in found.items():
            if label is not None and not isinstance(label, str):
                raise ValueError(f"{place(example)}: the label is {label!r}; expected a string.")
        labels = sorted(label for label in found if label is not None and label.strip())
    if len(set(labels)) < len(labels):
        raise ValueError(f"{type(processor).__name__}: a label is listed twice: {labels}.")
    wanted = getattr(processor, "num_labels", None)
    if len(labels) < 2 or (wanted is not None and len(labels) != wanted):
        raise ValueError(
            f"{len(labels)} label(s) found ({', '.join(map(repr, labels[:20]))}); "
            f"{type(processor).__name__} expects {wanted or 'two or more'}."
        )
    return list(labels)
