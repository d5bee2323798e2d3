"""The `model_fn` builder of question answering: BERT, and where the answer starts and ends."""

from typing import Dict, Optional, Tuple

import tensorflow.compat.v1 as tf

import modeling
from finetune.data.rows import NO_LABEL
from finetune.models.head_layers import dense_head
from finetune.models.model_fn import (
    NO_TRAINING,
    Head,
    ModelFn,
    Training,
    make_model_fn,
    run_bert,
)

_IMPOSSIBLE = -1e9  # Added to a logit, makes its probability 0


def answer_model_fn_builder(
    *,
    bert_config: modeling.BertConfig,
    init_checkpoint: Optional[str] = None,
    training: Training = NO_TRAINING,
    padding_free: bool = True,
) -> ModelFn:
    """Returns the `model_fn` that scores each wordpiece as the start and as the end of the answer.

    Args:
      bert_config: The model's configuration.
      init_checkpoint: Checkpoint to start from. Outside training, it must contain all variables.
      training: How to train.
      padding_free: See `modeling.BertModel`.

    Returns:
      A function of features (see `QuestionFeatures.batch`), labels (unused: the features contain
      them), mode and `RunConfig`. Its predictions are `start_logits` and `end_logits`, float
      [B, S], and `negative_log_likelihood`, float [B], in nats, of each window's gold answers; 0
      for a window without labels.
    """

    def build_head(features: dict, is_training: bool) -> Head:
        logits = create_model(
            bert_config, is_training, features, padding_free, training.head_dropout
        )
        return head_of_logits(logits, features)

    return make_model_fn(build_head, init_checkpoint, training)


def head_of_logits(logits: tf.Tensor, features: dict) -> Head:
    """Returns the head's predictions and loss from its logits, float [B, S, 2]."""
    nll, is_labelled = gold_nll(logits, features)

    def predictions() -> Dict[str, tf.Tensor]:
        start_logits, end_logits = tf.unstack(logits, axis=2)  # [B, S] each
        return {
            "start_logits": start_logits,
            "end_logits": end_logits,
            "negative_log_likelihood": nll,
        }

    return Head(predictions, lambda: (tf.reduce_sum(nll), tf.reduce_sum(is_labelled)))


def create_model(
    bert_config: modeling.BertConfig,
    is_training: bool,
    features: dict,
    padding_free: bool = True,
    head_dropout: Optional[float] = None,
) -> tf.Tensor:
    """Builds BERT and the last layer, whose variables are those of Google's run_squad.py.

    Args:
      bert_config: The model's configuration.
      is_training: Whether to apply dropout.
      features: `input_ids`, `input_mask`, `segment_ids`: int32 Tensors [B, S].
      padding_free: See `modeling.BertModel`.
      head_dropout: Dropout before the last layer; None for none, as in Google's.

    Returns:
      The logits of start and end, float Tensor [B, S, 2].
    """
    model = run_bert(bert_config, is_training, features, padding_free)
    hidden = model.get_sequence_output()  # [B, S, H]
    shape = modeling.get_shape_list(hidden)
    flat = tf.reshape(hidden, [-1, shape[2]])  # [B * S, H]
    with tf.variable_scope("cls/squad"):
        logits = dense_head(flat, bert_config, is_training, 2, head_dropout or 0.0)  # [B * S, 2]
    return tf.reshape(logits, [shape[0], shape[1], 2])  # [B, S, 2]


def gold_nll(logits: tf.Tensor, features: dict) -> Tuple[tf.Tensor, tf.Tensor]:
    """Returns each window's loss, and whether it has labels.

    The probability of a span is that of its start times that of its end, each a softmax over the
    context and `[CLS]`. The loss is -log p / 2, where p is the sum over the gold spans. With one
    gold span it is the loss of Google's run_squad.py: the mean of the start's and the end's.

    Args:
      logits: float [B, S, 2].
      features: `answer_mask`, int32 [B, S]; `label_ids`, int32 [B, A, 2].

    Returns:
      The loss in nats, 0 without labels, and 1.0 for windows with labels, else 0.0: float [B].
    """
    is_impossible = 1.0 - tf.cast(features["answer_mask"], tf.float32)  # [B, S]
    masked = logits + _IMPOSSIBLE * is_impossible[:, :, tf.newaxis]  # [B, S, 2]
    log_probs = tf.nn.log_softmax(masked, axis=1)  # [B, S, 2]
    label_ids = features["label_ids"]  # [B, A, 2]
    positions = tf.maximum(label_ids, 0)
    start, end = (
        tf.gather(log_probs[:, :, i], positions[:, :, i], batch_dims=1) for i in range(2)
    )  # [B, A] each
    is_gold = tf.not_equal(label_ids[:, :, 0], NO_LABEL)  # [B, A]
    spans = start + end + _IMPOSSIBLE * (1.0 - tf.cast(is_gold, tf.float32))  # [B, A]
    is_labelled = tf.cast(tf.reduce_any(is_gold, axis=1), tf.float32)  # [B]
    return -0.5 * tf.reduce_logsumexp(spans, axis=1) * is_labelled, is_labelled
