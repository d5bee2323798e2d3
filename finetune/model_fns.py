"""`model_fn` builders: the graph of a task over BERT, for `tf.estimator.Estimator`."""

from typing import Callable, Optional, Tuple

import tensorflow.compat.v1 as tf

import modeling
import optimization
from finetune import checkpoints
from finetune.hooks import ProgressHook


def create_model(
    bert_config: modeling.BertConfig, is_training: bool, features: dict, num_labels: int
) -> tf.Tensor:
    """Builds BERT and the classifier's head: `[CLS]`, pooler, dropout, dense.

    Args:
      bert_config: The model's configuration.
      is_training: Whether to apply dropout.
      features: `input_ids`, `input_mask`, `segment_ids`: int32 Tensors [B, S].
      num_labels: Labels L.

    Returns:
      Logits, float Tensor [B, L].
    """
    model = modeling.BertModel(
        config=bert_config,
        is_training=is_training,
        input_ids=features["input_ids"],
        input_mask=features["input_mask"],
        token_type_ids=features["segment_ids"],
    )
    output_layer = model.get_pooled_output()  # [B, H]
    # Names and shapes as Google's run_classifier.py has them in its checkpoints.
    output_weights = tf.get_variable(
        "output_weights",
        [num_labels, bert_config.hidden_size],
        initializer=modeling.create_initializer(bert_config.initializer_range),
    )
    output_bias = tf.get_variable("output_bias", [num_labels], initializer=tf.zeros_initializer())
    if is_training:
        output_layer = modeling.dropout(output_layer, bert_config.hidden_dropout_prob)
    return tf.nn.bias_add(tf.matmul(output_layer, output_weights, transpose_b=True), output_bias)


def classifier_model_fn_builder(
    *,
    bert_config: modeling.BertConfig,
    num_labels: int,
    init_checkpoint: Optional[str] = None,
    learning_rate: float = 0.0,
    num_train_steps: int = 0,
    num_warmup_steps: int = 0,
    bias_correction: bool = True,
    save_checkpoints_steps: int = 1000,
) -> Callable:
    """Returns the `model_fn` of a classifier.

    Args:
      bert_config: The model's configuration.
      num_labels: Labels L.
      init_checkpoint: Checkpoint to start from. Outside training it must hold all variables.
      learning_rate: Peak learning rate.
      num_train_steps: Steps of the whole training.
      num_warmup_steps: Steps in which the learning rate rises.
      bias_correction: Whether Adam corrects its moments for their start at zero.
      save_checkpoints_steps: Steps between two checkpoints.

    Returns:
      A function of features as of `Features.batch`, labels (unused: they are among the features),
      mode and `RunConfig`. Its predictions are `logits`, float [B, L].
    """

    def model_fn(features, labels, mode, config):
        del labels
        is_training = mode == tf.estimator.ModeKeys.TRAIN
        logits = create_model(bert_config, is_training, features, num_labels)
        if init_checkpoint:
            checkpoints.initialize_from(init_checkpoint, trained=not is_training)
        if mode == tf.estimator.ModeKeys.PREDICT:
            return tf.estimator.EstimatorSpec(mode, predictions={"logits": logits})
        loss, metric_ops = _classification_loss(logits, features["label_ids"])
        if not is_training:
            return tf.estimator.EstimatorSpec(mode, loss=loss, eval_metric_ops=metric_ops)
        # The rate is zero at the step after the last, so that no step is for nothing.
        train_op = optimization.create_optimizer(
            loss,
            learning_rate,
            num_train_steps + 1,
            num_warmup_steps,
            bias_correction=bias_correction,
        )
        saver = checkpoints.saver_hook(config.model_dir, save_checkpoints_steps)
        return tf.estimator.EstimatorSpec(
            mode,
            loss=loss,
            train_op=train_op,
            training_chief_hooks=[saver, ProgressHook(loss, num_train_steps)],
        )

    return model_fn


def _classification_loss(logits: tf.Tensor, label_ids: tf.Tensor) -> Tuple[tf.Tensor, dict]:
    per_example_loss = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=label_ids, logits=logits
    )  # [B]
    metric_ops = {
        "eval_accuracy": tf.metrics.accuracy(label_ids, tf.argmax(logits, axis=-1)),
        # A mean over rows, not over batches: the last batch may be smaller.
        "eval_loss": tf.metrics.mean(per_example_loss),
    }
    return tf.reduce_mean(per_example_loss), metric_ops
