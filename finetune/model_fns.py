"""`model_fn` builders of classifiers, and what all tasks' builders share."""

import dataclasses
from typing import Callable, Dict, Mapping, NamedTuple, Optional

import tensorflow.compat.v1 as tf

import modeling
import optimization
from finetune import checkpoints
from finetune.hooks import ProgressHook

# How the logits of the windows of one text become those of the text.
POOLINGS = {"mean": tf.math.segment_mean, "max": tf.math.segment_max}


@dataclasses.dataclass(frozen=True)
class Training:
    """How to train.

    Attributes:
      learning_rate: Peak learning rate.
      num_train_steps: Steps of the whole training.
      num_warmup_steps: Steps in which the learning rate rises.
      bias_correction: Whether Adam corrects its moments for their start at zero.
      save_checkpoints_steps: Steps between two checkpoints.
      learning_rate_factors: As of `optimization.create_optimizer`.
      scale_loss: As of `optimization.create_optimizer`.
      new_head: Whether a head in the initial checkpoint is for other labels, and not used.
    """

    learning_rate: float = 0.0
    num_train_steps: int = 0
    num_warmup_steps: int = 0
    bias_correction: bool = True
    save_checkpoints_steps: int = 1000
    learning_rate_factors: Mapping[str, float] = dataclasses.field(default_factory=dict)
    scale_loss: bool = False
    new_head: bool = False


NO_TRAINING = Training()  # For evaluation and prediction


class Head(NamedTuple):
    """What a task makes of a batch, each part when it is asked for."""

    predictions: Callable[[], Dict[str, tf.Tensor]]
    loss: Callable[[], tf.Tensor]
    metrics: Callable[[], dict]


def classifier_model_fn_builder(
    *,
    bert_config: modeling.BertConfig,
    num_labels: int,
    init_checkpoint: Optional[str] = None,
    training: Training = NO_TRAINING,
    pooling: Optional[str] = None,
    padding_free: bool = True,
) -> Callable:
    """Returns the `model_fn` of a classifier.

    Args:
      bert_config: The model's configuration.
      num_labels: Labels L.
      init_checkpoint: Checkpoint to start from. Outside training it must hold all variables.
      training: How to train.
      pooling: How the logits of a text's windows become one: of `POOLINGS`; None: each text is
        one window.
      padding_free: As of `modeling.BertModel`.

    Returns:
      A function of features as of `Features.batch`, labels (unused: they are among the features),
      mode and `RunConfig`. Its predictions are `logits`, float [B, L].
    """

    def build_head(features: dict, is_training: bool) -> Head:
        logits = create_model(bert_config, is_training, features, num_labels, pooling, padding_free)

        def losses():
            return cross_entropy(logits, features["label_ids"])  # [B]

        def metrics():
            predicted = tf.argmax(logits, axis=-1)
            return {
                "eval_accuracy": tf.metrics.accuracy(features["label_ids"], predicted),
                # A mean over rows, not over batches: the last batch may be smaller.
                "eval_loss": tf.metrics.mean(losses()),
            }

        return Head(lambda: {"logits": logits}, lambda: tf.reduce_mean(losses()), metrics)

    return make_model_fn(build_head, init_checkpoint, training)


def multi_label_model_fn_builder(
    *,
    bert_config: modeling.BertConfig,
    num_labels: int,
    init_checkpoint: Optional[str] = None,
    training: Training = NO_TRAINING,
    pooling: Optional[str] = None,
    padding_free: bool = True,
) -> Callable:
    """Returns the `model_fn` of a classifier whose texts have any number of labels.

    Its loss is the binary cross entropy of each label by itself, its mean over rows and labels, as
    Hugging Face's `BertForSequenceClassification` has it.

    Args:
      bert_config, num_labels, init_checkpoint, training, pooling, padding_free: As of
        `classifier_model_fn_builder`.

    Returns:
      A function as of `classifier_model_fn_builder`; its features' `label_ids` are int32 [B, L],
      1 where a row has a label.
    """

    def build_head(features: dict, is_training: bool) -> Head:
        logits = create_model(bert_config, is_training, features, num_labels, pooling, padding_free)

        def losses():
            label_ids = tf.cast(features["label_ids"], tf.float32)
            losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=label_ids, logits=logits)
            return tf.reduce_mean(losses, axis=1)  # [B]

        def metrics():
            given = tf.cast(logits > 0, tf.int32)  # [B, L]
            return {
                "eval_accuracy": tf.metrics.accuracy(features["label_ids"], given),
                "eval_loss": tf.metrics.mean(losses()),
            }

        return Head(lambda: {"logits": logits}, lambda: tf.reduce_mean(losses()), metrics)

    return make_model_fn(build_head, init_checkpoint, training)


