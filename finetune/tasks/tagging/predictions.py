"""Write a tagger's predictions: one entry for each input text, in the same order."""

import json
from typing import IO, Iterable, List, Sequence, Tuple, TypedDict

from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.tasks.tagging.tags import spans_of
from finetune.util.errors import InputError


class Entity(TypedDict):
    """An entity in test_results.jsonl.

    Keys:
      type: The entity's type.
      start: Offset of its first code point in the text.
      end: Offset after its last code point.
      surface: The text between these offsets.
      score: Mean probability of the tags predicted for its words.
    """

    type: str
    start: int
    end: int
    surface: str
    score: float


class TaggingFiles:
    """Writes `test_results.conll` and `test_results.jsonl`.

    The first file is in the format that conlleval and seqeval read. Each line contains a word, its
    gold tag if all texts have tags, and its predicted tag, separated by spaces. An empty line
    follows each text. The file omits texts without words, which the format cannot represent.

    The second file contains one JSON object per line, with a text and its entities.
    """

    def __init__(self, conll: IO[str], jsonl: IO[str], with_gold: bool):
        """Stores the open files.

        Args:
          conll: The first file.
          jsonl: The second file.
          with_gold: Whether all texts have tags, which are in IOB2.
        """
        self._conll = conll
        self._jsonl = jsonl
        self._with_gold = with_gold

    def write(
        self, texts: Iterable[TaggedText], answers: Iterable[Tuple[List[str], List[float]]]
    ) -> int:
        """Writes texts, with the predicted tags of each and their probabilities.

        Returns:
          The number of texts.

        Raises:
          InputError: A text of a stream has no tags, but the first texts had tags.
        """
        number = 0
        for text, (tags, probabilities) in zip(texts, answers):
            if self._with_gold and text.tags is None:
                raise InputError(
                    f"{text.place}: found no tags, but the first texts had tags; expected texts of "
                    "one kind."
                )
            self._write_conll(text, tags)
            answer = prediction(text, tags, probabilities)
            row = {"guid": text.guid, **text.extra, **answer}
            self._jsonl.write(json.dumps(row, ensure_ascii=False) + "\n")
            number += 1
        return number

    def _write_conll(self, text: TaggedText, tags: Sequence[str]) -> None:
        for i, tag in enumerate(tags):
            gold = [text.gold_tags[i]] if self._with_gold else []
            columns = [_one_cell(text.word(i)), *gold, tag]
            self._conll.write(" ".join(columns) + "\n")
        self._conll.write("\n" if tags else "")


class Prediction(TypedDict):
    """A text and its entities."""

    text: str
    entities: List[Entity]


def prediction(text: TaggedText, tags: Sequence[str], probabilities: Sequence[float]) -> Prediction:
    """Returns a text with the entities that its tags mark.

    Args:
      text: The text.
      tags: The tag predicted for each word, in IOB2.
      probabilities: The probability of each tag.
    """
    return {"text": text.text, "entities": _entities(text, tags, probabilities)}


def _one_cell(word: str) -> str:
    """Returns a word as it can be read again: without whitespace, which separates columns.

    A byte order mark inside a file is an error, and "-DOCSTART-" separates documents.
    """
    if word == "-DOCSTART-":
        return "_DOCSTART_"
    return "".join("_" if char.isspace() or char == "\ufeff" else char for char in word)


def _entities(
    text: TaggedText, tags: Sequence[str], probabilities: Sequence[float]
) -> List[Entity]:
    entities: List[Entity] = []
    for first, last, kind in spans_of(tags):
        start, end = text.words[first][0], text.words[last - 1][1]
        score = sum(probabilities[first:last]) / (last - first)
        surface = text.text[start:end]
        entities.append(
            Entity(type=kind, start=start, end=end, surface=surface, score=round(score, 6))
        )
    return entities
