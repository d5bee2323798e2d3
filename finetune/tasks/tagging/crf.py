"""Linear-chain conditional random field over words (Lafferty et al. 2001).

score(y) = start[y_1] + sum_t logits[t, y_t] + sum_t transitions[y_t, y_t+1] + end[y_W]
p(y) = exp(score(y)) / sum over all paths y' of exp(score(y'))

Without weights (`make_rules`), only the rules of the tag scheme remain: the best path is then the
most probable one that softmax gives among those that the scheme allows.

A row can be a window of a longer text: `start` and `end` count only at the text's own start and
end, and the rules for the start of a text do not apply elsewhere.

Shapes: B batch, W words in the longest row, L labels. A row's words come first, padding after them.
"""

from typing import Callable, NamedTuple, Optional, Sequence

import numpy as np
import tensorflow.compat.v1 as tf

# Low enough for its exp() to be 0, but far from overflow when summed over a long row.
_FORBIDDEN = -1e4


class Chain(NamedTuple):
    """The weights: `start` and `end`, float [B, L]; `transitions`, float [L, L] (from, to)."""

    start: tf.Tensor
    transitions: tf.Tensor
    end: tf.Tensor


def make_chain(
    labels: Sequence[str],
    may_follow: Callable[[Optional[str], str], bool],
    starts: tf.Tensor,
    ends: tf.Tensor,
) -> Chain:
    """Creates the variables `crf/{start,transitions,end}`.

    Args:
      labels: Names of the L labels.
      may_follow: Returns whether the second label may follow the first, or start a text if the
        first is None.
      starts: bool Tensor [B], whether a row's first word is the first of its text.
      ends: bool Tensor [B], whether a row's last word is the last of its text.

    Returns:
      The chain, in which forbidden transitions get probability zero.
    """
    size = len(labels)
    zeros = tf.zeros_initializer()
    with tf.variable_scope("crf"):
        weights = Chain(
            start=tf.get_variable("start", [size], initializer=zeros),
            transitions=tf.get_variable("transitions", [size, size], initializer=zeros),
            end=tf.get_variable("end", [size], initializer=zeros),
        )
    return _with_rules(weights, labels, may_follow, starts, ends)


def make_rules(
    labels: Sequence[str], may_follow: Callable[[Optional[str], str], bool], starts: tf.Tensor
) -> Chain:
    """Returns a chain of zeros except for the forbidden transitions; see `make_chain`."""
    size = len(labels)
    zeros = Chain(start=tf.zeros([size]), transitions=tf.zeros([size, size]), end=tf.zeros([size]))
    return _with_rules(zeros, labels, may_follow, starts, tf.ones_like(starts))


def _with_rules(
    weights: Chain,
    labels: Sequence[str],
    may_follow: Callable[[Optional[str], str], bool],
    starts: tf.Tensor,
    ends: tf.Tensor,
) -> Chain:
    """Returns the chain of weights [L], [L, L], [L], with forbidden transitions."""
    first = np.array([may_follow(None, label) for label in labels])
    allowed = np.array([[may_follow(before, label) for label in labels] for before in labels])
    size = len(labels)
    masked_start = tf.where(first, weights.start, tf.fill([size], _FORBIDDEN))
    return Chain(
        start=tf.where_v2(starts[:, None], masked_start, 0.0),  # [B, L]
        transitions=tf.where(allowed, weights.transitions, tf.fill([size, size], _FORBIDDEN)),
        end=tf.where_v2(ends[:, None], weights.end, 0.0),  # [B, L]
    )


def log_likelihood(
    chain: Chain, logits: tf.Tensor, label_ids: tf.Tensor, mask: tf.Tensor
) -> tf.Tensor:
    """Returns the log probability of label sequences, in nats: float Tensor [B].

    Args:
      chain: The weights.
      logits: float Tensor [B, W, L].
      label_ids: int32 Tensor [B, W]; values outside the mask are ignored.
      mask: bool Tensor [B, W], true for words. For a row without words, the result is meaningless.
    """
    return _score(chain, logits, label_ids, mask) - log_partition(chain, logits, mask)


def _score(chain: Chain, logits: tf.Tensor, label_ids: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    label_ids = tf.where(mask, label_ids, tf.zeros_like(label_ids))
    words = tf.cast(mask, logits.dtype)  # [B, W]
    emitted = tf.gather(logits, label_ids, batch_dims=2)  # [B, W]
    pairs = tf.stack([label_ids[:, :-1], label_ids[:, 1:]], axis=-1)  # [B, W - 1, 2]
    moved = tf.gather_nd(chain.transitions, pairs)  # [B, W - 1]
    last = tf.maximum(tf.reduce_sum(tf.cast(mask, tf.int32), axis=1) - 1, 0)  # [B]
    return (
        tf.gather(chain.start, label_ids[:, 0], batch_dims=1)
        + tf.reduce_sum(emitted * words, axis=1)
        + tf.reduce_sum(moved * words[:, 1:], axis=1)
        + tf.gather(chain.end, tf.gather(label_ids, last, batch_dims=1), batch_dims=1)
    )


def log_partition(chain: Chain, logits: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Returns the log of the sum over all paths, float Tensor [B]; see `log_likelihood`."""

    def step(t, alpha):
        paths = alpha[:, :, None] + chain.transitions  # [B, L (from), L (to)]
        after = tf.reduce_logsumexp(paths, axis=1) + logits[:, t]  # [B, L]
        return t + 1, tf.where_v2(mask[:, t, None], after, alpha)

    alpha = chain.start + logits[:, 0]  # [B, L]
    _, alpha = tf.while_loop(lambda t, _: t < tf.shape(logits)[1], step, (1, alpha))
    return tf.reduce_logsumexp(alpha + chain.end, axis=1)


def marginals(chain: Chain, logits: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Returns the probability of each label at each word, float Tensor [B, W, L].

    This is the gradient of the log partition function (Wainwright and Jordan 2008, section 3.5).
    """
    return tf.gradients(log_partition(chain, logits, mask), logits)[0]


def viterbi(chain: Chain, logits: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Returns the most probable path of each row, int32 Tensor [B, W]; see `log_likelihood`.

    After a row's last word, that word's label is repeated.
    """
    num_words = tf.shape(logits)[1]
    stay = tf.range(tf.shape(logits)[2])[None]  # [1, L]

    def forward(t, best, pointers):
        paths = best[:, :, None] + chain.transitions  # [B, L (from), L (to)]
        word = mask[:, t, None]  # [B, 1]
        pointer = tf.where_v2(word, tf.argmax(paths, axis=1, output_type=tf.int32), stay)
        best = tf.where_v2(word, tf.reduce_max(paths, axis=1) + logits[:, t], best)
        return t + 1, best, pointers.write(t, pointer)

    pointers = tf.TensorArray(tf.int32, size=num_words)
    first = (1, chain.start + logits[:, 0], pointers)
    _, best, pointers = tf.while_loop(lambda t, *_: t < num_words, forward, first)
    last = tf.argmax(best + chain.end, axis=1, output_type=tf.int32)  # [B]

    def backward(t, label, path):
        label = tf.gather(pointers.read(t), label, batch_dims=1)  # [B]
        return t - 1, label, path.write(t - 1, label)

    path = tf.TensorArray(tf.int32, size=num_words).write(num_words - 1, last)
    begin = (num_words - 1, last, path)
    path = tf.while_loop(lambda t, *_: t > 0, backward, begin)[2]
    return tf.transpose(path.stack())  # [B, W]
