"""Read a Unigram model of SentencePiece (sentencepiece.bpe.model), without the package.

The file is a protocol buffer: https://github.com/google/sentencepiece, sentencepiece_model.proto.
"""

import dataclasses
import struct
from typing import Dict, Iterator, List, Tuple, Union

from finetune.util.errors import InputError

# Numbers of fields in the messages ModelProto, SentencePiece, TrainerSpec and NormalizerSpec.
_PIECES, _TRAINER, _NORMALIZER = 1, 2, 3
_PIECE, _SCORE, _TYPE = 1, 2, 3
_MODEL_TYPE, _BYTE_FALLBACK = 3, 35
_CHARSMAP = 2

_UNIGRAM = 1  # The default of model_type
_NORMAL, _USER_DEFINED = 1, 4  # Of a piece's type

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5  # Wire types
_MAX_VARINT_BYTES = 10

_Value = Union[int, bytes]


@dataclasses.dataclass(frozen=True)
class Unigram:
    """A Unigram model.

    Attributes:
      pieces: The pieces in the order of their ids, with their scores: log probabilities.
      user_defined: The pieces that are kept whole wherever they occur in a text.
      charsmap: The compiled rules that normalise a text; empty if there are none.
    """

    pieces: List[Tuple[str, float]]
    user_defined: List[str]
    charsmap: bytes


def read(path: str) -> Unigram:
    """Reads a model.

    Raises:
      InputError: The file is damaged, or its model is not a Unigram model without byte fallback.
    """
    with open(path, "rb") as reader:
        content = reader.read()
    try:
        return _parse(content, path)
    except (ValueError, struct.error) as error:  # UnicodeDecodeError is a ValueError
        raise InputError(
            f"{path}: not a SentencePiece model ({error}). Copy or download it again."
        ) from error


def _parse(content: bytes, path: str) -> Unigram:
    pieces: List[Tuple[str, float]] = []
    user_defined = []
    trainer: Dict[int, _Value] = {}
    normalizer: Dict[int, _Value] = {}
    for number, value in _fields(content):
        if number == _PIECES:
            piece, score, kind = _piece_of(value)
            pieces.append((piece, score))
            user_defined += [piece] if kind == _USER_DEFINED else []
        elif number == _TRAINER:
            trainer.update(_fields(value))
        elif number == _NORMALIZER:
            normalizer.update(_fields(value))
    if trainer.get(_MODEL_TYPE, _UNIGRAM) != _UNIGRAM or trainer.get(_BYTE_FALLBACK, 0):
        raise InputError(
            f"{path}: the model is not Unigram, or encodes unknown characters as bytes, unlike "
            "those of XLM-RoBERTa and CamemBERT. Use the file that belongs to the model."
        )
    if not pieces:
        raise ValueError("it contains no pieces")
    charsmap = normalizer.get(_CHARSMAP, b"")
    if not isinstance(charsmap, bytes):
        raise ValueError("its normaliser is a number")
    return Unigram(pieces, user_defined, charsmap)


def _piece_of(message: _Value) -> Tuple[str, float, _Value]:
    """Returns the text, the score and the type of a piece."""
    fields = dict(_fields(message))
    text, score = fields.get(_PIECE, b""), fields.get(_SCORE, bytes(4))
    if not isinstance(text, bytes) or not isinstance(score, bytes):
        raise ValueError("a piece is a number")
    return text.decode("utf-8"), struct.unpack("<f", score)[0], fields.get(_TYPE, _NORMAL)


def _fields(message: _Value) -> Iterator[Tuple[int, _Value]]:
    """Yields the number and the value of each field: an int for a varint, else its bytes."""
    if not isinstance(message, bytes):
        raise ValueError("a number in place of a message")
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire_type == _BYTES:
            size, at = _varint(message, at)
        else:
            sizes = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}
            if wire_type not in sizes:
                raise ValueError(f"unknown type of field {wire_type}")
            size = sizes[wire_type]
        if at + size > len(message):
            raise ValueError("it is truncated")
        yield number, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> Tuple[int, int]:
    """Returns the number at a position in base 128, lowest digit first, and the position after."""
    value = 0
    for i, byte in enumerate(message[at : at + _MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, at + i + 1
    raise ValueError("it is truncated or a number is too long")
