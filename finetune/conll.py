"""Read CoNLL columns: a word and its tag a line, blank lines between sentences."""

import collections
import itertools
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from finetune.readers import read_lines
from finetune.tagged_text import TaggedText
from finetune.tagging import TAG_FORM, is_tag

_DOCUMENT = "-DOCSTART-"


class Columns(NamedTuple):
    """Which column is which: 1 is the first, -1 the last; `tag` 0: there is none."""

    word: int = 1
    tag: int = -1


def _read_rows(path: str) -> List[Tuple[int, List[str]]]:
    """Returns (line number, cells) of a file in columns; a line of white space has no cells."""
    rows = []
    for number, line in read_lines(path, blank="all"):
        if "\r" in line.rstrip("\r"):
            raise ValueError(
                f"{path}:{number}: a CR within the line; convert the file, e.g. with "
                "`tr '\\r' '\\n'`."
            )
        # At spaces alone: a no-break or ideographic space is part of a word.
        line = line.strip(" \r")
        cells = line.split("\t") if "\t" in line else line.split(" ")
        cells = [cell.strip(" ") for cell in cells] if "\t" in line else list(filter(None, cells))
        rows.append((number, cells if line.strip() else []))
    return rows


def _width_of(rows: Sequence[Sequence[str]]) -> int:
    """Returns how many columns most lines have; of equals, those that come first."""
    return collections.Counter(map(len, rows)).most_common(1)[0][0] if rows else 0


def read_sentences(
    path: str, split: str, columns: Columns, need_tags: bool
) -> Iterator[TaggedText]:
    """Yields the sentences of a file.

    Args:
      path: The file.
      split: The first part of each guid.
      columns: Where the word and the tag are.
      need_tags: Whether a file without tags is an error.

    Raises:
      ValueError: Something is wrong in the file; the message says where.
    """
    rows = _read_rows(path)
    width = _width_of([cells for _, cells in rows if cells and cells[0] != _DOCUMENT])
    if not width:
        raise ValueError(f"{path}: no sentences, only blank lines; expected a word a line.")
    if need_tags or width > 1:
        _refuse_columns(path, width, columns)
    sentence: List[Tuple[int, str, Optional[str]]] = []
    for number, cells in rows:
        if not cells or cells[0] == _DOCUMENT:
            yield from _sentence(path, split, sentence)
            sentence = []
        elif sentence or not _is_comment(cells, width, columns):
            word, tag = _word_and_tag(f"{path}:{number}", cells, width, columns)
            sentence.append((number, word, tag))
    yield from _sentence(path, split, sentence)


def is_in_columns(path: str, columns: Columns, maybe_untagged: bool) -> bool:
    """Returns whether a file to predict is in columns, and not bare text.

    It is if half of its lines have a tag where columns have it, and most as many cells (a single
    line: two); and, if it may be without tags, if all of its lines have one word and there are
    blank lines between them.
    """
    lines = [cells for _, cells in _read_rows(path) if not cells or cells[0] != _DOCUMENT]
    width = _width_of(list(filter(None, lines)))
    rows = [cells for cells in lines if cells and not _is_comment(cells, width, columns)]
    tagged = sum(_tag_of(cells, columns) is not None for cells in rows)
    alike = sum(len(cells) == width for cells in rows)
    if 2 * tagged >= len(rows) > 0 and 4 * alike >= 3 * len(rows) and (width == 2 or alike > 1):
        return True
    groups = [key for key, _ in itertools.groupby(lines, key=bool)]  # Words, blank lines, words
    word_a_line = width == 1 and all(len(cells) == 1 for cells in rows)
    return maybe_untagged and word_a_line and groups.count(True) > 1


def _is_comment(cells: Sequence[str], width: int, columns: Columns) -> bool:
    """Whether a line before a sentence is about it (GermEval: "#<TAB>source<TAB>[date]")."""
    if len(cells) != width:
        return cells[0].startswith("#")
    sign = cells[0] == "#" or cells[0].startswith("# ")
    return sign and width > 1 and _tag_of(cells, columns) is None


def _refuse_columns(path: str, width: int, columns: Columns) -> None:
    """Raises `ValueError` if the word and the tag cannot be in the columns they are said to be."""
    there = range(1, width + 1)
    word, tag = (c if c >= 0 else width + 1 + c for c in columns)
    if word == tag or word not in there or tag not in (0, *there):
        raise ValueError(
            f"{path}: most lines have {width} column(s); expected the word in column "
            f"{columns.word} and the tag in another, {columns.tag}. Columns are apart by spaces or "
            "a tab; --word_column and --tag_column choose them."
        )


def _sentence(
    path: str, split: str, rows: Sequence[Tuple[int, str, Optional[str]]]
) -> Iterator[TaggedText]:
    if rows:
        numbers, words, tags = zip(*rows)
        where = f"{path}:{numbers[0]}"
        guid = f"{split}-{numbers[0]}"
        tags = None if tags[0] is None else tags
        yield TaggedText.from_words(guid, words, tags, where, word_a_line=True)


def _word_and_tag(
    where: str, cells: Sequence[str], width: int, columns: Columns
) -> Tuple[str, Optional[str]]:
    if len(cells) != width:
        raise ValueError(
            f"{where}: {_described(cells)}; expected {width}, as most lines have, apart by a space "
            "or tab. Correct the line; if the file is bare text to predict, give --data_form=text."
        )
    word = _cell(cells, 1 if width == 1 else columns.word)
    if not word:
        raise ValueError(
            f"{where}: {_described(cells)}, and no word in column {columns.word} (--word_column)."
        )
    if width == 1 or columns.tag == 0:
        return word, None
    tag = _cell(cells, columns.tag)
    if not is_tag(tag):
        raise ValueError(
            f"{where}: found {tag!r} for the tag (column {columns.tag}); expected {TAG_FORM}. "
            "Correct it, or say with --tag_column where the tags are (0: nowhere)."
        )
    return word, tag


def _described(cells: Sequence[str]) -> str:
    return f"{len(cells)} column(s) ({' '.join(cells)[:60]!r})"


def _tag_of(cells: Sequence[str], columns: Columns) -> Optional[str]:
    tag = _cell(cells, columns.tag) if len(cells) > 1 and columns.tag else None
    return tag if tag is not None and is_tag(tag) else None


def _cell(cells: Sequence[str], column: int) -> Optional[str]:
    place = column - 1 if column > 0 else len(cells) + column
    return cells[place] if 0 <= place < len(cells) else None
