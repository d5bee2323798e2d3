"""The last layer of a head, and the losses that tasks share."""

from typing import Optional, Tuple

import tensorflow.compat.v1 as tf

import modeling
from finetune.models.model_fn import Training


def dense_head(
    hidden: tf.Tensor,
    bert_config: modeling.BertConfig,
    is_training: bool,
    num_labels: int,
    dropout: Optional[float] = None,
) -> tf.Tensor:
    """Applies dropout and the last layer.

    Args:
      hidden: float [rows, H].
      bert_config: The model's configuration.
      is_training: Whether to apply dropout.
      num_labels: Number of labels L.
      dropout: Dropout probability; None to use the model's `classifier_dropout` or, if that is
        unset, its `hidden_dropout_prob`.

    Returns:
      Logits, float [rows, L].
    """
    # The names and shapes of the variables are those of Google's run_classifier.py.
    output_weights = tf.get_variable(
        "output_weights",
        [num_labels, bert_config.hidden_size],
        initializer=modeling.create_initializer(bert_config.initializer_range),
    )
    output_bias = tf.get_variable("output_bias", [num_labels], initializer=tf.zeros_initializer())
    if is_training:
        if dropout is None:
            dropout = bert_config.classifier_dropout
        dropout = bert_config.hidden_dropout_prob if dropout is None else dropout
        hidden = modeling.dropout(hidden, dropout)
    return tf.nn.bias_add(tf.matmul(hidden, output_weights, transpose_b=True), output_bias)


def cross_entropy(logits: tf.Tensor, label_ids: tf.Tensor) -> tf.Tensor:
    """Returns -log p of each gold label, float [...], from logits [..., L] and ids int32 [...]."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=label_ids, logits=logits)


def sum_of_losses(
    logits: tf.Tensor, label_ids: tf.Tensor, training: Training
) -> Tuple[tf.Tensor, tf.Tensor]:
    """Returns the sum of the cross entropies, and the weight by which to divide it for the mean.

    With class weights w and label smoothing e, the loss of a row with gold label y is, as in
    PyTorch's `CrossEntropyLoss`, (1 - e) w[y] nll[y] + e / L * sum over labels of (w nll), and its
    weight is w[y].

    Args:
      logits: float [rows, L].
      label_ids: int32 [rows].
      training: Contains the `class_weights` and the `label_smoothing`.
    """
    losses = cross_entropy(logits, label_ids)  # [rows]
    weights = tf.ones_like(losses)
    if training.class_weights is not None:
        weights = tf.gather(tf.constant(training.class_weights, logits.dtype), label_ids)  # [rows]
        losses *= weights
    if training.label_smoothing:
        per_label = -tf.nn.log_softmax(logits)  # [rows, L]
        if training.class_weights is not None:
            per_label *= tf.constant(training.class_weights, logits.dtype)
        spread = tf.reduce_mean(per_label, axis=-1)
        losses = (1.0 - training.label_smoothing) * losses + training.label_smoothing * spread
    return tf.reduce_sum(losses), tf.reduce_sum(weights)
