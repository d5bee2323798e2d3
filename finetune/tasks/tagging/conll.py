"""Read CoNLL columns: a word and its tag per line, blank lines between sentences."""

import collections
import itertools
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from finetune.data.lines import read_lines
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.tasks.tagging.tags import TAG_FORM, is_tag
from finetune.util.errors import InputError
from finetune.util.plurals import count

_DOCUMENT = "-DOCSTART-"


class ConllColumns(NamedTuple):
    """The columns of word and tag: 1 is the first, -1 the last; a `tag` of 0 means none."""

    word: int = 1
    tag: int = -1


def _read_rows(path: str) -> List[Tuple[int, List[str]]]:
    """Returns (line number, cells) of each line; a line of white space has no cells."""
    rows = []
    for number, line in read_lines(path, blank="all"):
        if "\r" in line.rstrip("\r"):
            raise InputError(
                f"{path}:{number}: a CR inside the line; convert the file, for example with "
                "`tr '\\r' '\\n'`."
            )
        # Only at spaces: a no-break or ideographic space is part of a word.
        line = line.strip(" \r")
        cells = line.split("\t") if "\t" in line else line.split(" ")
        cells = [cell.strip(" ") for cell in cells] if "\t" in line else list(filter(None, cells))
        rows.append((number, cells if line.strip() else []))
    return rows


def _width_of(rows: Sequence[Sequence[str]]) -> int:
    """Returns how many columns most lines have; ties go to the first."""
    return collections.Counter(map(len, rows)).most_common(1)[0][0] if rows else 0


def read_sentences(
    path: str, split: str, columns: ConllColumns, need_tags: bool
) -> Iterator[TaggedText]:
    """Yields the sentences of a file.

    Args:
      path: The file.
      split: The first part of each guid.
      columns: Where the word and the tag are.
      need_tags: Whether a file without tags is an error.

    Raises:
      InputError: Something is wrong in the file; the message says where.
    """
    rows = _read_rows(path)
    width = _width_of([cells for _, cells in rows if cells and cells[0] != _DOCUMENT])
    if not width:
        raise InputError(f"{path}: only blank lines; expected one word per line.")
    if need_tags or width > 1:
        _check_columns(path, width, columns)
    sentence: List[Tuple[int, str, Optional[str]]] = []
    for number, cells in rows:
        if not cells or cells[0] == _DOCUMENT:
            yield from _sentence(path, split, sentence)
            sentence = []
        elif sentence or not _is_comment(cells, width, columns):
            word, tag = _word_and_tag(f"{path}:{number}", cells, width, columns)
            sentence.append((number, word, tag))
    yield from _sentence(path, split, sentence)


def is_in_columns(path: str, columns: ConllColumns, maybe_untagged: bool) -> bool:
    """Returns whether a file to predict is in columns rather than bare text.

    It is if at least half of its lines have a tag in the tag's column, and most have the same
    number of cells (a single line: two). If it can be without tags, it also is if every line has
    one word and there are blank lines between them.
    """
    lines = [cells for _, cells in _read_rows(path) if not cells or cells[0] != _DOCUMENT]
    width = _width_of(list(filter(None, lines)))
    rows = [cells for cells in lines if cells and not _is_comment(cells, width, columns)]
    tagged = sum(_tag_of(cells, columns) is not None for cells in rows)
    regular = sum(len(cells) == width for cells in rows)
    is_table = 4 * regular >= 3 * len(rows) and (width == 2 or regular > 1)
    if 2 * tagged >= len(rows) > 0 and is_table:
        return True
    groups = [key for key, _ in itertools.groupby(lines, key=bool)]  # Words, blank lines, words
    word_a_line = width == 1 and all(len(cells) == 1 for cells in rows)
    return maybe_untagged and word_a_line and groups.count(True) > 1


def _is_comment(cells: Sequence[str], width: int, columns: ConllColumns) -> bool:
    """Returns whether a line is a comment on a sentence (GermEval: "#<TAB>source<TAB>[date]")."""
    if len(cells) != width:
        return cells[0].startswith("#")
    sign = cells[0] == "#" or cells[0].startswith("# ")
    return sign and width > 1 and _tag_of(cells, columns) is None


def _check_columns(path: str, width: int, columns: ConllColumns) -> None:
    """Raises `InputError` if the columns of word and tag do not exist or are the same."""
    there = range(1, width + 1)
    word, tag = (c if c >= 0 else width + 1 + c for c in columns)
    if word == tag or word not in there or tag not in (0, *there):
        raise InputError(
            f"{path}: most lines have {count(width, 'column')}; expected the word in column "
            f"{columns.word} and the tag in another, {columns.tag}. Spaces or a tab separate "
            "columns; "
            "--word_column and --tag_column choose them."
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
    where: str, cells: Sequence[str], width: int, columns: ConllColumns
) -> Tuple[str, Optional[str]]:
    if len(cells) != width:
        raise InputError(
            f"{where}: {_described(cells)}; expected {width}, like most lines, separated by a "
            "space or tab. Correct the line; if the file is bare text to predict, give "
            "--data_form=text."
        )
    word = _cell(cells, 1 if width == 1 else columns.word)
    if not word:
        raise InputError(
            f"{where}: {_described(cells)}, and no word in column {columns.word} (--word_column)."
        )
    if width == 1 or columns.tag == 0:
        return word, None
    tag = _cell(cells, columns.tag)
    if not is_tag(tag):
        raise InputError(
            f"{where}: found {tag!r} as the tag (column {columns.tag}); expected {TAG_FORM}. "
            "Correct it, or name the column of the tags with --tag_column (0: none)."
        )
    return word, tag


def _described(cells: Sequence[str]) -> str:
    return f"{count(len(cells), 'column')} ({' '.join(cells)[:60]!r})"


def _tag_of(cells: Sequence[str], columns: ConllColumns) -> Optional[str]:
    tag = _cell(cells, columns.tag) if len(cells) > 1 and columns.tag else None
    return tag if tag is not None and is_tag(tag) else None


def _cell(cells: Sequence[str], column: int) -> Optional[str]:
    index = column - 1 if column > 0 else len(cells) + column
    return cells[index] if 0 <= index < len(cells) else None
