"""The parts of a `model_fn` that all tasks share: loading, optimizer, watched values."""

import copy
import dataclasses
from typing import Callable, Dict, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

import tensorflow.compat.v1 as tf

import modeling
import optimization
from finetune.data.batches import HAS_ROWS, IS_LAST_PART, PART
from finetune.models import checkpoints, replicas, word_rows
from finetune.models.word_rows import WordRows

# Graph collection that contains the `Watched` of a training graph.
_WATCHED = "finetune_watched"
# Float scalar Tensor of a training graph on several devices, with which a process asks all
# processes to stop after this element of the input: it feeds the value 1.0.
STOP_REQUEST = "stop_request"

FeatureTensors = Dict[str, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Training:
    """The settings of a training run.

    Attributes:
      learning_rate: Peak learning rate.
      num_train_steps: Total number of training steps.
      num_warmup_steps: Number of steps over which the learning rate rises.
      schedule, weight_decay, clip_norm, learning_rate_factors, frozen, scale_loss: See
        `optimization.create_optimizer`.
      keep_checkpoint_max: Number of recent checkpoints to keep.
      bias_correction: Whether Adam corrects its moments for their start at zero.
      parts: Number of input elements that make up a batch; their gradients are accumulated.
      class_weights: float [L], the weight of each label in the loss; None if all weights are 1.
      label_smoothing: Fraction of each gold label that is spread over all labels.
      dropout: Dropout probabilities by their names in `BertConfig`, which override the model's.
      head_dropout: Dropout before the last layer; None to use the model's `hidden_dropout_prob`.
      new_head: Whether to ignore the initial checkpoint's head, because it is for different labels.
      word_rows: The rows of the word-embedding table that are trained, whose row numbers the input
        then has in place of ids; None to train the whole table.
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
    word_rows: Optional[WordRows] = None

    def adjusted(self, bert_config: modeling.BertConfig) -> modeling.BertConfig:
        """Returns a model's configuration with the dropout and word rows of this training run."""
        bert_config = copy.copy(bert_config)
        if self.word_rows is not None:
            bert_config.vocab_size = len(self.word_rows.ids)
        for name, probability in self.dropout.items():
            setattr(bert_config, name, probability)
        return bert_config


NO_TRAINING = Training()  # For evaluation and prediction


class Watched(NamedTuple):
    """Scalar tensors of a training graph that hooks read, for one element of the input.

    An element is a batch or a part of one. The `loss_sum`, `weight`, `rows` and `wordpieces` of a
    batch are the sums over its parts. All are sums over the replicas.
    """

    loss_sum: tf.Tensor  # float
    weight: tf.Tensor  # float; the mean loss is `loss_sum` / `weight`
    rows: tf.Tensor  # int
    wordpieces: tf.Tensor  # int, non-padding
    learning_rate: tf.Tensor  # float
    gradient_norm: tf.Tensor  # float, 0 except for the last part of a batch
    ends_step: tf.Tensor  # bool, whether this is the last part of a batch
    stop_requests: tf.Tensor  # float, above 0 if a process feeds `STOP_REQUEST`


def watched_in_graph() -> Watched:
    """Returns the `Watched` of the default graph, which a `model_fn` has built for training."""
    return tf.get_collection(_WATCHED)[-1]


class Head(NamedTuple):
    """A task's outputs for a batch. Each is built in the graph when its function is called.

    Attributes:
      predictions: Returns the predictions by name.
      loss: Returns the sum of the losses, and the weight by which to divide it for the mean.
    """

    predictions: Callable[[], FeatureTensors]
    loss: Callable[[], Tuple[tf.Tensor, tf.Tensor]]


class ModelFn:
    """A `model_fn` for `tf.estimator.Estimator`, made of a task's head."""

    def __init__(
        self,
        build_head: Callable[[FeatureTensors, bool], Head],
        init_checkpoint: Optional[str],
        training: Training,
    ):
        """See `make_model_fn`."""
        self._build_head = build_head
        self._init_checkpoint = init_checkpoint
        self._training = training

    def __call__(
        self, features: FeatureTensors, labels: object, mode: str, config: object
    ) -> "tf.estimator.EstimatorSpec":
        """Builds the graph of a mode of Estimator."""
        del labels
        if mode == tf.estimator.ModeKeys.TRAIN:
            return self._train(features, config)
        if mode == tf.estimator.ModeKeys.PREDICT:
            return tf.estimator.EstimatorSpec(mode, predictions=self.predictions(features))
        loss_sum, weight = self._build_head(features, False).loss()
        _load_trained(self._init_checkpoint, [loss_sum, weight])
        return tf.estimator.EstimatorSpec(mode, loss=tf.div_no_nan(loss_sum, weight))

    def predictions(self, features: FeatureTensors) -> FeatureTensors:
        """Builds the graph of a prediction; returns the predictions by name.

        This needs no Estimator, whose import takes longer than the graph.
        """
        predictions = self._build_head(features, False).predictions()
        _load_trained(self._init_checkpoint, list(predictions.values()))
        return predictions

    def _train(self, features: FeatureTensors, config: object) -> "tf.estimator.EstimatorSpec":
        training = self._training
        in_parts = training.parts > 1
        if in_parts:
            # Each part of a batch needs its own dropout masks.
            step = tf.train.get_or_create_global_step() * training.parts + features[PART]
            tf.add_to_collection(modeling.DROPOUT_STEP, step)
        head = self._build_head(features, True)
        replicas.once(lambda: _initialize_training(self._init_checkpoint, training))
        loss_sum, weight = head.loss()
        ends_step = features[IS_LAST_PART] if in_parts else None
        if HAS_ROWS in features:
            loss_sum, weight = loss_sum * features[HAS_ROWS], weight * features[HAS_ROWS]
        loss = _mean_of_replicas(loss_sum, weight)
        train_op = _make_train_op(loss, loss_sum, weight, ends_step, training)
        watched = _watch(features, loss_sum, weight, ends_step)
        if replicas.count() > 1:  # Each replica must take part in each sum over all of them.
            train_op = tf.group(train_op, watched.stop_requests)
        saver = replicas.once(lambda: _make_saver(training))
        return tf.estimator.EstimatorSpec(
            tf.estimator.ModeKeys.TRAIN,
            loss=loss,
            train_op=train_op,
            scaffold=make_scaffold(saver, is_alone=not _cluster_of(config)),
        )


def make_model_fn(
    build_head: Callable[[FeatureTensors, bool], Head],
    init_checkpoint: Optional[str],
    training: Training,
) -> ModelFn:
    """Makes a `model_fn` for `tf.estimator.Estimator` from a task's head.

    The `model_fn` supports `Estimator.train`, `evaluate` and `predict`. `evaluate` is for code that
    uses the builders of `model_fn`s as a library: the scripts compute all scores from predictions.
    Its only metric is `loss`, the unweighted mean of the batches' mean losses, without dropout.
    Class weights and label smoothing apply if `training` sets them.

    Args:
      build_head: Builds the head from a batch of features and a flag that is True in training.
      init_checkpoint: Checkpoint to start from. Except in training, it must contain all variables.
      training: The settings of the training run.
    """
    return ModelFn(build_head, init_checkpoint, training)


def _initialize_training(init_checkpoint: Optional[str], training: Training) -> None:
    """Sets the values from which the variables of a training graph start."""
    rows = training.word_rows
    if init_checkpoint:
        checkpoints.initialize_from(init_checkpoint, new_head=training.new_head, rows=rows)
    if rows is not None:
        word_rows.initialize(rows)


def _mean_of_replicas(loss_sum: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Returns the loss of this replica, such that the mean over replicas is that of all rows."""
    num_replicas = replicas.count()
    if num_replicas == 1:
        return tf.div_no_nan(loss_sum, weight)
    return tf.div_no_nan(loss_sum * num_replicas, replicas.total(weight))


def _load_trained(checkpoint: Optional[str], outputs: Sequence[tf.Tensor]) -> None:
    """Initialises the graph's variables from a checkpoint with all those that the outputs need."""
    if checkpoint:
        checkpoints.initialize_from(checkpoint, needed=ancestors(outputs))


def ancestors(tensors: Sequence[tf.Tensor]) -> Set[str]:
    """Returns the names of the operations that tensors depend on."""
    waiting = [tensor.op for tensor in tensors]
    found: Set[str] = set()
    while waiting:
        op = waiting.pop()
        if op.name not in found:
            found.add(op.name)
            waiting += [tensor.op for tensor in op.inputs]
    return found


def _make_train_op(
    loss: tf.Tensor,
    loss_sum: tf.Tensor,
    weight: tf.Tensor,
    ends_step: Optional[tf.Tensor],
    training: Training,
) -> tf.Operation:
    """Returns the op of one step or, if `ends_step` is not None, of one part of a step."""
    accumulation = None
    if ends_step is not None:
        loss, accumulation = loss_sum, optimization.Accumulation(weight, ends_step)
    return optimization.create_optimizer(
        loss,
        training.learning_rate,
        # One more, because otherwise the learning rate would be zero in the last step.
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
        with_decay_products=() if training.word_rows is None else (word_rows.TABLE,),
    )


def _watch(
    features: FeatureTensors, loss_sum: tf.Tensor, weight: tf.Tensor, ends_step: Optional[tf.Tensor]
) -> Watched:
    graph = tf.get_default_graph()
    rows, wordpieces = tf.shape(features["label_ids"])[0], tf.reduce_sum(features["input_mask"])
    if replicas.count() > 1:
        # Whole numbers below 2**24 are exact as float32.
        counts = tf.cast(tf.stack([rows, wordpieces]), tf.float32) * features[HAS_ROWS]
        stop = tf.placeholder_with_default(0.0, [], name=STOP_REQUEST)
        sums = replicas.total(tf.concat([tf.stack([loss_sum, weight, stop]), counts], axis=0))
        loss_sum, weight, stop, rows, wordpieces = tf.unstack(sums)
    else:
        stop = tf.constant(0.0)
    watched = Watched(
        loss_sum=loss_sum,
        weight=weight,
        rows=rows,
        wordpieces=wordpieces,
        learning_rate=graph.get_tensor_by_name("learning_rate:0"),
        gradient_norm=graph.get_tensor_by_name("gradient_norm:0"),
        ends_step=tf.constant(True) if ends_step is None else ends_step,
        stop_requests=stop,
    )
    tf.add_to_collection(_WATCHED, watched)
    return watched


def _make_saver(training: Training) -> tf.train.Saver:
    rows = training.word_rows
    saveables = None if rows is None else word_rows.saveables(rows)
    saver = checkpoints.make_saver(training.keep_checkpoint_max, saveables)
    tf.add_to_collection(tf.GraphKeys.SAVERS, saver)  # `SaverHook` finds it there.
    return saver


def _cluster_of(config: object) -> object:
    """Returns the cluster of a `tf.estimator.RunConfig`, which is false if there is none."""
    return getattr(config, "cluster_spec", None)


def make_scaffold(saver: tf.train.Saver, is_alone: bool) -> tf.train.Scaffold:
    """Returns the ops that initialize and save variables.

    Args:
      saver: Saves and restores them.
      is_alone: Whether this process never has to wait until another one has initialized its
        variables. The ops that look for uninitialized variables, a tenth of the graph, are then
        left out.
    """
    if not is_alone:
        return tf.train.Scaffold(saver=saver)
    nothing = tf.no_op()
    has_local = tf.local_variables() or tf.get_collection(tf.GraphKeys.TABLE_INITIALIZERS)
    return tf.train.Scaffold(
        saver=saver,
        ready_op=nothing,
        ready_for_local_init_op=nothing,
        # A session prepares the whole graph for each op that it runs alone.
        local_init_op=None if has_local else nothing,
    )


def run_bert(
    bert_config: modeling.BertConfig,
    is_training: bool,
    features: FeatureTensors,
    padding_free: bool = True,
) -> modeling.BertModel:
    """Builds BERT for the features `input_ids`, `input_mask` and `segment_ids`, int32 [B, S].

    The segment ids are ignored if the model has only one, even if its tokenizer is BERT's.
    """
    has_segments = bert_config.type_vocab_size > 1
    return modeling.BertModel(
        config=bert_config,
        is_training=is_training,
        input_ids=features["input_ids"],
        input_mask=features["input_mask"],
        token_type_ids=features["segment_ids"] if has_segments else None,
        padding_free=padding_free,
    )
