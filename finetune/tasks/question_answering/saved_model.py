"""The signatures of an exported model that answers questions."""

from typing import Dict, Tuple

import tensorflow.compat.v1 as tf

from finetune.data.rows import NO_LABEL
from finetune.models import code_points
from finetune.models.graph_inputs import Range, Windows, assembled
from finetune.models.graph_tokenizer import Characters, GraphPieces, has_trait
from finetune.models.model_fn import NO_TRAINING
from finetune.tasks.question_answering.graph_decoding import GraphAnswers, GraphWindows, decode
from finetune.tasks.question_answering.task import QuestionAnswering
from finetune.tasks.saved_model import (
    ServingGraph,
    Signature,
    Tensors,
    TextInputs,
    feedable,
    make_graph,
    make_signatures,
    make_tokenizer,
    predictions_of,
)

_RANKS = {"input_ids": 2, "input_mask": 2, "segment_ids": 2}


def build(task: QuestionAnswering, checkpoint: str) -> ServingGraph:
    """Builds a trained model in the default graph.

    Args:
      task: The task.
      checkpoint: The trained model.

    Raises:
      InputError: An optional package is missing.
    """
    return make_graph(
        task,
        clean_steps=(),
        ranks=_RANKS,
        outputs_of=lambda features: _logits_of(task, features, checkpoint),
        signatures_of=lambda texts: _signatures(task, texts, checkpoint),
    )


def _signatures(
    task: QuestionAnswering, texts: TextInputs, checkpoint: str
) -> Dict[str, Signature]:
    tokenizer = make_tokenizer(task.model)
    question = tokenizer.tokenize(texts.texts["question"])
    characters = tokenizer.decode(texts.texts["context"])
    context = tokenizer.tokenize_characters(characters, tf.size(texts.texts["context"]))
    inputs, windows = _windows(task, question, context)
    features = feedable({name: inputs[name] for name in _RANKS})
    logits = _logits_of(task, features, checkpoint)
    answers = decode(
        logits["start_logits"],
        logits["end_logits"],
        windows,
        context.lengths,
        max_answer_length=task.config.require("max_answer_length"),
        threshold=task.answer_threshold(),
    )
    signatures = make_signatures(texts, features, _outputs(answers, context, characters), {})
    signatures["token_ids"] = Signature(features, logits)
    return signatures


def _logits_of(task: QuestionAnswering, features: Tensors, checkpoint: str) -> Tensors:
    """Returns `start_logits` and `end_logits`, float32 [W, S]."""
    # The loss, which is not computed, needs labels.
    labels = tf.fill([tf.shape(features["input_ids"])[0], 1, 2], NO_LABEL)
    features = {**features, "answer_mask": features["input_mask"], "label_ids": labels}
    logits = predictions_of(task.make_model_fn(checkpoint, NO_TRAINING), features)
    return {name: logits[name] for name in ("start_logits", "end_logits")}


def _windows(
    task: QuestionAnswering, question: GraphPieces, context: GraphPieces
) -> Tuple[Tensors, GraphWindows]:
    """Returns the inputs of the model for all windows, and the windows; see `features`."""
    config, frame = task.config, task.model.frame
    longest = min(
        config.require("max_query_length"), frame.room(task.max_seq_length, is_pair=True) - 1
    )
    asked = tf.minimum(question.lengths, longest)  # [B]
    positions = asked + frame.num_special(is_pair=True) - 1
    room = tf.maximum(1, task.max_seq_length - positions - 1)
    stride = tf.minimum(room, config.require("doc_stride"))
    excess = tf.maximum(context.lengths - room, 0)
    counts = 1 + (excess + stride - 1) // stride
    rows = tf.repeat(tf.range(tf.size(counts)), counts)  # [W]
    numbers = tf.range(tf.size(rows)) - tf.gather(tf.cumsum(counts, exclusive=True), rows)
    starts = numbers * tf.gather(stride, rows)
    ends = tf.minimum(starts + tf.gather(room, rows), tf.gather(context.lengths, rows))
    whole = Range(tf.zeros_like(starts), tf.gather(asked, rows))
    windows = Windows(a=[whole], b=[Range(starts, ends)], rows=rows)
    inputs = assembled(question, context, windows, frame)
    return inputs, GraphWindows(rows, starts, ends, tf.gather(positions, rows))


def _outputs(answers: GraphAnswers, context: GraphPieces, characters: Characters) -> Tensors:
    """Returns the outputs of predict, [B] each."""
    ends_of_pieces = _with_marks(context, characters)
    # A question without an answer can have no wordpieces at all, so one is appended.
    start = tf.gather(tf.concat([context.starts, [0]], axis=0), answers.first)
    num_pieces = tf.size(ends_of_pieces)
    end = tf.gather(tf.concat([ends_of_pieces, [0]], axis=0), tf.minimum(answers.last, num_pieces))
    start, end = (tf.where_v2(answers.is_answer, each, 0) for each in (start, end))
    text_starts = _text_starts(context, characters)  # [B]
    codes = tf.ragged.range(text_starts + start, text_starts + end)
    codes = codes.with_values(tf.gather(characters.codes, codes.values))
    return {
        "answer": tf.strings.unicode_encode(codes, "UTF-8"),
        "start": start,
        "end": end,
        "score": tf.cast(answers.probability, tf.float32),
        "no_answer_probability": tf.cast(answers.no_answer_probability, tf.float32),
    }


def _text_starts(pieces: GraphPieces, characters: Characters) -> tf.Tensor:
    """Returns the place of each text's first character among all of them, int32 [B]."""
    sizes = tf.math.bincount(characters.texts, minlength=tf.size(pieces.lengths))  # [B]
    return tf.cumsum(sizes, exclusive=True)


def _with_marks(pieces: GraphPieces, characters: Characters) -> tf.Tensor:
    """Returns the ends of wordpieces behind the combining marks that follow them, int32 [P]."""
    # The space after each text is a base, too.
    is_base = ~has_trait(characters.traits, code_points.COMBINES)
    bases = tf.cast(tf.where(is_base)[:, 0], tf.int32)
    num_before = tf.cumsum(tf.cast(is_base, tf.int32), exclusive=True)
    text_starts = tf.gather(_text_starts(pieces, characters), pieces.texts)  # [P]
    ends = text_starts + pieces.ends
    return tf.gather(bases, tf.gather(num_before, ends)) - text_starts
