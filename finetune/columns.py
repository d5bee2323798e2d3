"""Which column of a table is the text and which the label: by header, by number, by content."""

import collections
import dataclasses
import difflib
import re
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple

from finetune.readers import refuse_header

# Names under which data sets have their columns, ours first; GLUE's among them. In any case.
TEXT_NAMES = ("text", "text_a", "sentence", "sentence1", "#1 string", "premise", "question1")
TEXT_NAMES += ("tweet", "review", "comment", "content", "message", "document", "body", "title")
TEXT_B_NAMES = ("text_b", "sentence2", "#2 string", "hypothesis", "question2")
LABEL_NAMES = ("label", "labels", "class", "category", "target", "sentiment", "quality", "score")
LABEL_NAMES += ("rating", "stars", "topic", "intent", "emotion")

Rows = Sequence[Tuple[int, List[str]]]


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is said of the columns; None: to be found out.

    Attributes:
      header: Whether the first line names the columns.
      text, text_b, label: Columns by name, or by number: 1 is the first, -1 the last.
    """

    header: Optional[bool] = None
    text: Optional[str] = None
    text_b: Optional[str] = None
    label: Optional[str] = None


class Columns(NamedTuple):
    """Places of the columns in a row, from 0; None: there is no such column."""

    header: bool
    text: int
    text_b: Optional[int]
    label: Optional[int]


def find_columns(rows: Rows, path: str, wanted: Wanted, need_label: bool) -> Columns:
    """Finds the columns of a table.

    Args:
      rows: Its first rows, (line number, cells) each.
      path: Its file, for messages.
      wanted: What is known of them.
      need_label: Whether a table without labels is an error.

    Raises:
      ValueError: A column is not there, or is not to be told from the others.
    """
    number, first = rows[0]
    where = f"{path}:{number}"
    if _has_header(first, wanted):
        refuse_header(first, where)
        named = _named_columns(first, where, wanted, need_label)
        _refuse_distinct_labels(rows, where, named, wanted)
        # A row may hold a word that is a usual name, too: then it comes again further down.
        sure = wanted.header is not None or _all_named(first, named, wanted)
        if sure or suspicion(rows, path, named) is None:
            return named
    return _numbered_columns(rows, where, wanted, need_label)


def _refuse_distinct_labels(rows: Rows, where: str, columns: Columns, wanted: Wanted) -> None:
    """Raises `ValueError` if a column that was left over for the label is none, such as an id."""
    names = rows[0][1]
    if columns.label is None or wanted.label is not None:
        return
    name = names[columns.label]
    labels = [cells[columns.label] for _, cells in rows[1:] if len(cells) == len(names)]
    if name.strip().casefold() not in LABEL_NAMES and len(set(labels)) == len(labels) >= 10:
        raise _no_column("label", names, where, "--label_column")


def _all_named(first: Sequence[str], columns: Columns, wanted: Wanted) -> bool:
    """Returns whether text and label have usual names, or such as were given."""
    names = {*TEXT_NAMES, *LABEL_NAMES, wanted.text, wanted.label}
    places = [place for place in (columns.text, columns.label) if place is not None]
    return all(
        first[place] in names or first[place].strip().casefold() in names for place in places
    )


def may_be_header(cells: Sequence[str]) -> bool:
    """Returns whether a first line has a usual name of a column."""
    known = {*TEXT_NAMES, *TEXT_B_NAMES, *LABEL_NAMES}
    return any(cell.strip().casefold() in known for cell in cells)


def suspicion(rows: Rows, path: str, columns: Columns, guessed: bool = False) -> Optional[str]:
    """Returns, in words, why the first line may not be what it is taken for; None if all is well.

    A header whose label column holds what is a label further down is likely a row; a first row
    whose label never comes again, where all others do, is likely a header.
    """
    if columns.label is None or len(rows) < 3:
        return None
    number, first = rows[0]
    if len(first) <= max(columns.text, columns.label):
        return None
    texts, labels = (
        [cells[place] for _, cells in rows[1:] if len(cells) > place]
        for place in (columns.text, columns.label)
    )
    for name, kind, values in (
        (first[columns.label], "label", labels),
        (first[columns.text], "text", texts),
    ):
        if columns.header and name in values and len(set(values)) < len(values):
            return (
                f"{path}:{number}: taken for a header, but {name!r} is a {kind} of other rows, "
                "too. If it is a row, give --header=false and the columns by number."
            )
    counts = collections.Counter(labels)
    recurring = sum(count for count in counts.values() if count > 1)
    once = first[columns.label] not in counts
    if not columns.header and once and len(labels) >= 10 and recurring >= 0.94 * len(labels):
        return (
            f"{path}:{number}: taken for a row, but its label {first[columns.label]!r} comes in no "
            f"other of the first {len(rows)}. If the line is a header, give --header=true."
        )
    values = [{first[columns.label], *labels}, {first[columns.text], *texts}]
    if guessed and len(values[0]) == len(values[1]):
        return (
            f"{path}: column {columns.label + 1} is taken for the label by a guess: both columns "
            "have as many values. --text_column and --label_column say which is which."
        )
    return None


def _has_header(first: Sequence[str], wanted: Wanted) -> bool:
    if wanted.header is not None:
        return wanted.header
    given = [name for name in (wanted.text, wanted.text_b, wanted.label) if name is not None]
    if any(name in first or not is_number(name) for name in given):
        return True
    return may_be_header(first)


def _named_columns(names: List[str], where: str, wanted: Wanted, need_label: bool) -> Columns:
    text = _find(names, where, wanted.text, TEXT_NAMES, "--text_column")
    text_b = _find(names, where, wanted.text_b, TEXT_B_NAMES, "--text_b_column")
    label = _find(names, where, wanted.label, LABEL_NAMES, "--label_column", need_label)
    rest = [i for i in range(len(names)) if i not in (text, text_b, label)]
    if text is None and len(rest) == 1 and (label is not None or not need_label):
        text, rest = rest[0], []  # What is left is it.
    if label is None and need_label and len(rest) == 1 and text is not None and len(names) == 2:
        label = rest[0]
    if text is None:
        raise _no_column("text", names, where, "--text_column")
    if label is None and need_label:
        raise _no_column("label", names, where, "--label_column")
    return _distinct(Columns(True, text, text_b, label), where)


def _find(
    names: List[str],
    where: str,
    given: Optional[str],
    usual: Iterable[str],
    flag: str,
    needed: bool = True,
) -> Optional[int]:
    """Returns the place of a column among the names of a header."""
    if given is not None:
        if given in names:
            return names.index(given)
        if is_number(given):
            if not needed and abs(int(given)) > len(names):
                return None  # A file to predict may have no such column.
            return _place(given, len(names), where, flag)
        if needed:
            raise _no_column(given, names, where, flag)
        return None
    folded = [name.strip().casefold() for name in names]
    return next((folded.index(name) for name in usual if name in folded), None)


def _no_column(wanted: str, names: List[str], where: str, flag: str) -> ValueError:
    near = difflib.get_close_matches(wanted, names, n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    return ValueError(
        f"{where}: no column {wanted!r} in the header; its columns are "
        f"{', '.join(map(repr, names)):.300}.{meant} {flag} says which it is, by name or number; "
        "if the file has no header, give --header=false."
    )


def _numbered_columns(rows: Rows, where: str, wanted: Wanted, need_label: bool) -> Columns:
    width = len(rows[0][1])
    for flag, given in (("text", wanted.text), ("text_b", wanted.text_b), ("label", wanted.label)):
        if given is not None and not is_number(given):
            raise ValueError(
                f"{where}: --{flag}_column={given} is a name, but the file has no header. Give the "
                "column's number: 1 is the first, -1 the last."
            )
    if width == 1 and not need_label:
        return Columns(False, 0, None, None)
    label = _given_label(wanted.label, width, where, need_label)
    text_b = (
        None if wanted.text_b is None else _place(wanted.text_b, width, where, "--text_b_column")
    )
    if wanted.text is not None:
        text = _place(wanted.text, width, where, "--text_column")
    elif width == 2 and label is not None:
        text = 1 - label
    else:
        text = None
    if width == 2 and label is None and need_label:
        label = 1 - text if text is not None else _guessed_label([cells for _, cells in rows])
        text = 1 - label
    if text is None or (need_label and label is None):
        found = ", ".join(map(repr, rows[0][1]))
        raise ValueError(
            f"{where}: {width} column(s), {found:.200}, and none is named as text or label. Say "
            "which they are: --text_column and --label_column, by number (1 is the first), or by "
            "name if this line is a header; --delimiter says what is between columns."
        )
    return _distinct(Columns(False, text, text_b, label), where)


def _distinct(columns: Columns, where: str) -> Columns:
    places = [place for place in columns[1:] if place is not None]
    if len(set(places)) < len(places):
        raise ValueError(
            f"{where}: one column for two of text, text_b and label; expected one each "
            "(--text_column, --text_b_column, --label_column)."
        )
    return columns


def _given_label(given: Optional[str], width: int, where: str, needed: bool) -> Optional[int]:
    if given is None or (not needed and abs(int(given)) > width):
        return None  # A file to predict may have no such column.
    return _place(given, width, where, "--label_column")


def _guessed_label(rows: Sequence[Sequence[str]]) -> int:
    """Returns which of two columns holds labels: that with fewer different values, or shorter."""

    def measure(place: int) -> Tuple[int, int]:
        values = [cells[place] for cells in rows if len(cells) == 2]
        return len(set(values)), sum(map(len, values))

    return int(measure(1) < measure(0))


def is_number(given: str) -> bool:
    """Returns whether a column is given by number."""
    return re.fullmatch(r"-?[0-9]+", given) is not None


def _place(given: str, width: int, where: str, flag: str) -> int:
    number = int(given)
    if number == 0 or abs(number) > width:
        raise ValueError(
            f"{where}: {flag}={given}, but there are {width} column(s): expected 1 for the first "
            f"to {width}, or -1 for the last."
        )
    return number - 1 if number > 0 else width + number
