"""Read the lines of CoNLL columns, and find out which column is what.

For a stream, only the first lines are read for this; all others are passed on as they come.
"""

import collections
import itertools
import logging
import re
from typing import FrozenSet, Iterable, Iterator, List, NamedTuple, Optional, Sequence

from finetune.data.data_path import has_more, is_stream
from finetune.data.file_forms import extension_of
from finetune.data.lines import check_cr, read_lines
from finetune.data.tables import excel_delimiter, read_quoted_cells
from finetune.tasks.tagging.column_layout import Layout, find_layout
from finetune.tasks.tagging.tags import is_tag
from finetune.util.errors import InputError
from finetune.util.plurals import count

_log = logging.getLogger(__name__)

# CoNLL-2003, and CoNLL-2012
_DOCUMENT = re.compile(r"-DOCSTART-(?:\s|$)|#(?:begin|end) document\b")
_TEXT_NAMES = ("text", "texts", "content")  # Columns of whole texts
_PEEKED_LINES = 1000  # Lines of a stream from which its columns are detected
_PEEKED_CHARACTERS = 1 << 20


class ConllColumns(NamedTuple):
    """The specified columns of word and tag: 1 is the first, -1 the last; None: to be detected.

    A `tag` of 0 means that there are no tags.
    """

    word: Optional[int] = None
    tag: Optional[int] = None


class Line(NamedTuple):
    """A line.

    Attributes:
      number: Its number.
      cells: Its cells; none if it contains only whitespace, or separates documents.
      is_tabbed: Whether tabs, or the commas of a CSV file, separate its cells.
    """

    number: int
    cells: List[str]
    is_tabbed: bool = True


class Table(NamedTuple):
    """The lines of a file or of a stream, and its columns.

    Attributes:
      lines: The lines, except comments; for a stream, only the first ones.
      rest: All other lines of a stream, as they come.
      width: The most frequent number of columns; in a tie, the first one.
      layout: The columns.
    """

    lines: List[Line]
    rest: Iterator[Line]
    width: int
    layout: Layout


def read_table(
    path: str, columns: ConllColumns, known_types: FrozenSet[str] = frozenset()
) -> Table:
    """Reads a file, or the start of a stream, and finds its columns; see `find_layout`."""
    source = _read_lines(path)
    read = _first_lines(source, path) if is_stream(path) else list(source)
    width = _usual_width([line.cells for line in read if line.cells])
    lines = list(_cleaned(path, read, width))
    rest = _cleaned(path, source, width, in_sentence=bool(lines and lines[-1].cells))
    _check_is_no_table(path, lines)
    blocks = [
        [line.cells for line in block]
        for is_text, block in itertools.groupby(lines, key=lambda line: bool(line.cells))
        if is_text
    ]
    word, tag = (_index(column, width) for column in columns)
    layout = find_layout(blocks, width, word, tag, known_types)
    return Table(lines, rest, width, layout)


def _usual_width(rows: Sequence[Sequence[str]]) -> int:
    """Returns the most frequent number of cells, without or with empty ones at the end."""
    raw = collections.Counter(map(len, rows))
    filled = collections.Counter(len("\t".join(cells).rstrip("\t").split("\t")) for cells in rows)
    best = [counter.most_common(1)[0] for counter in (raw, filled) if counter]
    return max(best, key=lambda pair: pair[1])[0] if best else 0


def _csv_delimiter(path: str) -> str:
    """Returns the character between the columns of a CSV file; in some countries, a semicolon."""
    first = "" if is_stream(path) else next((line for _, line in read_lines(path)), "")
    return excel_delimiter(first) or next((char for char in ",;\t" if char in first), ",")


def _read_lines(path: str) -> Iterator[Line]:
    if extension_of(path) == ".csv":
        for number, cells in read_quoted_cells(path, _csv_delimiter(path)):
            yield Line(number, cells if any(cells) else [])
        return
    for number, line in read_lines(path, blank="all"):
        check_cr(line.rstrip("\r"), path, number)
        # Split only at spaces: a no-break or ideographic space is part of a word.
        line = line.strip(" \r")
        is_tabbed = "\t" in line
        cells = line.split("\t") if is_tabbed else line.split(" ")
        cells = [cell.strip(" ") for cell in cells] if is_tabbed else list(filter(None, cells))
        is_blank = not line.strip() or _DOCUMENT.match(line)
        yield Line(number, [] if is_blank else cells, is_tabbed or not line)


def _first_lines(lines: Iterator[Line], path: str) -> List[Line]:
    """Takes the lines from which the columns are detected: fewer if a stream pauses.

    A stream pauses after a sentence. Blank lines before the first word are skipped.
    """
    taken: List[Line] = []
    size = 0
    for line in itertools.dropwhile(lambda line: not line.cells, lines):
        taken.append(line)
        size += sum(map(len, line.cells))
        is_enough = len(taken) == _PEEKED_LINES or size >= _PEEKED_CHARACTERS
        if is_enough or not (line.cells or has_more(path)):
            break
    return taken


def _cleaned(
    path: str, lines: Iterable[Line], width: int, in_sentence: bool = False
) -> Iterator[Line]:
    """Yields the lines without comments, and without empty cells that most lines do not have.

    Args:
      path: The file.
      lines: The lines.
      width: The number of columns.
      in_sentence: Whether the line before them is a word, so that the first one is no comment.
    """
    first, number = 0, 0
    for line in lines:
        cells = line.cells
        if cells and not in_sentence and _is_comment(cells, width):
            continue
        in_sentence = bool(cells)
        if len(cells) > width and not any(cells[width:]):
            first, number = first or line.number, number + 1
            line = line._replace(cells=cells[:width])
        yield line
    if number:
        _log.warning(
            "%s:%d: %s; ignored in %s",
            path,
            first,
            "a separator at the end of the line, unlike in other lines",
            count(number, "line"),
        )


def _index(column: Optional[int], width: int) -> Optional[int]:
    """Returns the index of a column that is numbered from 1, or from -1 for the last."""
    if column is None:
        return None
    return column - 1 if column >= 0 else width + column


def _is_comment(cells: Sequence[str], width: int) -> bool:
    """Returns whether a line is a comment on a sentence (GermEval: "#<TAB>source<TAB>[date]")."""
    if len(cells) != width:
        return cells[0].startswith("#")
    sign = cells[0] == "#" or cells[0].startswith("# ")
    return sign and width > 1 and not any(map(is_tag, cells[1:]))


def _check_is_no_table(path: str, lines: Sequence[Line]) -> None:
    """Raises `InputError` if the first line is the header of a table of texts, not of words."""
    number, cells, _ = next((line for line in lines if line.cells), Line(0, []))
    name = next((cell for cell in cells if cell.casefold() in _TEXT_NAMES), None)
    rest = [cell for cell in cells if cell != name]
    if name and rest and all(cell.isidentifier() and not is_tag(cell) for cell in rest):
        raise InputError(
            f"{path}:{number}: a table with a column {name!r}; expected one word per line. Save "
            "the texts one per line in a .txt file, or as JSON lines."
        )
