"""Read questions: SQuAD's JSON, JSON lines, and tables with named columns.

The form is detected from the content: text that begins with { or [ is JSON, everything else is a
table whose header names a question and a context.
"""

import ast
import json
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence

from finetune.data.data_path import DataPath, is_stream
from finetune.data.json_lines import has_surrogates
from finetune.data.json_values import read_values
from finetune.data.lines import read_lines, read_start
from finetune.data.tables import (
    check_header,
    check_width,
    read_cells,
    read_quoted_cells,
    read_table_lines,
)
from finetune.tasks.question_answering.question import UNKNOWN, Answer, Question
from finetune.util.errors import InputError
from finetune.util.plurals import count

ENDINGS = (".json", ".jsonl", ".csv", ".tsv")
_DELIMITERS = ",;\t"
_MAX_LINE_LENGTH = 1 << 40
# The usual names of keys and columns, in order of preference; case is ignored.
_NAMES: Mapping[str, Sequence[str]] = {
    "id": ("id", "guid", "qid"),
    "question": ("question",),
    "context": ("context", "paragraph", "passage"),
    "answers": ("answers", "answer", "answer_text", "text"),
    "start": ("answer_start", "start", "answer_offset"),
}


class _Row(NamedTuple):
    """One question as the data has it.

    Attributes:
      values: The values by the keys of `_NAMES`; absent ones are None.
      is_impossible: Whether the question has SQuAD 2.0's mark that it has no answer.
      where: The place, for messages.
    """

    values: Mapping[str, object]
    is_impossible: bool
    where: str


def read_questions(path: str, split: str) -> Iterator[Question]:
    """Yields the questions of a file, or of standard input ("-").

    The answers are not aligned yet. If the split is "test", they may be missing.

    Raises:
      InputError: The file is in none of the forms, or a question is invalid.
    """
    is_json = is_stream(path) or read_start(path).lstrip()[:1] in ("{", "[")
    rows = _json_rows(path) if is_json else _table_rows(path)
    for number, row in enumerate(rows, start=1):
        yield _make_question(row, split, number, is_stream(path))


def read_context(path: str) -> str:
    """Returns the text of a file, for --context_file."""
    return "\n".join(text for _, text in read_lines(path, blank="inner"))


def checked_text(value: object, where: str, key: str) -> str:
    """Returns a question or a context; raises `InputError` if it is missing, empty or no text."""
    if value is None:
        raise InputError(f'{where}: no "{key}"; expected a question and its context.')
    if not isinstance(value, str):
        raise InputError(f'{where}: found {value!r:.60} as "{key}"; expected a string.')
    if not value.strip():
        raise InputError(f'{where}: the "{key}" is empty; expected text.')
    if has_surrogates(value):
        raise InputError(
            f'{where}: the "{key}" contains half a surrogate pair, which is not a character.'
        )
    return value


def _json_rows(path: str) -> Iterator[_Row]:
    # SQuAD's files have a single line.
    if not is_stream(path):
        path = DataPath.of(path, DataPath.beside(path, path).encoding, _MAX_LINE_LENGTH)
    for _, where, value in read_values(path):
        value = _object(value, where)
        if "data" not in value:
            yield from _article_rows(value, where, where)
            continue
        for i, article in enumerate(_list(value["data"], path, "data"), start=1):
            in_article = f"{path}:article {i}"
            yield from _article_rows(article, in_article, f"{path}:item {i}")


def _article_rows(article: object, where: str, item: str) -> Iterator[_Row]:
    """Yields the questions of one of SQuAD's articles, or the only one of an item of a list."""
    article = _object(article, where)
    if "paragraphs" not in article:
        yield _row_of(article, item)
        return
    for i, paragraph in enumerate(_list(article["paragraphs"], where, "paragraphs"), start=1):
        in_paragraph = f"{where}/paragraph {i}"
        paragraph = _object(paragraph, in_paragraph)
        for question in _list(paragraph.get("qas"), in_paragraph, "qas"):
            question = _object(question, in_paragraph)
            context = {"context": paragraph.get("context")}
            place = f"{in_paragraph}/question {question.get('id')}"
            yield _row_of({**question, **context}, place)


def _list(value: object, where: str, key: str) -> List[object]:
    if not isinstance(value, list):
        raise InputError(f'{where}: found {value!r:.60} as "{key}"; expected a list.')
    return value


def _object(value: object, where: str) -> Dict[str, object]:
    if not isinstance(value, dict):
        raise InputError(f"{where}: found {value!r:.60}; expected an object.")
    return value


def _row_of(values: Mapping[str, object], where: str) -> _Row:
    folded = {name.strip().casefold(): value for name, value in reversed(list(values.items()))}
    found = {
        key: next((folded[name] for name in names if name in folded), None)
        for key, names in _NAMES.items()
    }
    mark = folded.get("is_impossible")
    return _Row(found, str(mark).strip().casefold() in ("true", "1"), where)  # Tables have text.


