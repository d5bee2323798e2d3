"""A `model_fn` that turns each text into a vector: the encoder's output, pooled over its tokens."""

from typing import Optional, Tuple

import tensorflow.compat.v1 as tf

import modeling
from finetune.models.model_fn import NO_TRAINING, Head, ModelFn, make_model_fn, run_bert


def sentence_vectors_model_fn_builder(
    bert_config: modeling.BertConfig, init_checkpoint: Optional[str], padding_free: bool = True
) -> ModelFn:
    """Returns the `model_fn`, which only predicts.

    Args:
      bert_config: The model's configuration.
      init_checkpoint: The checkpoint with the encoder.
      padding_free: See `modeling.BertModel`.

    Returns:
      A function of features like those of a classifier. Its predictions are the vectors by the
      names in `output_flags.POOLINGS`, float [B, H].
    """

    def build_head(features: dict, is_training: bool) -> Head:
        model = run_bert(bert_config, is_training, features, padding_free)
        hidden = model.get_sequence_output()  # [B, S, H]
        is_token = tf.cast(features["input_mask"], tf.bool)[:, :, tf.newaxis]  # [B, S, 1]
        kept = tf.where(is_token & tf.ones_like(hidden, tf.bool), hidden, tf.zeros_like(hidden))
        number = tf.reduce_sum(tf.cast(is_token, hidden.dtype), axis=1)  # [B, 1]
        lowest = (1.0 - tf.cast(is_token, hidden.dtype)) * hidden.dtype.min
        vectors = {
            "mean": tf.reduce_sum(kept, axis=1) / number,
            "cls": hidden[:, 0],
            "max": tf.reduce_max(kept + lowest, axis=1),
        }
        return Head(lambda: vectors, _no_loss)

    return make_model_fn(build_head, init_checkpoint, NO_TRAINING)


def _no_loss() -> Tuple[tf.Tensor, tf.Tensor]:
    raise NotImplementedError("Sentence vectors are not trained.")
