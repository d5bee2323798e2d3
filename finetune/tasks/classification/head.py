"""`model_fn` builders of classifiers: BERT's pooled output, dropout, a dense layer, a loss."""

import dataclasses
from typing import Any, Callable, Mapping, Optional, Tuple

import tensorflow.compat.v1 as tf

import modeling
from finetune.models.head_layers import dense_head, sum_of_losses
from finetune.models.model_fn import (
    NO_TRAINING,
    Head,
    ModelFn,
    Training,
    make_model_fn,
    run_bert,
)
from finetune.tasks.classification.config import MULTI_LABEL, REGRESSION

# How the logits of a text's windows are combined.
POOLINGS = {"mean": tf.math.segment_mean, "max": tf.math.segment_max}

# Maps logits and a batch of features to the sum of the losses and the weight to divide it by.
_Loss = Callable[[tf.Tensor, dict], Tuple[tf.Tensor, tf.Tensor]]


@dataclasses.dataclass(frozen=True)
class GraphSettings:
    """Settings of a classifier's graph, whatever its problem type.

    Attributes:
      bert_config: The model's configuration.
      init_checkpoint: Checkpoint to start from. Outside training, it must contain all variables.
      training: How to train.
      pooling: How to combine the logits of a text's windows: a key of `POOLINGS`; None if each
        text is one window.
      padding_free: See `modeling.BertModel`.
    """

    bert_config: modeling.BertConfig
    init_checkpoint: Optional[str] = None
    training: Training = NO_TRAINING
    pooling: Optional[str] = None
    padding_free: bool = True


def build_model_fn(problem_type: str, settings: GraphSettings, num_labels: int) -> ModelFn:
    """Returns the `model_fn` for `tf.estimator.Estimator` of a problem type."""
    if problem_type == REGRESSION:
        return regression_model_fn_builder(settings)
    if problem_type == MULTI_LABEL:
        return multi_label_model_fn_builder(settings, num_labels)
    return classifier_model_fn_builder(settings, num_labels)


def classifier_model_fn_builder(settings: GraphSettings, num_labels: int) -> ModelFn:
    """Returns the `model_fn` of a classifier whose texts have one label each.

    Args:
      settings: Settings of the graph.
      num_labels: Number of labels L.

    Returns:
      A function of features (see `Features.batch`), labels (unused: the features contain them),
      mode and `RunConfig`. Its predictions are `logits`, float [B, L].
    """

    def loss(logits: tf.Tensor, features: dict) -> Tuple[tf.Tensor, tf.Tensor]:
        return sum_of_losses(logits, features["label_ids"], settings.training)

    return _build_model_fn(settings, num_labels, loss)


def multi_label_model_fn_builder(settings: GraphSettings, num_labels: int) -> ModelFn:
    """Returns the `model_fn` of a classifier whose texts have any number of labels.

    The loss is the binary cross entropy of each label, averaged over rows and labels, as in Hugging
    Face's `BertForSequenceClassification`.

    Args:
      settings: Settings of the graph.
      num_labels: Number of labels L.

    Returns:
      A function like that of `classifier_model_fn_builder`; `label_ids` in its features are int32
      [B, L], 1 where a row has a label.
    """

    def loss(logits: tf.Tensor, features: dict) -> Tuple[tf.Tensor, tf.Tensor]:
        label_ids = tf.cast(features["label_ids"], tf.float32)
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=label_ids, logits=logits)
        per_row = tf.reduce_mean(losses, axis=1)  # [B]
        return _sum_and_count(per_row)

    return _build_model_fn(settings, num_labels, loss)


def regression_model_fn_builder(settings: GraphSettings) -> ModelFn:
    """Returns the `model_fn` of a regression model, whose loss is the mean squared error.

    Args:
      settings: Settings of the graph.

    Returns:
      A function like that of `classifier_model_fn_builder`; `label_ids` in its features are
      float32 [B], standardised, and its `logits`, float [B, 1], are on the same scale.
    """

    def loss(logits: tf.Tensor, features: dict) -> Tuple[tf.Tensor, tf.Tensor]:
        errors = tf.math.squared_difference(logits[:, 0], features["label_ids"])  # [B]
        return _sum_and_count(errors)

    return _build_model_fn(settings, 1, loss)


def _build_model_fn(settings: GraphSettings, num_outputs: int, loss: _Loss) -> ModelFn:
    def build_head(features: dict, is_training: bool) -> Head:
        logits = create_model(
            settings.bert_config,
            is_training,
            features,
            num_outputs,
            settings.pooling,
            settings.padding_free,
            settings.training.head_dropout,
        )
        return Head(lambda: {"logits": logits}, lambda: loss(logits, features))

    return make_model_fn(build_head, settings.init_checkpoint, settings.training)


def create_model(
    bert_config: modeling.BertConfig,
    is_training: bool,
    features: dict,
    num_labels: int,
    pooling: Optional[str] = None,
    padding_free: bool = True,
    head_dropout: Optional[float] = None,
) -> tf.Tensor:
    """Builds BERT and the classifier's head: `[CLS]`, pooler, dropout, dense layer.

    Args:
      bert_config: The model's configuration.
      is_training: Whether to apply dropout.
      features: `input_ids`, `input_mask`, `segment_ids`: int32 Tensors [W, S], for W windows; for
        pooling, also `window_rows`: int32 Tensor [W], the row of each window, in order.
      num_labels: Number of labels L.
      pooling: How to combine the logits of a row's windows: a key of `POOLINGS`; None if
        each row is one window, so that W is B.
      padding_free: See `modeling.BertModel`.
      head_dropout: See `Training`.

    Returns:
      Logits, float Tensor [B, L].
    """
    model = run_bert(bert_config, is_training, features, padding_free)
    logits = dense_head(  # [W, L]
        model.get_pooled_output(), bert_config, is_training, num_labels, head_dropout
    )
    return pooled(logits, features, pooling)  # [B, L]


def pooled(logits: tf.Tensor, features: Mapping[str, tf.Tensor], pooling: Optional[str]) -> Any:
    """Returns the logits of texts, [B, L], from those of their windows, [W, L]."""
    if pooling is None:
        return logits
    return POOLINGS[pooling](logits, features["window_rows"])


def _sum_and_count(losses: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
    return tf.reduce_sum(losses), tf.cast(tf.size(losses), losses.dtype)
