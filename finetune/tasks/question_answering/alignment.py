"""Find where gold answers are in their context, and repair offsets that are wrong.

If a text is not exactly where its offset says, the nearest occurrence is used that differs at most
in case, whitespace and Unicode form.
"""

import itertools
import logging
import unicodedata
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from finetune.tasks.question_answering.question import UNKNOWN, Answer, Question
from finetune.util.errors import InputError
from finetune.util.plurals import count

_log = logging.getLogger(__name__)
_MAX_PLACES = 3


# The two letters i of Turkish, which are "I" and "ı" or "İ" and "i" in other cases
_DOTLESS = str.maketrans({"ı": "i", "İ": "i"})
_DOT_ABOVE = "\u0307"


class _Folded(NamedTuple):
    """A text without differences in case, whitespace and Unicode form.

    Attributes:
      text: The folded text.
      origins: For each of its characters, the index of the original character that it is from. They
        increase, except among the combining marks of one letter.
    """

    text: str
    origins: List[int]


def align(questions: Iterable[Question]) -> List[Question]:
    """Returns the questions with aligned answers; warns if offsets were repaired.

    Raises:
      InputError: An answer is empty or does not occur in its context.
    """
    aligned, repaired = [], []
    folded: Dict[str, _Folded] = {}
    for question in questions:
        answers = [_align(answer, question, folded) for answer in question.answers or ()]
        if any(answer.repaired for answer in answers):
            repaired.append(question.place)
        if question.answers is not None:
            question.answers = answers
        aligned.append(question)
    if repaired:
        _log.warning(
            "%s not where answer_start says: the nearest occurrence is used (%s)",
            count(len(repaired), "question has an answer", "questions have answers"),
            "; ".join(repaired[:_MAX_PLACES]) + ("; …" if len(repaired) > _MAX_PLACES else ""),
        )
    return aligned


def _align(answer: Answer, question: Question, folded: Dict[str, _Folded]) -> Answer:
    context, text = question.context, answer.text
    if not text.strip():
        raise InputError(
            f"{question.place}: an answer is empty; expected text. For a question without an "
            "answer, use an empty list of answers."
        )
    if answer.start >= 0 and context[answer.start : answer.start + len(text)] == text:
        return Answer(text, answer.start, answer.start + len(text))
    if context not in folded:
        folded.clear()  # Questions about the same context follow one another.
        folded[context] = _fold(context)
    found = list(_occurrences(folded[context], _fold(text.strip()).text))
    if not found:
        raise InputError(
            f"{question.place}: the answer {text!r:.80} does not occur in the context, not even "
            "with differences in case, whitespace or Unicode form. Correct the answer or the "
            "context."
        )
    start, end = min(found, key=lambda span: (abs(span[0] - answer.start), span))
    # Without an offset, there is nothing to repair if the text occurs only once.
    is_repair = answer.start != UNKNOWN or len(found) > 1 or context[start:end] != text
    return Answer(text, start, end, is_repair)


def _fold(text: str) -> _Folded:
    folded: List[str] = []
    origins: List[int] = []
    for index, char in enumerate(text.translate(_DOTLESS)):
        last = folded[-1] if folded else ""
        if char.isspace():
            parts = "" if last == " " else " "
        elif char == _DOT_ABOVE and last == "i":
            parts = ""  # In Python, "İ".lower() has two characters.
        else:
            compatible = unicodedata.normalize("NFKD", char)
            parts = unicodedata.normalize("NFKD", compatible.casefold())
        folded += parts
        origins += [index] * len(parts)
    order = _canonical_order(folded)
    return _Folded("".join(folded[i] for i in order), [origins[i] for i in order])


def _canonical_order(chars: Sequence[str]) -> List[int]:
    """Returns the places of characters, with the marks of each letter in Unicode's order.

    Vietnamese "ệ", for example, can also be "ê" and a mark, or "ẹ" and a mark.
    """
    order: List[int] = []
    for is_mark, places in itertools.groupby(
        range(len(chars)), lambda i: bool(unicodedata.combining(chars[i]))
    ):
        marks = list(places)
        order += sorted(marks, key=lambda i: unicodedata.combining(chars[i])) if is_mark else marks
    return order


def _occurrences(context: _Folded, text: str) -> Iterator[Tuple[int, int]]:
    """Yields the spans in the original context at which a folded text occurs."""
    start: Optional[int] = context.text.find(text)
    while text and start is not None and start >= 0:
        end = start + len(text)
        # A part of an original character, such as the letter of "é", is no occurrence.
        is_whole = start == 0 or context.origins[start - 1] != context.origins[start]
        if end < len(context.text):
            is_whole &= not unicodedata.combining(context.text[end])
            is_whole &= context.origins[end - 1] != context.origins[end]
        if is_whole:
            origins = context.origins[start:end]
            yield min(origins), max(origins) + 1
        start = context.text.find(text, start + 1)
