"""`model_fn` builders of classifiers, and what all tasks' builders share."""

import copy
import dataclasses
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import tensorflow.compat.v1 as tf

import modeling
import optimization
from finetune import checkpoints
from finetune.input_pipeline import IS_LAST_PART, PART

# How the logits of the windows of one text become those of the text.
POOLINGS = {"mean": tf.math.segment_mean, "max": tf.math.segment_max}


@dataclasses.dataclass(frozen=True)
class Training:
    """How to train.

    Attributes:
      learning_rate: Peak learning rate.
      num_train_steps: Steps of the whole training.
      num_warmup_steps: Steps in which the learning rate rises.
      schedule, weight_decay, clip_norm, learning_rate_factors, frozen, scale_loss: As of
        `optimization.create_optimizer`.
      keep_checkpoint_max: Checkpoints of the training that are kept, the newest.
      bias_correction: Whether Adam corrects its moments for their start at zero.
      parts: Elements of the input that make a batch: their gradients are added up.
      class_weights: float [L], what each label counts for in the loss; None: all the same.
      label_smoothing: Share of each label that is spread over all labels.
      dropout: Probabilities of dropout other than the model's own, by their names in `BertConfig`.
      head_dropout: That before the last layer; None: the model's `hidden_dropout_prob`.
      new_head: Whether a head in the initial checkpoint is for other labels, and not used.
      hooks: Makes the hooks of the training, in its graph, of `Watched` and the `tf.train.Saver`.
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
    hooks: Callable[..., List[tf.train.SessionRunHook]] = lambda watched, saver: []

    def adjusted(self, bert_config: modeling.BertConfig) -> modeling.BertConfig:
        """Returns a model's configuration with this training's dropout."""
        bert_config = copy.copy(bert_config)
        for name, probability in self.dropout.items():
            setattr(bert_config, name, probability)
        return bert_config


NO_TRAINING = Training()  # For evaluation and prediction


class Watched(NamedTuple):
    """What of one element of a training's input can be watched: scalar Tensors.

    Of a batch in parts, the sums over the parts are those of the batch.
    """

    loss_sum: tf.Tensor  # float
    weight: tf.Tensor  # float: what the sum is to be divided by
    rows: tf.Tensor  # int
    wordpieces: tf.Tensor  # int, padding not among them
    learning_rate: tf.Tensor  # float
    gradient_norm: tf.Tensor  # float; 0 but for the last part of a batch
    ends_step: tf.Tensor  # bool: whether it is the last part of a batch


class Head(NamedTuple):
    """What a task makes of a batch, each part when it is asked for."""

    predictions: Callable[[], Dict[str, tf.Tensor]]
    # The sum of what is to be minimized, and what it is to be divided by for the mean.
    loss: Callable[[], Tuple[tf.Tensor, tf.Tensor]]
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

    def make_head(logits: tf.Tensor, features: dict) -> Head:
        def loss():
            return sum_of_losses(logits, features["label_ids"], training)

        def metrics():
            predicted = tf.argmax(logits, axis=-1)
            losses = cross_entropy(logits, features["label_ids"])  # [B]
            return {
                "eval_accuracy": tf.metrics.accuracy(features["label_ids"], predicted),
                # A mean over rows, not over batches: the last batch may be smaller.
                "eval_loss": tf.metrics.mean(losses),
            }

        return Head(lambda: {"logits": logits}, loss, metrics)

    build_logits = _logits_builder(bert_config, num_labels, training, pooling, padding_free)
    return _model_fn_of_logits(build_logits, make_head, init_checkpoint, training)


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

    def make_head(logits: tf.Tensor, features: dict) -> Head:
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

        return Head(lambda: {"logits": logits}, lambda: _sum_and_count(losses()), metrics)

    build_logits = _logits_builder(bert_config, num_labels, training, pooling, padding_free)
    return _model_fn_of_logits(build_logits, make_head, init_checkpoint, training)


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

    def make_head(logits: tf.Tensor, features: dict) -> Head:
        def losses():
            return tf.math.squared_difference(logits[:, 0], features["label_ids"])  # [B]

        def metrics():
            return {"eval_loss": tf.metrics.mean(losses())}

        return Head(lambda: {"logits": logits}, lambda: _sum_and_count(losses()), metrics)

    build_logits = _logits_builder(bert_config, 1, training, pooling, padding_free)
    return _model_fn_of_logits(build_logits, make_head, init_checkpoint, training)


def _logits_builder(
    bert_config: modeling.BertConfig,
    num_outputs: int,
    training: Training,
    pooling: Optional[str],
    padding_free: bool,
) -> Callable[[dict, bool], tf.Tensor]:
    def build(features: dict, is_training: bool) -> tf.Tensor:
        dropout = training.head_dropout
        return create_model(
            bert_config, is_training, features, num_outputs, pooling, padding_free, dropout
        )

    return build


def _model_fn_of_logits(
    build_logits: Callable[[dict, bool], tf.Tensor],
    make_head: Callable[[tf.Tensor, dict], Head],
    init_checkpoint: Optional[str],
    training: Training,
) -> Callable:
    def build_head(features: dict, is_training: bool) -> Head:
        return make_head(build_logits(features, is_training), features)

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
        del labels, config
        is_training = mode == tf.estimator.ModeKeys.TRAIN
        in_parts = is_training and training.parts > 1
        if in_parts:
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
            return tf.estimator.EstimatorSpec(mode, loss=loss, eval_metric_ops=head.metrics())
        if in_parts:
            accumulation = optimization.Accumulation(weight, features[IS_LAST_PART])
            train_op = _make_train_op(loss_sum, training, accumulation)
        else:
            train_op = _make_train_op(loss, training)
        graph = tf.get_default_graph()
        watched = Watched(
            loss_sum=loss_sum,
            weight=weight,
            rows=tf.shape(features["label_ids"])[0],
            wordpieces=tf.reduce_sum(features["input_mask"]),
            learning_rate=graph.get_tensor_by_name("learning_rate:0"),
            gradient_norm=graph.get_tensor_by_name("gradient_norm:0"),
            ends_step=features[IS_LAST_PART] if in_parts else tf.constant(True),
        )
        saver = checkpoints.make_saver(training.keep_checkpoint_max)
        return tf.estimator.EstimatorSpec(
            mode,
            loss=loss,
            train_op=train_op,
            scaffold=tf.train.Scaffold(saver=saver),
            training_chief_hooks=training.hooks(watched, saver),
        )

    return model_fn


def _make_train_op(
    loss: tf.Tensor,
    training: Training,
    accumulation: Optional[optimization.Accumulation] = None,
) -> tf.Operation:
    # The rate is zero at the step after the last, so that no step is for nothing.
    return optimization.create_optimizer(
        loss,
        training.learning_rate,
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


def create_model(
    bert_config: modeling.BertConfig,
    is_training: bool,
    features: dict,
    num_labels: int,
    pooling: Optional[str] = None,
    padding_free: bool = True,
    head_dropout: Optional[float] = None,
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
      head_dropout: As of `Training`.

    Returns:
      Logits, float Tensor [B, L].
    """
    model = run_bert(bert_config, is_training, features, padding_free)
    logits = dense_head(  # [W, L]
        model.get_pooled_output(), bert_config, is_training, num_labels, head_dropout
    )
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
    hidden: tf.Tensor,
    bert_config: modeling.BertConfig,
    is_training: bool,
    num_labels: int,
    dropout: Optional[float] = None,
) -> tf.Tensor:
    """Dropout (None: the model's) and the last layer: float [rows, H] to [rows, L]."""
    # Names and shapes as Google's run_classifier.py has them in its checkpoints.
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
    """Returns -log p of each label, float [...], of logits [..., L] and label ids int32 [...]."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=label_ids, logits=logits)


def sum_of_losses(
    logits: tf.Tensor, label_ids: tf.Tensor, training: Training
) -> Tuple[tf.Tensor, tf.Tensor]:
    """Returns the sum of the cross entropies, and the weight by which it becomes a mean.

    With class weights w and label smoothing e, a row of label y has the loss, as in PyTorch's
    `CrossEntropyLoss`, (1 - e) w[y] nll[y] + e / L * the sum over labels of w nll; its weight is
    w[y].

    Args:
      logits: float [rows, L].
      label_ids: int32 [rows].
      training: Its `class_weights` and `label_smoothing` are those of the loss.
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


def _sum_and_count(losses: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
    return tf.reduce_sum(losses), tf.cast(tf.size(losses), losses.dtype)
