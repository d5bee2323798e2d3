"""What all tasks' `model_fn` builders share: loading, the loss, the optimizer, what to watch."""

import copy
import dataclasses
from typing import Callable, Dict, Mapping, NamedTuple, Optional, Sequence, Tuple

import tensorflow.compat.v1 as tf

import modeling
import optimization
from finetune.data.batches import IS_LAST_PART, PART
from finetune.models import checkpoints

# Graph collection of the `Watched` of a training graph, for its hooks.
_WATCHED = "finetune_watched"


@dataclasses.dataclass(frozen=True)
class Training:
    """How to train.

    Attributes:
      learning_rate: Peak learning rate.
      num_train_steps: Steps of the whole training.
      num_warmup_steps: Steps over which the learning rate rises.
      schedule, weight_decay, clip_norm, learning_rate_factors, frozen, scale_loss: See
        `optimization.create_optimizer`.
      keep_checkpoint_max: How many recent checkpoints to keep.
      bias_correction: Whether Adam corrects its moments for their start at zero.
      parts: Number of input elements that make one batch; their gradients are accumulated.
      class_weights: float [L], the weight of each label in the loss; None: 1 each.
      label_smoothing: Fraction of each gold label that is spread over all labels.
      dropout: Dropout probabilities that replace the model's own, by their names in `BertConfig`.
      head_dropout: Dropout before the last layer; None: the model's `hidden_dropout_prob`.
      new_head: Whether to ignore a head in the initial checkpoint, as it is for other labels.
    """

    learning_rate: float = 0.0
    num_train_steps: int = 0
    num_warmup_steps: int = 0
    schedule: str = "linear"
    weight_decay: float = optimization.WEIGHT_DECAY
    clip_norm: float = optimization.CLIP_NORM
    bias_correction: bool = True
    learning_rate_factors: Mapping[str, float] = dataclasses.field(default_factory=dict)
    frozen: Sequence[str] = ()
    keep_checkpoint_max: int = 2
    scale_loss: bool = False
    parts: int = 1
    class_weights: Optional[Sequence[float]] = None
    label_smoothing: float = 0.0
    dropout: Mapping[str, float] = dataclasses.field(default_factory=dict)
    head_dropout: Optional[float] = None
    new_head: bool = False

    def adjusted(self, bert_config: modeling.BertConfig) -> modeling.BertConfig:
        """Returns a copy of a model's configuration with this training's dropout."""
        bert_config = copy.copy(bert_config)
        for name, probability in self.dropout.items():
            setattr(bert_config, name, probability)
        return bert_config


NO_TRAINING = Training()  # For evaluation and prediction


class Watched(NamedTuple):
    """Scalar Tensors of a training graph that its hooks read, for one element of the input.

    If a batch comes in parts, the sums over its parts are those of the batch.
    """

    loss_sum: tf.Tensor  # float
    weight: tf.Tensor  # float, divides the sum to give the mean
    rows: tf.Tensor  # int
    wordpieces: tf.Tensor  # int, without padding
    learning_rate: tf.Tensor  # float
    gradient_norm: tf.Tensor  # float, 0 except for the last part of a batch
    ends_step: tf.Tensor  # bool, whether this is the last part of a batch


def watched_in_graph() -> Watched:
    """Returns the `Watched` of the default graph, in which a `model_fn` has built a training."""
    return tf.get_collection(_WATCHED)[-1]


class Head(NamedTuple):
    """What a task computes from a batch; each part is built when it is asked for."""

    predictions: Callable[[], Dict[str, tf.Tensor]]
    # The sum of the losses, and the weight that divides it to give the mean.
    loss: Callable[[], Tuple[tf.Tensor, tf.Tensor]]


def make_model_fn(
    build_head: Callable[[dict, bool], Head], init_checkpoint: Optional[str], training: Training
) -> Callable:
    """Makes a `model_fn` for `tf.estimator.Estimator` from a task's head.

    Args:
      build_head: Builds the head from a batch of features; its second argument tells whether for
        training.
      init_checkpoint: Checkpoint to start from. Outside training, it must hold all variables.
      training: How to train.
    """

    def model_fn(features, labels, mode, config):
        del labels, config
        is_training = mode == tf.estimator.ModeKeys.TRAIN
        in_parts = is_training and training.parts > 1
        if in_parts:
            # Dropout differs between the parts of a batch.
            step = tf.train.get_or_create_global_step() * training.parts + features[PART]
            tf.add_to_collection(modeling.DROPOUT_STEP, step)
        head = build_head(features, is_training)
        if init_checkpoint:
            checkpoints.initialize_from(
                init_checkpoint, trained=not is_training, new_head=training.new_head
            )
        if mode == tf.estimator.ModeKeys.PREDICT:
            return tf.estimator.EstimatorSpec(mode, predictions=head.predictions())
        loss_sum, weight = head.loss()
        loss = tf.div_no_nan(loss_sum, weight)
        if not is_training:
            return tf.estimator.EstimatorSpec(mode, loss=loss)
        ends_step = features[IS_LAST_PART] if in_parts else None
        train_op = _make_train_op(loss, loss_sum, weight, ends_step, training)
        _watch(features, loss_sum, weight, ends_step)
        return _training_spec(loss, train_op, training.keep_checkpoint_max)

    return model_fn