def regression_model_fn_builder(
    *,
    bert_config: modeling.BertConfig,
    init_checkpoint: Optional[str] = None,
    training: Training = NO_TRAINING,
    pooling: Optional[str] = None,
    padding_free: bool = True,
) -> Callable:
    """Returns the `model_fn` of a model of numbers, whose loss is the mean squared error.

    Args:
      bert_config, init_checkpoint, training, pooling, padding_free: As of
        `classifier_model_fn_builder`.

    Returns:
      A function as of `classifier_model_fn_builder`; its features' `label_ids` are float32 [B], of
      mean 0 and deviation 1, and its `logits`, float [B, 1], are on the same scale.
    """

    def build_head(features: dict, is_training: bool) -> Head:
        logits = create_model(  # [B, 1]
            bert_config, is_training, features, 1, pooling, padding_free
        )

        def losses():
            return tf.math.squared_difference(logits[:, 0], features["label_ids"])  # [B]

        def metrics():
            return {"eval_loss": tf.metrics.mean(losses())}

        return Head(lambda: {"logits": logits}, lambda: tf.reduce_mean(losses()), metrics)

    return make_model_fn(build_head, init_checkpoint, training)


def make_model_fn(
    build_head: Callable[[dict, bool], Head], init_checkpoint: Optional[str], training: Training
) -> Callable:
    """Makes the `model_fn` of a head, the same for all tasks.

    Args:
      build_head: Makes the head of a batch of features, in training or not.
      init_checkpoint: Checkpoint to start from. Outside training it must hold all variables.
      training: How to train.
    """

    def model_fn(features, labels, mode, config):
        del labels
        is_training = mode == tf.estimator.ModeKeys.TRAIN
        head = build_head(features, is_training)
        if init_checkpoint:
            checkpoints.initialize_from(
                init_checkpoint, trained=not is_training, new_head=training.new_head
            )
        if mode == tf.estimator.ModeKeys.PREDICT:
            return tf.estimator.EstimatorSpec(mode, predictions=head.predictions())
        loss = head.loss()
        if not is_training:
            return tf.estimator.EstimatorSpec(mode, loss=loss, eval_metric_ops=head.metrics())
        # The rate is zero at the step after the last, so that no step is for nothing.
        train_op = optimization.create_optimizer(
            loss,
            training.learning_rate,
            training.num_train_steps + 1,
            training.num_warmup_steps,
            bias_correction=training.bias_correction,
            learning_rate_factors=training.learning_rate_factors,
            scale_loss=training.scale_loss,
        )
        saver = checkpoints.saver_hook(config.model_dir, training.save_checkpoints_steps)
        hooks = [saver, ProgressHook(loss, training.num_train_steps)]
        return tf.estimator.EstimatorSpec(
            mode, loss=loss, train_op=train_op, training_chief_hooks=hooks
        )

    return model_fn


def create_model(
    bert_config: modeling.BertConfig,
    is_training: bool,
    features: dict,
    num_labels: int,
    pooling: Optional[str] = None,
    padding_free: bool = True,
) -> tf.Tensor:
    """Builds BERT and the classifier's head: `[CLS]`, pooler, dropout, dense.

    Args:
      bert_config: The model's configuration.
      is_training: Whether to apply dropout.
      features: `input_ids`, `input_mask`, `segment_ids`: int32 Tensors [W, S] of W windows; for
        pooling, `window_rows`: int32 Tensor [W], the row of each window, in order.
      num_labels: Labels L.
      pooling: How the logits of a row's windows become one: of `POOLINGS`; None: W is B.
      padding_free: As of `modeling.BertModel`.

    Returns:
      Logits, float Tensor [B, L].
    """
    model = run_bert(bert_config, is_training, features, padding_free)
    logits = dense_head(model.get_pooled_output(), bert_config, is_training, num_labels)  # [W, L]
    if pooling is None:
        return logits
    return POOLINGS[pooling](logits, features["window_rows"])  # [B, L]


def run_bert(
    bert_config: modeling.BertConfig, is_training: bool, features: dict, padding_free: bool = True
) -> modeling.BertModel:
    """Builds BERT over `input_ids`, `input_mask` and `segment_ids`, int32 Tensors [rows, S]."""
    return modeling.BertModel(
        config=bert_config,
        is_training=is_training,
        input_ids=features["input_ids"],
        input_mask=features["input_mask"],
        token_type_ids=features["segment_ids"],
        padding_free=padding_free,
    )


def dense_head(
    hidden: tf.Tensor, bert_config: modeling.BertConfig, is_training: bool, num_labels: int
) -> tf.Tensor:
    """Dropout and the last layer: float [rows, H] to [rows, L]."""
    # Names and shapes as Google's run_classifier.py has them in its checkpoints.
    output_weights = tf.get_variable(
        "output_weights",
        [num_labels, bert_config.hidden_size],
        initializer=modeling.create_initializer(bert_config.initializer_range),
    )
    output_bias = tf.get_variable("output_bias", [num_labels], initializer=tf.zeros_initializer())
    if is_training:
        hidden = modeling.dropout(hidden, bert_config.hidden_dropout_prob)
    return tf.nn.bias_add(tf.matmul(hidden, output_weights, transpose_b=True), output_bias)


def cross_entropy(logits: tf.Tensor, label_ids: tf.Tensor) -> tf.Tensor:
    """Returns -log p of each label, float [...], of logits [..., L] and label ids int32 [...]."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=label_ids, logits=logits)
