"""The `model_fn` builder of a tagger: BERT, a label for each word, softmax or a CRF."""

from typing import Callable, Optional, Sequence

import tensorflow.compat.v1 as tf

import modeling
from finetune import crf, tagging
from finetune.features import NO_LABEL
from finetune.model_fns import (
    NO_TRAINING,
    Head,
    Training,
    cross_entropy,
    dense_head,
    make_model_fn,
    run_bert,
    sum_of_losses,
)


def tagger_model_fn_builder(
    *,
    bert_config: modeling.BertConfig,
    labels: Sequence[str],
    head: str = "linear",
    use_crf: bool = False,
    init_checkpoint: Optional[str] = None,
    training: Training = NO_TRAINING,
    padding_free: bool = True,
) -> Callable:
    """Returns the `model_fn` of a tagger: a label for each word, from its first wordpiece.

    Args:
      bert_config: The model's configuration.
      labels: Names of the L labels, in IOB2.
      head: What the dense layer is over. "linear": BERT's output; "pooler": the sequence-output
        pooler.
      use_crf: Whether a linear-chain CRF over the words takes softmax's place.
      init_checkpoint: Checkpoint to start from. Outside training it must hold all variables.
      training: How to train.
      padding_free: As of `modeling.BertModel`.

    Returns:
      A function of features as of `TaggingFeatures.batch`, labels (unused: they are among the
      features), mode and `RunConfig`. Its predictions are `label_ids`, int32 [B, W], and
      `probabilities` of these labels, float [B, W] (with a CRF the marginal ones); and
      `negative_log_likelihood`, float [B], nats, of each row's own labels where it has some.
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
        chain = _make_chain(labels, features) if use_crf else None
        return _tagger_head(chain, logits, features, training)

    return make_model_fn(build_head, init_checkpoint, training)


def _make_chain(labels: Sequence[str], features: dict) -> crf.Chain:
    begins, ends = (tf.cast(features[name], tf.bool) for name in ("begins", "ends"))
    return crf.make_chain(labels, tagging.may_follow, begins, ends)


def _tagger_head(
    chain: Optional[crf.Chain], logits: tf.Tensor, features: dict, training: Training
) -> Head:
    """Makes the head of logits [B, W, L]; `chain` None: softmax."""
    mask = tf.cast(features["word_mask"], tf.bool)  # [B, W]
    label_ids = features["label_ids"]  # [B, W]
    labelled = mask & tf.not_equal(label_ids, NO_LABEL)  # [B, W]
    nll = _tags_nll(chain, logits, label_ids, labelled)  # [B]
    num_labelled = tf.reduce_sum(tf.cast(labelled, tf.float32))

    def predictions():
        predicted, probabilities = _best_tags(chain, logits, mask)
        return {
            "label_ids": predicted,
            "probabilities": probabilities,
            "negative_log_likelihood": nll,
        }

    def loss():
        # The mean over words, as over rows in a classifier: a long text counts for more.
        if chain is None:
            words = tf.boolean_mask(logits, labelled), tf.boolean_mask(label_ids, labelled)
            return sum_of_losses(*words, training)
        return tf.reduce_sum(nll), num_labelled

    def metrics():
        predicted, _ = _best_tags(chain, logits, mask)
        weights = tf.cast(labelled, tf.float32)
        return {
            "eval_accuracy": tf.metrics.accuracy(label_ids, predicted, weights=weights),
            "eval_loss": tf.metrics.mean(
                tf.div_no_nan(tf.reduce_sum(nll), num_labelled), num_labelled
            ),
        }

    return Head(predictions, loss, metrics)


def create_tagger(
    bert_config: modeling.BertConfig,
    is_training: bool,
    features: dict,
    num_labels: int,
    head: str,
    padding_free: bool = True,
    head_dropout: Optional[float] = None,
) -> tf.Tensor:
    """Builds BERT and the tagger's head: each word's first piece, dropout, dense.

    Args:
      bert_config: The model's configuration.
      is_training: Whether to apply dropout.
      features: `input_ids`, `input_mask`, `segment_ids`: int32 Tensors [B, S]; `word_positions`:
        int32 Tensor [B, W].
      num_labels: Labels L.
      head: "pooler" or "linear".
      padding_free: As of `modeling.BertModel`.
      head_dropout: As of `Training`.

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
    logits = dense_head(flat, bert_config, is_training, num_labels, head_dropout)
    return tf.reshape(logits, [shape[0], shape[1], num_labels])


def _tags_nll(
    chain: Optional[crf.Chain], logits: tf.Tensor, label_ids: tf.Tensor, labelled: tf.Tensor
) -> tf.Tensor:
    """Returns -log p of each row's labels: float [B]; 0 for a row without any."""
    # What is not labelled gets some label, so that it has a number, which is then left out.
    label_ids = tf.where(labelled, label_ids, tf.zeros_like(label_ids))
    if chain is None:
        per_word = cross_entropy(logits, label_ids)  # [B, W]
        return tf.reduce_sum(per_word * tf.cast(labelled, tf.float32), axis=1)
    nll = -crf.log_likelihood(chain, logits, label_ids, labelled)
    return nll * tf.cast(labelled[:, 0], tf.float32)


def _best_tags(chain: Optional[crf.Chain], logits: tf.Tensor, mask: tf.Tensor):
    """Returns the predicted labels, int32 [B, W], and their probabilities, float [B, W]."""
    if chain is None:
        probabilities = tf.nn.softmax(logits)  # [B, W, L]
        predicted = tf.argmax(logits, axis=-1, output_type=tf.int32)
    else:
        probabilities = crf.marginals(chain, logits, mask)
        predicted = crf.viterbi(chain, logits, mask)
    return predicted, tf.gather(probabilities, predicted, batch_dims=2)
