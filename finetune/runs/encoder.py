"""The encoder of a trained or pretrained model, which turns texts into vectors."""

from typing import Iterable, Optional, Tuple

from finetune.data.processor import InputExample
from finetune.data.truncation import Cut
from finetune.models.model_fn import ModelFn, Training
from finetune.models.sentence_vectors import sentence_vectors_model_fn_builder
from finetune.runs.resolve import Run
from finetune.tasks.classification.config import ClassifierConfig
from finetune.tasks.classification.features import Features, encode_examples
from finetune.util.errors import InputError


class Encoder:
    """Encodes texts, and makes the `model_fn` that computes their vectors."""

    def __init__(self, run: Run):
        self._run = run

    def encode(self, texts: Iterable[Tuple[int, object]]) -> Features:
        """Returns texts as arrays; those that are too long are truncated.

        Args:
          texts: The texts, each with its number for messages.

        Raises:
          InputError: One of them is not a text.
        """
        config = self._run.config
        return encode_examples(
            [_example(number, text) for number, text in texts],
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


def _example(number: int, text: object) -> InputExample:
    if not isinstance(text, str):
        raise InputError(f"text {number}: found {text!r:.80}; expected a text.")
    return InputExample(f"text {number}", text)
