"""Find out what the columns of a file in CoNLL format are: word, tag, sentence, position.

1  Anna   NNP  B-PER      the position of the word in its sentence, the word, others, the tag
2  lives  VBZ  O
"""

import re
from typing import AbstractSet, FrozenSet, List, NamedTuple, Optional, Sequence, Tuple

from finetune.tasks.tagging.tags import is_tag, split_tag

Cells = Sequence[str]

_WORD_NAMES = ("token", "tokens", "word", "words", "form")
_TAG_NAMES = ("tag", "tags", "ner", "ner_tag", "ner_tags", "ner-tag", "label", "labels", "entity",
              "iob", "bio")  # fmt: skip
_SENTENCE_NAMES = ("sentence", "sentence #", "sentence_id", "sentence id", "sent", "sent_id",
                   "sentence_idx", "sentence id #")  # fmt: skip
_OTHER_NAMES = ("pos", "id", "index", "lemma", "chunk", "doc", "document", "")
_POSITION = re.compile(r"\d+")
_NUMBERS = re.compile(r"\d+(?:[-.:]\d+)*")  # 7; WebAnno: 1-1 (sentence and word) and 0-4 (offsets)
_PART = re.compile(r"\d+[-.]\d+")  # CoNLL-U: several words (1-2), or a word that is not there (3.1)
_NO_TAG = "_"
# Almost a tag: B_PER, b-per, PER-B.
_LIKE_TAG = re.compile(r"(?i)o|[bieslmu][-_]\S+|\S+[-_][bieslmu]")
_WORD_AND_TAG = re.compile(r".+?[,;|/\s](?:O|[BIESLMU]-[^\s,;|/]+)")  # In a cell: "Anna;B-PER"


class Layout(NamedTuple):
    """The columns of a file; each index counts from 0, and is None if there is no such column.

    Attributes:
      word: The column of the words.
      tag: The column of the tags.
      sentence: The column that tells which sentence a word is in.
      position: The column of the word's position in its sentence.
      has_header: Whether the first row names the columns.
      foreign: A column of tags of types that the model does not know.
    """

    word: int = 0
    tag: Optional[int] = None
    sentence: Optional[int] = None
    position: Optional[int] = None
    has_header: bool = False
    foreign: Optional[int] = None

    def describe(self) -> str:
        """Describes the layout, for the log."""
        named = {"word": self.word, "tag": self.tag, "sentence": self.sentence}
        parts = [f"{name} in column {i + 1}" for name, i in named.items() if i is not None]
        return ", ".join(parts) + ("" if self.tag is not None else ", no tags")

    @property
    def is_certain(self) -> bool:
        """Whether these are columns for certain, though they may lack tags."""
        evidence = (self.tag, self.sentence, self.position, self.foreign)
        return self.has_header or any(column is not None for column in evidence)

    def is_word(self, cells: Cells) -> bool:
        """Returns whether a row is a word, not a CoNLL-U row about several words or none."""
        return self.position is None or not _PART.fullmatch(cells[self.position])


