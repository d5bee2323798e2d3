"""The `model_fn` builder of taggers: BERT, a label for each word, softmax or a CRF."""

from typing import Dict, Optional, Sequence, Tuple

import tensorflow.compat.v1 as tf

import modeling
from finetune.data.rows import NO_LABEL
from finetune.models.head_layers import cross_entropy, dense_head, sum_of_losses
from finetune.models.model_fn import (
    NO_TRAINING,
    Head,
    ModelFn,
    Training,
    make_model_fn,
    run_bert,
)
from finetune.tasks.tagging import crf, tags


def tagger_model_fn_builder(
    *,
    bert_config: modeling.BertConfig,
    labels: Sequence[str],
    head: str = "linear",
    use_crf: bool = False,
    init_checkpoint: Optional[str] = None,
    training: Training = NO_TRAINING,
    padding_free: bool = True,
) -> ModelFn:
    """Returns the `model_fn` of a tagger: a label for each word, from its first wordpiece.

    Args:
      bert_config: The model's configuration.
      labels: Names of the L labels, in IOB2; without a CRF, in any scheme.
      head: Input of the dense layer. "linear": BERT's output; "pooler": the sequence-output pooler.
      use_crf: Whether to use a linear-chain CRF over the words instead of softmax.
      init_checkpoint: Checkpoint to start from. Outside training, it must contain all variables.
      training: How to train.
      padding_free: See `modeling.BertModel`.

    Returns:
      A function of features (see `TaggingFeatures.batch`), labels (unused: the features contain
      them), mode and `RunConfig`. Its predictions are `label_ids`, int32 [B, W], the most probable
      path that is valid IOB2, their `probabilities`, float [B, W] (marginals with a CRF), and
      `negative_log_likelihood`, float [B], in nats, of each row's gold labels; 0 for a row without
      any.
    """

    def build_head(features: dict, is_training: bool) -> Head:
        logits = create_tagger(
            bert_config,
            is_training,
            features,
            len(labels),
            head,
            padding_free,
            training.head_dropout,
        )
        starts, ends = (tf.cast(features[name], tf.bool) for name in ("starts", "ends"))
        rules = crf.make_rules(labels, tags.rules_of(labels), starts)
        chain = crf.make_chain(labels, tags.may_follow, starts, ends) if use_crf else None
        return _make_head(chain, rules, logits, features, training)

    return make_model_fn(build_head, init_checkpoint, training)


def head_of_logits(logits: tf.Tensor, features: dict, labels: Sequence[str]) -> Head:
    """Returns the head without a CRF from the logits of all wordpieces, float [B, S, L]."""
    words = tf.gather(logits, features["word_positions"], batch_dims=1)  # [B, W, L]
    rules = crf.make_rules(labels, tags.rules_of(labels), tf.cast(features["starts"], tf.bool))
    return _make_head(None, rules, words, features, NO_TRAINING)


def _make_head(
    chain: Optional[crf.Chain],
    rules: crf.Chain,
    logits: tf.Tensor,
    features: dict,
    training: Training,
) -> Head:
    """Creates the head from logits [B, W, L]; without a chain, it is a softmax under the rules."""
    mask = tf.cast(features["word_mask"], tf.bool)  # [B, W]
    label_ids = features["label_ids"]  # [B, W]
    labelled = mask & tf.not_equal(label_ids, NO_LABEL)  # [B, W]
    nll = _gold_nll(chain, logits, label_ids, labelled)  # [B]
    num_labelled = tf.reduce_sum(tf.cast(labelled, tf.float32))

    def predictions() -> Dict[str, tf.Tensor]:
        predicted, probabilities = _best_labels(chain, rules, logits, mask)
        return {
            "label_ids": predicted,
            "probabilities": probabilities,
            "negative_log_likelihood": nll,
        }

    def loss() -> Tuple[tf.Tensor, tf.Tensor]:
        # The mean is over words, as it is over rows in a classifier, so a long text weighs more.
        if chain is None:
            words = tf.boolean_mask(logits, labelled), tf.boolean_mask(label_ids, labelled)
            return sum_of_losses(*words, training)
        return tf.reduce_sum(nll), num_labelled

    return Head(predictions, loss)


def create_tagger(
    bert_config: modeling.BertConfig,
    is_training: bool,
    features: dict,
    num_labels: int,
    head: str,
    padding_free: bool = True,
    head_dropout: Optional[float] = None,
) -> tf.Tensor:
    """Builds BERT and the tagger's head: each word's first wordpiece, dropout, dense layer.

    Args:
      bert_config: The model's configuration.
      is_training: Whether to apply dropout.
      features: `input_ids`, `input_mask`, `segment_ids`: int32 Tensors [B, S]; `word_positions`:
        int32 Tensor [B, W].
      num_labels: Number of labels L.
      head: "pooler" or "linear".
      padding_free: See `modeling.BertModel`.
      head_dropout: See `Training`.

    Returns:
      Logits, float Tensor [B, W, L].
    """
    model = run_bert(bert_config, is_training, features, padding_free)
    if head == "pooler":
        hidden = model.get_sequence_pooled_output()  # [B, S, H]
    else:
        hidden = model.get_sequence_output()  # [B, S, H]
    words = tf.gather(hidden, features["word_positions"], batch_dims=1)  # [B, W, H]
    shape = modeling.get_shape_list(words)
    flat = tf.reshape(words, [-1, shape[2]])  # [B * W, H]
    logits = dense_head(flat, bert_config, is_training, num_labels, head_dropout)  # [B * W, L]
    return tf.reshape(logits, [shape[0], shape[1], num_labels])  # [B, W, L]


def _gold_nll(
    chain: Optional[crf.Chain], logits: tf.Tensor, label_ids: tf.Tensor, labelled: tf.Tensor
) -> tf.Tensor:
    """Returns -log p of each row's gold labels: float [B]; 0 for a row without any."""
    # A word without a label gets label 0, so that its loss is defined; the loss is then masked.
    label_ids = tf.where(labelled, label_ids, tf.zeros_like(label_ids))
    if chain is None:
        per_word = cross_entropy(logits, label_ids)  # [B, W]
        return tf.reduce_sum(per_word * tf.cast(labelled, tf.float32), axis=1)
    nll = -crf.log_likelihood(chain, logits, label_ids, labelled)
    return nll * tf.cast(labelled[:, 0], tf.float32)


def _best_labels(
    chain: Optional[crf.Chain], rules: crf.Chain, logits: tf.Tensor, mask: tf.Tensor
) -> Tuple[tf.Tensor, tf.Tensor]:
    """Returns the predicted labels, int32 [B, W], and their probabilities, float [B, W]."""
    if chain is None:
        probabilities = tf.nn.softmax(logits)  # [B, W, L]
        predicted = crf.viterbi(rules, logits, mask)
    else:
        probabilities = crf.marginals(chain, logits, mask)
        predicted = crf.viterbi(chain, logits, mask)
    return predicted, tf.gather(probabilities, predicted, batch_dims=2)  # [B, W]
