"""The signatures of an exported tagger."""

from typing import Dict, NamedTuple

import tensorflow.compat.v1 as tf

from finetune.data.frame import Frame, single_room
from finetune.data.rows import NO_LABEL
from finetune.models.graph_inputs import Range, Windows, assembled
from finetune.models.graph_tokenizer import Characters, GraphPieces
from finetune.models.model_fn import NO_TRAINING
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
from finetune.tasks.tagging.graph_entities import (
    GraphEntities,
    GraphWords,
    entities_of,
    substrings,
    words_of,
)
from finetune.tasks.tagging.graph_sentences import GraphSentences
from finetune.tasks.tagging.graph_windows import GraphRows, make_rows
from finetune.tasks.tagging.task import Tagging

_RANKS = {"input_ids": 2, "input_mask": 2, "segment_ids": 2, "word_positions": 2, "word_mask": 2}
_RANKS.update(starts=1, ends=1)


def build(task: Tagging, checkpoint: str) -> ServingGraph:
    """Builds a trained tagger in the default graph.

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
        outputs_of=lambda features: _tags(task, features, _predictions(task, features, checkpoint)),
        signatures_of=lambda texts: _signatures(task, texts, checkpoint),
    )


def _signatures(task: Tagging, texts: TextInputs, checkpoint: str) -> Dict[str, Signature]:
    encoded = _encoded(task, texts.texts["text"])
    features = feedable(encoded.features)
    predicted = _predictions(task, features, checkpoint)
    places = tf.stack([encoded.rows.row_of, encoded.rows.number_of], axis=1)  # [V, 2]
    entities = entities_of(
        encoded.words,
        task.labels,
        tf.gather_nd(predicted["label_ids"], places),
        tf.gather_nd(predicted["probabilities"], places),
    )
    signatures = make_signatures(texts, features, _outputs(entities, encoded), {})
    # An entity's offsets need the text, so wordpiece ids get the labels of words.
    signatures["token_ids"] = Signature(features, _tags(task, features, predicted))
    return signatures


class _Encoded(NamedTuple):
    """Texts as inputs of the model.

    Attributes:
      characters: Their characters, with a space after each text.
      text_starts: int32 [B], the place of each text's first character.
      words: Their words.
      rows: The windows of words.
      features: The inputs.
    """

    characters: Characters
    text_starts: tf.Tensor
    words: GraphWords
    rows: GraphRows
    features: Tensors


def _encoded(task: Tagging, texts: tf.Tensor) -> _Encoded:
    """Returns texts, string [B], as inputs of the model; see `features.encode_texts`."""
    tokenizer = make_tokenizer(task.model)
    characters = tokenizer.decode(texts)
    num_texts = tf.size(texts)
    sizes = tf.math.bincount(characters.texts, minlength=num_texts, maxlength=num_texts)  # [B]
    text_starts = tf.cumsum(sizes, exclusive=True)
    words = words_of(characters, task.bare_text_split)
    pieces = tokenizer.tokenize_codes(substrings(characters, text_starts, words))
    room = single_room(task.max_seq_length)
    units = _units(pieces, task.model.frame.unknown_id, room)  # [V, (wordpieces)]
    sentences = GraphSentences(characters, text_starts, words)
    is_start = sentences.starts() if task.form.is_sentence else sentences.is_first
    starts = tf.cast(tf.where(is_start)[:, 0], tf.int32)
    ends = tf.concat([starts[1:], tf.shape(words.texts)], axis=0)[: tf.size(starts)]
    stride = task.config.require("doc_stride")
    rows = make_rows(units.row_splits, starts, ends, room, stride)
    return _Encoded(characters, text_starts, words, rows, _features(units, rows, task.model.frame))


def _units(pieces: GraphPieces, unknown_id: int, room: int) -> tf.RaggedTensor:
    """Returns the ids of each word, at most as many as fit; a word without any is unknown."""
    ids = tf.RaggedTensor.from_row_lengths(pieces.ids, pieces.lengths, validate=False)
    missing = tf.cast(tf.equal(pieces.lengths, 0), tf.int32)  # [V]
    unknown = tf.fill([tf.reduce_sum(missing)], unknown_id)
    unknown = tf.RaggedTensor.from_row_lengths(unknown, missing, validate=False)
    return tf.concat([ids, unknown], axis=1)[:, :room]


def _features(units: tf.RaggedTensor, rows: GraphRows, frame: Frame) -> Tensors:
    """Returns the inputs of the model for rows; see `TaggingFeatures.batch`."""
    # All words are one text here.
    flat = units.values
    pieces = GraphPieces(flat, flat, flat, flat, lengths=tf.size(flat)[tf.newaxis])
    parts = [Range(rows.piece_starts, rows.piece_ends)]
    inputs = assembled(pieces, None, Windows(parts, [], tf.zeros_like(rows.counts)), frame)
    positions = units.row_starts() - tf.gather(rows.piece_starts, rows.row_of) + frame.start_of_a
    inputs["word_positions"] = _by_row(positions, rows)
    inputs["word_mask"] = _by_row(tf.ones_like(positions), rows)
    inputs.update(starts=rows.starts, ends=rows.ends)
    return {name: inputs[name] for name in _RANKS}


def _by_row(values: tf.Tensor, rows: GraphRows) -> tf.Tensor:
    """Returns values of words, int32 [V], as [R, W]; W is 1 if there is no row."""
    ragged = tf.RaggedTensor.from_row_lengths(values, rows.counts, validate=False)
    found = ragged.to_tensor()
    return tf.pad(found, [[0, 0], [0, tf.maximum(1 - tf.shape(found)[1], 0)]])


def _predictions(task: Tagging, features: Tensors, checkpoint: str) -> Tensors:
    # The loss, which is not computed, needs labels.
    label_ids = tf.fill(tf.shape(features["word_mask"]), NO_LABEL)
    model_fn = task.make_model_fn(checkpoint, NO_TRAINING)
    return predictions_of(model_fn, {**features, "label_ids": label_ids})


def _tags(task: Tagging, features: Tensors, predicted: Tensors) -> Tensors:
    """Returns the label of each word of each row, [R, W]: "" after the last word of a row."""
    is_word = tf.not_equal(features["word_mask"], 0)
    tags = tf.gather(tf.constant(task.labels), predicted["label_ids"])
    return {
        "tags": tf.where_v2(is_word, tags, ""),
        "probabilities": tf.where_v2(is_word, predicted["probabilities"], 0.0),
    }


def _outputs(entities: GraphEntities, encoded: _Encoded) -> Tensors:
    """Returns the outputs of predict, [B, entities] each."""
    spans = entities.spans
    surfaces = substrings(encoded.characters, encoded.text_starts, spans)
    columns: Dict[str, tf.Tensor] = {
        "entity_types": entities.types,
        "entity_starts": spans.starts,
        "entity_ends": spans.ends,
        "entity_surfaces": tf.strings.unicode_encode(surfaces, "UTF-8"),
        "entity_scores": tf.cast(entities.scores, tf.float32),
    }
    fillers = {"entity_starts": -1, "entity_ends": -1}
    num_texts = tf.size(encoded.text_starts)
    return {
        name: tf.RaggedTensor.from_value_rowids(
            column, spans.texts, nrows=num_texts, validate=False
        ).to_tensor(default_value=fillers.get(name))
        for name, column in columns.items()
    }