def find_layout(
    blocks: Sequence[Sequence[Cells]],
    width: int,
    word: Optional[int],
    tag: Optional[int],
    known_types: FrozenSet[str],
) -> Layout:
    """Finds the columns.

    Args:
      blocks: The cells of the rows between blank lines; rows of another width are ignored.
      width: The number of columns.
      word: The specified index of the word's column, or None.
      tag: The specified index of the tag's column; -1 if there is none; None if unspecified.
      known_types: If not empty, a column is the tags only if it has one of these types.
    """
    blocks = [[cells for cells in block if len(cells) == width] for block in blocks]
    blocks = [block for block in blocks if block]
    names = _header(blocks)
    if names:
        blocks = [block for block in (blocks[0][1:], *blocks[1:]) if block]
    rows = [cells for block in blocks for cells in block]
    others = [i for i in range(width) if i not in (word, tag)]
    sentence = _named(names, _SENTENCE_NAMES)
    if sentence is None:
        sentence = next((i for i in others if _names_sentences(blocks, i)), None)
    if sentence is not None:
        blocks = [part for block in blocks for part in split_at_sentences(block, sentence)]
    position = next((i for i in others if i != sentence and _counts_words(blocks, i)), None)
    free = [i for i in others if i not in (sentence, position)]
    words = _word_columns(blocks, free) or _word_columns(blocks, others) or [0]
    foreign = None
    if tag is None:
        tag = _named(names, _TAG_NAMES)
    if tag is None:
        found = _tag_columns(rows, [i for i in free if word is not None or i != words[0]])
        tag, foreign = _choose(rows, found, known_types)
    if word is None:
        word = _named(names, _WORD_NAMES)
    if word is None:
        word = next((i for i in words if i != tag), 0)
    is_none = tag is None or tag < 0 or tag == word
    return Layout(
        word,
        None if is_none else tag,
        None if sentence == word else sentence,
        None if position == word else position,
        bool(names),
        foreign,
    )


def _header(blocks: Sequence[Sequence[Cells]]) -> List[str]:
    """Returns the names in the first row, or [] if it is a word."""
    first = blocks[0][0] if blocks else []
    names = [cell.strip().casefold() for cell in first]
    known = {*_WORD_NAMES, *_TAG_NAMES, *_SENTENCE_NAMES, *_OTHER_NAMES}
    named = [name for name in names if name]
    is_header = len(set(named)) == len(named) and any(name in _WORD_NAMES for name in named)
    return names if is_header and sum(name in known for name in names) > 1 else []


def _named(names: Sequence[str], wanted: Sequence[str]) -> Optional[int]:
    return next((i for i, name in enumerate(names) if name in wanted), None)


def split_at_sentences(rows: Sequence[Cells], column: int) -> List[List[Cells]]:
    """Splits rows where the column of the sentence changes; an empty cell repeats the one above."""
    blocks: List[List[Cells]] = []
    current = ""
    for cells in rows:
        name = cells[column] or current
        if not blocks or name != current:
            blocks.append([])
        current = name
        blocks[-1].append(cells)
    return blocks


def _names_sentences(blocks: Sequence[Sequence[Cells]], column: int) -> bool:
    """Returns whether a column numbers the sentences: "Sentence: 1" or 1, 1, 1, 2, 2, …

    If blank lines separate sentences, or documents, this holds in each block.
    """
    runs: List[str] = []
    for block in blocks:
        values = [cells[column] for cells in block]
        filled = [value for value in values if value]
        if not values[0]:
            return False
        new = [a for a, b in zip(filled, [None, *filled]) if a != b]
        numbers = [int(run) for run in new if _POSITION.fullmatch(run)]
        is_counted = len(numbers) == len(new) and numbers == sorted(set(numbers))
        if not is_counted and not all(re.fullmatch(r"(?i)sent\w*\W*\d+", run) for run in new):
            return False
        runs += new
    is_named = bool(runs) and not _POSITION.fullmatch(runs[0])
    return is_named or len(set(runs)) > 1 and 2 * len(runs) <= sum(map(len, blocks))


def _word_columns(blocks: Sequence[Sequence[Cells]], columns: Sequence[int]) -> List[int]:
    """Returns the columns that can be the words: not tags, and if there are others, not numbers."""
    rows = [cells for block in blocks for cells in block]
    tags = _tag_columns(rows, columns)
    words = [i for i in columns if i not in tags]
    return [i for i in words if not _is_no_word(blocks, i)] or words


def _is_no_word(blocks: Sequence[Sequence[Cells]], column: int) -> bool:
    """Returns whether a column contains only numbers, or the same value for a whole sentence."""
    columns = [[cells[column] for cells in block] for block in blocks]
    if all(_NUMBERS.fullmatch(value) for values in columns for value in values):
        return True
    is_same = all(len(set(values)) == 1 for values in columns)
    return is_same and sum(map(len, columns)) > 2 * len(columns)


