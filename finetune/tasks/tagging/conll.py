"""Read CoNLL columns: a word and its tag per line, blank lines between sentences."""

import itertools
import logging
from typing import FrozenSet, Iterable, Iterator, List, Optional, Sequence, Tuple

from finetune.data.data_path import is_stream, max_line_length_of
from finetune.data.file_kinds import check_no_markup
from finetune.tasks.tagging.column_layout import (
    Layout,
    has_words_with_tags,
    looks_like_columns,
)
from finetune.tasks.tagging.column_table import ConllColumns, Line, Table, read_table
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.tasks.tagging.tags import TAG_FORM, is_tag
from finetune.tasks.tagging.word_splits import are_characters
from finetune.util.errors import InputError
from finetune.util.plurals import count

_log = logging.getLogger(__name__)

_NO_TAG = "_"  # In CoNLL-U, of a word that is in no entity
_MAX_WORDS = 1 << 17  # In a sentence of a stream


def read_sentences(
    path: str,
    split: str,
    columns: ConllColumns,
    need_tags: bool,
    known_types: FrozenSet[str] = frozenset(),
) -> Iterator[TaggedText]:
    """Yields the sentences of a file; those of a stream as they come.

    Args:
      path: The file.
      split: The first part of each guid.
      columns: Where the word and the tag are, if specified.
      need_tags: Whether a file without tags is an error.
      known_types: The types of the model's tags, if known: in a file to predict, others are not
        gold tags.

    Raises:
      InputError: The file contains an error; the message says where.
    """
    table = read_table(path, columns, known_types)
    width, layout = table.width, table.layout
    _check_has_words(path, table, need_tags)
    _check_columns(path, width, columns, need_tags)
    # A CoNLL-U file without any tag has no column of tags.
    allows_blank_tags = layout.tag is not None and layout.position is not None
    layout = _with_tag(layout, width, columns, need_tags)
    _log_layout(path, width, layout)
    lines = table.lines
    if layout.has_header:
        header = next(i for i, line in enumerate(lines) if line.cells)
        lines = lines[header + 1 :]
    reader = _SentenceReader(path, width, layout, allows_blank_tags, need_tags)
    sentences = reader.sentences(itertools.chain(lines, table.rest))
    words = reader.words(lines)
    _check_words(path, words, width)
    characters = are_characters(words)
    for rows in sentences:
        first = rows[0][0]
        tags = [tag for _, _, tag in rows if tag is not None]
        yield TaggedText.from_words(
            f"{split}-{first}",
            [word for _, word, _ in rows],
            tags or None,
            f"{path}:{first}",
            word_a_line=[n for n, _, _ in rows] == [*range(first, first + len(rows))],
            spaces=not characters,
        )


def _check_words(path: str, words: Sequence[str], width: int) -> None:
    """Raises `InputError` if each word contains another column as well."""
    if len(words) > 1 and all(" " in word for word in words):
        raise InputError(
            f"{path}: every word contains a space, for example {words[0]!r:.60}; expected columns "
            "that are all separated by tabs, or all by spaces."
        )
    if len(words) > 1 and any("-" in word for word in words) and all(map(is_tag, words)):
        raise InputError(
            f"{path}: every word is a tag, for example {words[0]!r:.60}; specify the column of the "
            "words with --word_column."
        )
    if width == 1 and has_words_with_tags([[word] for word in words]):
        raise InputError(
            f"{path}: found a word and its tag in one column, for example {words[0]!r:.60}; "
            "expected columns that are separated by spaces or a tab, or by commas in a .csv file."
        )


def _check_has_words(path: str, table: Table, need_tags: bool) -> None:
    """Raises `InputError` if a file is blank, or a file to train on is HTML or XML."""
    if not table.width:
        raise InputError(f"{path}: only blank lines; expected one word per line.")
    if need_tags:
        first = next((line.cells for line in table.lines if line.cells), [])
        check_no_markup(" ".join(first), path)


def _log_layout(path: str, width: int, layout: Layout) -> None:
    if width > 2:
        _log.info("%s: %s", path, layout.describe())
    if layout.foreign is not None:
        _log.warning(
            "%s: column %d contains tags, but of types that the model does not know. They are "
            "ignored; --tag_column=%d uses them.",
            path,
            layout.foreign + 1,
            layout.foreign + 1,
        )


def _with_tag(layout: Layout, width: int, columns: ConllColumns, need_tags: bool) -> Layout:
    """Returns the layout with the last column for the tags, if they must be somewhere."""
    missing = layout.tag is None and columns.tag != 0 and width > 1
    if missing and (need_tags or not layout.is_certain):
        return layout._replace(tag=width - 1, foreign=None)
    return layout


_Row = Tuple[int, str, Optional[str]]  # Line number, word, tag