def _table_rows(path: str) -> Iterator[_Row]:
    first = next((text for _, text in read_table_lines(path, blank="skip")), "")
    delimiter = next((char for char in _DELIMITERS if _names_both(first.split(char))), None)
    if delimiter is None:
        raise InputError(
            f"{path}:1: found {first[:60]!r}; expected SQuAD's JSON, JSON lines, or a table whose "
            "header has the columns question and context."
        )
    # In a tab-separated file, quotes are ordinary characters unless the header is quoted.
    has_quotes = delimiter != "\t" or first.startswith('"')
    cells = read_quoted_cells(path, delimiter, keeps_cr=True) if has_quotes else read_cells(path)
    header: List[str] = []
    for number, row in cells:
        where = f"{path}:{number}"
        if not header:
            header = row
            check_header(header, where)
        elif row:
            check_width(row, header, where)
            yield _unpacked(_row_of(dict(zip(header, row)), where))


def _unpacked(row: _Row) -> _Row:
    """Returns a row of a table with its answers as a value, if the cell contains one.

    `datasets` and pandas write the answers of Hugging Face's data sets as Python prints them.
    """
    cell = row.values["answers"]
    if not isinstance(cell, str) or cell.lstrip()[:1] not in ("{", "["):
        return row
    for parse in (json.loads, _parse_python):
        try:
            value = parse(cell)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue
        items = value if isinstance(value, list) else [value]
        if all(
            isinstance(item, str) or isinstance(item, dict) and "text" in item for item in items
        ):
            return row._replace(values={**row.values, "answers": value})
    return row  # A text in brackets


def _parse_python(text: str) -> object:
    """Returns a literal, in which lists can be arrays of NumPy as Python prints them."""
    return ast.literal_eval(_Lists().visit(ast.parse(text.strip(), mode="eval")))


class _Lists(ast.NodeTransformer):
    """Replaces array([…], dtype=…) by […]."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        is_array = isinstance(node.func, ast.Name) and node.func.id == "array" and node.args
        return self.visit(node.args[0]) if is_array else node


def _names_both(cells: Sequence[str]) -> bool:
    names = {cell.strip(' "').casefold() for cell in cells}
    return all(names.intersection(_NAMES[key]) for key in ("question", "context"))


def _make_question(row: _Row, split: str, number: int, is_in_stream: bool) -> Question:
    values, where = row.values, row.where
    guid = values["id"]
    if isinstance(guid, bool) or not isinstance(guid, (str, int, float, type(None))):
        raise InputError(f'{where}: found {guid!r:.60} as "id"; expected a string or a number.')
    if has_surrogates(str(guid)):
        raise InputError(
            f"{where}: the id contains half a surrogate pair, which is not a character."
        )
    answers: Optional[List[Answer]] = None
    if split == "test":
        answers = None if is_in_stream else _answers_if_any(row)
    else:
        if values["answers"] is None and not row.is_impossible:
            raise InputError(
                f'{where}: no "answers"; expected a list, which is empty if the context contains '
                "no answer. To predict answers, use --predict_file."
            )
        answers = list(_answers(values["answers"], values["start"], where))
        if answers and row.is_impossible:
            raise InputError(
                f'{where}: "is_impossible" is true, but the question has answers. Correct one.'
            )
    return Question(
        guid=f"{split}-{number}" if guid in (None, "") else str(guid),
        question=checked_text(values["question"], where, "question"),
        context=checked_text(values["context"], where, "context"),
        answers=answers,
        where=where,
    )


def _answers_if_any(row: _Row) -> Optional[List[Answer]]:
    """Returns the answers of a question to predict; None if there are none, or they are invalid."""
    values = row.values
    if values["answers"] is None and not row.is_impossible:
        return None
    try:
        return list(_answers(values["answers"], values["start"], row.where))
    except InputError:
        return None


def _answers(value: object, start: object, where: str) -> Iterator[Answer]:
    """Yields the answers of a question.

    They are a list of objects or strings, one object, the parallel lists of Hugging Face's data
    sets, or one text, whose offset is in a key or column of its own; "" is no answer.
    """
    if isinstance(value, str):
        if value:
            yield _answer(value, start, where)
        return
    if isinstance(value, dict) and isinstance(value.get("text"), str):
        value = [value]
    if isinstance(value, dict):
        texts = _list(value.get("text"), where, "text")
        starts = _list(_offset_in(value, [None] * len(texts)), where, "answer_start")
        if len(texts) != len(starts):
            raise InputError(
                f"{where}: {count(len(texts), 'answer')}, but {count(len(starts), 'offset')}; "
                "expected one offset per answer."
            )
        yield from (_answer(text, offset, where) for text, offset in zip(texts, starts))
        return
    for item in _list([] if value is None else value, where, "answers"):
        if isinstance(item, str):
            yield _answer(item, None, where)
        else:
            answer = _object(item, where)
            yield _answer(answer.get("text"), _offset_in(answer), where)


def _offset_in(answer: Mapping[str, object], default: object = None) -> object:
    """Returns the offset, or the offsets, in an object with one or more answers."""
    found = (answer.get(name) for name in _NAMES["start"])
    return next((offset for offset in found if offset is not None), default)


def _answer(text: object, start: object, where: str) -> Answer:
    if not isinstance(text, str) or has_surrogates(text):
        raise InputError(f"{where}: found {text!r:.60} as the text of an answer; expected text.")
    if start in (None, ""):
        return Answer(text, UNKNOWN, UNKNOWN)
    try:
        offset = _whole_number(start)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{where}: found {start!r:.60} as the offset of an answer; expected a whole number of "
            "characters."
        ) from error
    return Answer(text, offset, offset + len(text))


def _whole_number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError("not a number")
    number = float(value)
    if not number.is_integer():
        raise ValueError("not a whole number")
    return int(number)