def _counts_words(blocks: Sequence[Sequence[Cells]], column: int) -> bool:
    """Returns whether a column counts the words of each sentence: 1, 2, 3, … or 0, 1, 2, …"""
    counted = 0
    for block in blocks:
        values = [cells[column] for cells in block if not _PART.fullmatch(cells[column])]
        if not all(map(_POSITION.fullmatch, values)):
            return False
        numbers = [int(value) for value in values]
        if numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            return False
        if numbers and numbers[0] > 1:
            return False
        counted += len(numbers)
    return counted > 1 or (counted == 1 and len(blocks) == 1)


def _tag_columns(rows: Sequence[Cells], columns: Sequence[int]) -> List[int]:
    return [i for i in columns if _is_tag_column([cells[i] for cells in rows])]


def _choose(
    rows: Sequence[Cells], columns: Sequence[int], known_types: FrozenSet[str]
) -> Tuple[Optional[int], Optional[int]]:
    """Returns the column of the gold tags, and one of tags of types that the model does not know.

    It is the last one, or the outermost layer of nested entities: the column with the most tags of
    all that have the types of the last one. With known types, it is the one with most tags of them.
    """
    types = {i: {split_tag(c[i])[1] for c in rows if is_tag(c[i])} - {""} for i in columns}
    if not columns:
        return None, None
    if not known_types:
        layers = [i for i in columns if types[i] >= types[columns[-1]]]
        counts = {i: _count_known([c[i] for c in rows], types[i]) for i in layers}
        return max(reversed(layers), key=lambda i: counts[i]), None
    counts = {i: _count_known([cells[i] for cells in rows], known_types) for i in columns}
    if any(counts.values()):
        return max(columns, key=lambda i: counts[i]), None
    # Cells that are not tags, as in a column of O and B_PER, are errors, as in a training file.
    wrong = [i for i in columns if not types[i] or not all(_is_tag_or_none(c[i]) for c in rows)]
    return (wrong[-1], None) if wrong else (None, columns[-1])


def _is_tag_column(values: Sequence[str]) -> bool:
    tags = sum(is_tag(value) for value in values)
    neither = sum(not _is_tag_or_none(value) for value in values)
    return tags > 0 and tags >= neither


def _is_tag_or_none(value: str) -> bool:
    return value == _NO_TAG or is_tag(value)


def _count_known(values: Sequence[str], known_types: AbstractSet[str]) -> int:
    return sum(is_tag(value) and split_tag(value)[1] in known_types for value in values)


def looks_like_columns(lines: Sequence[Cells], is_tabbed: bool) -> bool:
    """Returns whether lines that contain no tags have the shape of columns, unlike bare text.

    Args:
      lines: The cells of each line; none for a blank line.
      is_tabbed: Whether tabs separate the cells.
    """
    rows = [cells for cells in lines if cells]
    if has_words_with_tags(rows):
        return True
    widths = {len(cells) for cells in rows}
    if len(rows) < 2 or len(widths) != 1 or 1 in widths:
        return False
    if is_tabbed or 2 * sum(bool(_LIKE_TAG.fullmatch(cells[-1])) for cells in rows) >= len(rows):
        return True
    inner = lines[: len(lines) - next((i for i, c in enumerate(reversed(lines)) if c), 0)]
    return not all(inner) and len(rows) >= 2 * (1 + sum(not cells for cells in inner))


def has_words_with_tags(rows: Sequence[Cells]) -> bool:
    """Returns whether half of the rows end in a tag, perhaps with no space between word and tag."""
    last = [cells[-1] for cells in rows if len(cells) > 1]
    last += [cells[0] for cells in rows if len(cells) == 1 and _WORD_AND_TAG.fullmatch(cells[0])]
    tags = [re.split(r"[,;|/\s]", cell)[-1] for cell in last]
    found = [tag for tag in tags if is_tag(tag)]
    return 2 * len(found) >= len(rows) and "O" in found and any("-" in tag for tag in found)