class _SentenceReader:
    """Reads the rows of each sentence."""

    def __init__(
        self, path: str, width: int, layout: Layout, allows_blank_tags: bool, need_tags: bool
    ):
        self._path = path
        self._width = width
        self._layout = layout
        self._allows_blank_tags = allows_blank_tags
        self._hint = "" if need_tags else " For bare text, use --data_form=text."

    def words(self, lines: Iterable[Line]) -> List[str]:
        """Returns the words of lines that have the usual width."""
        column = self._layout.word if self._width > 1 else 0
        return [
            line.cells[column]
            for line in lines
            if len(line.cells) == self._width and self._layout.is_word(line.cells)
        ]

    def sentences(self, lines: Iterable[Line]) -> Iterator[List[_Row]]:
        """Yields the rows of each sentence; blank lines and new sentence names end a sentence."""
        rows: List[_Row] = []
        size = 0
        name = ""
        for number, cells, _ in lines:
            new_name = self._sentence_name(cells) or name
            if (not cells or new_name != name) and rows:
                yield rows
                rows, size = [], 0
            name = new_name
            if cells:
                self._check_width(number, cells)
                if self._layout.is_word(cells):
                    rows.append((number, *self._word_and_tag(number, cells)))
                    size += sum(map(len, cells))
                    self._check_ends(rows, size)
        if rows:
            yield rows

    def _check_ends(self, rows: Sequence[_Row], size: int) -> None:
        """Raises `InputError` if a sentence of a stream does not end."""
        limit = max_line_length_of(self._path)
        if is_stream(self._path) and (len(rows) > _MAX_WORDS or size > limit):
            raise InputError(
                f"{self._path}:{rows[0][0]}: a sentence of more than {_MAX_WORDS} words or {limit} "
                "characters; expected a blank line after each sentence. Save a text of this length "
                "as a file, and predict the file."
            )

    def _sentence_name(self, cells: Sequence[str]) -> str:
        column = self._layout.sentence
        return cells[column] if column is not None and column < len(cells) else ""

    def _check_width(self, number: int, cells: Sequence[str]) -> None:
        if len(cells) != self._width:
            raise InputError(
                f"{self._path}:{number}: {_described(cells)}; expected {self._width}, as in most "
                "lines, separated by a space or tab. Correct the line; if the file is bare text "
                "to predict, use --data_form=text."
            )

    def _word_and_tag(self, number: int, cells: Sequence[str]) -> Tuple[str, Optional[str]]:
        where = f"{self._path}:{number}"
        word = cells[self._layout.word if self._width > 1 else 0]
        if not word:
            raise InputError(
                f"{where}: {_described(cells)}, but no word in column {self._layout.word + 1} "
                "(--word_column)."
            )
        if self._layout.tag is None or self._width == 1:
            return word, None
        tag = cells[self._layout.tag]
        if tag == _NO_TAG and self._allows_blank_tags:
            return word, "O"
        if not is_tag(tag):
            raise InputError(
                f"{where}: found {tag!r} as the tag (column {self._layout.tag + 1}); expected "
                f"{TAG_FORM}. Correct it, or specify the column of the tags with --tag_column "
                f"(0 if there is none).{self._hint}"
            )
        return word, tag


def is_in_columns(
    path: str,
    columns: ConllColumns,
    maybe_untagged: bool,
    known_types: FrozenSet[str] = frozenset(),
) -> bool:
    """Returns whether a file to predict is in columns rather than bare text.

    A file is in columns if at least half of its lines have a tag in the tag's column, and most have
    the same number of cells (a single line must have two), if it numbers its words or sentences, or
    if it has a header. A file that may lack tags is also in columns if every line has one word and
    blank lines separate sentences.

    Args:
      path: The file.
      columns: The columns of word and tag, if specified.
      maybe_untagged: Whether the file may have words without tags.
      known_types: The types of the model's tags, if known.
    """
    table = read_table(path, columns, known_types)
    lines, width, layout = [line.cells for line in table.lines], table.width, table.layout
    rows = [cells for cells in lines if cells]
    regular = sum(len(cells) == width for cells in rows)
    is_table = 4 * regular >= 3 * len(rows) and (width == 2 or regular > 1) and width > 1
    if len(rows) == 1:  # A single line that ends in "B-12", say, is a text.
        layout = layout._replace(foreign=None)
    column = layout.foreign if layout.tag is None else layout.tag
    there = column is not None and 0 <= column < width
    tagged = sum(there and len(cells) == width and is_tag(cells[column or 0]) for cells in rows)
    if is_table and (2 * tagged >= len(rows) > 0 or (layout.is_certain and regular == len(rows))):
        return True
    groups = [key for key, _ in itertools.groupby(lines, key=bool)]  # Words, blank, words, …
    word_a_line = width == 1 and all(len(cells) == 1 for cells in rows)
    return maybe_untagged and word_a_line and groups.count(True) > 1


def has_shape_of_columns(path: str) -> bool:
    """Returns whether a file to predict that has no tags still looks like columns."""
    lines = read_table(path, ConllColumns()).lines
    is_tabbed = all(line.is_tabbed for line in lines)
    return looks_like_columns([line.cells for line in lines], is_tabbed)


def _check_columns(path: str, width: int, columns: ConllColumns, need_tags: bool) -> None:
    """Raises `InputError` if the word or tag column does not exist, or both are the same."""
    if width == 1 and not need_tags:
        return
    there = range(1, width + 1)
    word = 1 if columns.word is None else columns.word
    tag = (-1 if need_tags else 0) if columns.tag is None else columns.tag
    word_at, tag_at = (c if c >= 0 else width + 1 + c for c in (word, tag))
    is_same = word_at == tag_at and (columns.word is not None or width == 1)
    if is_same or word_at not in there or tag_at not in (0, *there):
        raise InputError(
            f"{path}: most lines have {count(width, 'column')}; expected the word in column "
            f"{word} and the tag in a different one, {tag}. Columns are separated by spaces or a "
            "tab; specify them with --word_column and --tag_column."
        )


def _described(cells: Sequence[str]) -> str:
    return f"{count(len(cells), 'column')} ({' '.join(cells)[:60]!r})"