def _make_train_op(
    loss: tf.Tensor,
    loss_sum: tf.Tensor,
    weight: tf.Tensor,
    ends_step: Optional[tf.Tensor],
    training: Training,
) -> tf.Operation:
    """Returns the op of one step, or of one part of a step (`ends_step` None: of a whole step)."""
    accumulation = None
    if ends_step is not None:
        loss, accumulation = loss_sum, optimization.Accumulation(weight, ends_step)
    return optimization.create_optimizer(
        loss,
        training.learning_rate,
        # One more: the rate would be zero in the last step, which would then train nothing.
        training.num_train_steps + 1,
        training.num_warmup_steps,
        bias_correction=training.bias_correction,
        learning_rate_factors=training.learning_rate_factors,
        scale_loss=training.scale_loss,
        weight_decay=training.weight_decay,
        clip_norm=training.clip_norm,
        schedule=training.schedule,
        frozen=training.frozen,
        accumulation=accumulation,
    )


def _watch(
    features: dict, loss_sum: tf.Tensor, weight: tf.Tensor, ends_step: Optional[tf.Tensor]
) -> None:
    graph = tf.get_default_graph()
    watched = Watched(
        loss_sum=loss_sum,
        weight=weight,
        rows=tf.shape(features["label_ids"])[0],
        wordpieces=tf.reduce_sum(features["input_mask"]),
        learning_rate=graph.get_tensor_by_name("learning_rate:0"),
        gradient_norm=graph.get_tensor_by_name("gradient_norm:0"),
        ends_step=tf.constant(True) if ends_step is None else ends_step,
    )
    tf.add_to_collection(_WATCHED, watched)


def _training_spec(
    loss: tf.Tensor, train_op: tf.Operation, keep_checkpoint_max: int
) -> tf.estimator.EstimatorSpec:
    saver = checkpoints.make_saver(keep_checkpoint_max)
    tf.add_to_collection(tf.GraphKeys.SAVERS, saver)  # Where the hook that saves looks for it
    return tf.estimator.EstimatorSpec(
        tf.estimator.ModeKeys.TRAIN,
        loss=loss,
        train_op=train_op,
        scaffold=tf.train.Scaffold(saver=saver),
    )


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
    hidden: tf.Tensor,
    bert_config: modeling.BertConfig,
    is_training: bool,
    num_labels: int,
    dropout: Optional[float] = None,
) -> tf.Tensor:
    """Applies dropout (None: the model's) and the last layer: float [rows, H] to [rows, L]."""
    # Names and shapes are those of Google's run_classifier.py.
    output_weights = tf.get_variable(
        "output_weights",
        [num_labels, bert_config.hidden_size],
        initializer=modeling.create_initializer(bert_config.initializer_range),
    )
    output_bias = tf.get_variable("output_bias", [num_labels], initializer=tf.zeros_initializer())
    if is_training:
        dropout = bert_config.hidden_dropout_prob if dropout is None else dropout
        hidden = modeling.dropout(hidden, dropout)
    return tf.nn.bias_add(tf.matmul(hidden, output_weights, transpose_b=True), output_bias)


def cross_entropy(logits: tf.Tensor, label_ids: tf.Tensor) -> tf.Tensor:
    """Returns -log p of each gold label, float [...], from logits [..., L] and ids int32 [...]."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=label_ids, logits=logits)


def sum_of_losses(
    logits: tf.Tensor, label_ids: tf.Tensor, training: Training
) -> Tuple[tf.Tensor, tf.Tensor]:
    """Returns the sum of the cross entropies, and the weight that divides it to give the mean.

    With class weights w and label smoothing e, the loss of a row with gold label y is, as in
    PyTorch's `CrossEntropyLoss`, (1 - e) w[y] nll[y] + e / L * sum over labels of (w nll), and its
    weight is w[y].

    Args:
      logits: float [rows, L].
      label_ids: int32 [rows].
      training: Has the `class_weights` and the `label_smoothing`.
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
