"""The encoder of a trained or pretrained model, which turns texts into vectors."""

from typing import Iterable, Mapping, Optional

import numpy as np

from finetune.data.processor import InputExample
from finetune.data.truncation import Cut
from finetune.models.model_fn import ModelFn, Training
from finetune.models.sentence_vectors import sentence_vectors_model_fn_builder
from finetune.runs.resolve import Run
from finetune.tasks.classification.config import ClassifierConfig
from finetune.tasks.classification.features import Features, encode_examples


class Encoder:
    """Encodes texts, and makes the `model_fn` that computes their vectors.

    Attributes:
      width: Number of components of a vector.
    """

    def __init__(self, run: Run):
        self.width = run.model.bert_config.hidden_size
        self._run = run

    def encode(self, examples: Iterable[InputExample]) -> Features:
        """Returns texts as arrays; those that are too long are truncated."""
        config = self._run.config
        return encode_examples(
            examples,
            targets=None,
            cut=Cut(max_seq_length=self._run.max_seq_length),
            clean_steps=config.clean_steps if isinstance(config, ClassifierConfig) else (),
            tokenizer=self._run.model.tokenizer,
            may_fork=False,
        )

    def make_model_fn(self, init_checkpoint: Optional[str], training: Training) -> ModelFn:
        """Returns the `model_fn` for `tf.estimator.Estimator`."""
        del training
        return sentence_vectors_model_fn_builder(
            self._run.model.bert_config, init_checkpoint, not self._run.config.computes_padding
        )


def pooled(outputs: Mapping[str, np.ndarray], pooling: str, normalize: bool) -> np.ndarray:
    """Returns the vectors of texts.

    Args:
      outputs: What the encoder's `model_fn` computes for the texts.
      pooling: One of `output_flags.POOLINGS`.
      normalize: Whether to divide each vector by its length.

    Returns:
      float32 [texts, width].
    """
    vectors = outputs[pooling].astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True) if normalize else vectors
