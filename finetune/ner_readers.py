"""Read tagged texts in their usual forms, saying file and line of whatever is wrong in them."""

import json
import os
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from finetune.readers import read_lines
from finetune.tagged_text import TaggedText, split_words
from finetune.tagging import Span, is_tag, split_tag

# What a file can be: CoNLL columns, a text a line with its tags in labels.txt beside it, JSON
# lines, or bare texts, one a line.
FORMS = ("conll", "text_labels", "jsonl", "text")
_ENDINGS = (".txt", ".conll", ".tsv", ".bio", ".iob", ".iob2", ".jsonl", ".json")
_TEXTS, _LABELS = "texts.txt", "labels.txt"
_DOCUMENT = "-DOCSTART-"
_SPAN_KEYS = ("entities", "spans", "labels", "label")
_TYPE_KEYS = ("type", "label", "tag")


class Options(NamedTuple):
    """How to read a file.

    Attributes:
      word_column: Of CoNLL columns, that of the word: 1 is the first, -1 the last.
      tag_column: That of the tag; 0: none.
      word_split: How texts without given words are cut, of `tagged_text.WORD_SPLITS`.
      need_tags: Whether a text without tags is an error.
    """

    word_column: int = 1
    tag_column: int = -1
    word_split: str = "punctuation"
    need_tags: bool = True


def find_file(data_dir: str, name: str) -> str:
    """Returns the file of a split: `name` itself, with a usual ending, or `name`/texts.txt.

    Raises:
      ValueError: There is none, or more than one.
    """
    base = os.path.join(data_dir, name)
    if name == "-" or os.path.isfile(base):
        return name if name == "-" else base
    paths = [base + ending for ending in _ENDINGS] + [os.path.join(base, _TEXTS)]
    found = [path for path in paths if os.path.isfile(path)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"{' and '.join(found)}: both hold the {name} data; leave one there.")
    there = ", ".join(sorted(os.listdir(data_dir))[:10]) if os.path.isdir(data_dir) else "nothing"
    raise ValueError(
        f"{data_dir}: no {name} data; expected {name} with one of the endings "
        f"{' '.join(_ENDINGS)}, or {name}/{_TEXTS}. There is: {there or 'nothing'}."
    )


def read_texts(path: str, form: str, split: str, options: Options) -> List[TaggedText]:
    """Reads a file.

    Args:
      path: The file; for "text_labels" that of the texts. "-": standard input.
      form: One of `FORMS`, or "auto": as `find_form` finds.
      split: Its first part of each guid.
      options: How to read it.

    Raises:
      ValueError: Something is wrong in the file; the message says where.
    """
    readers: Dict[str, Callable[[str, str, Options], Iterator[TaggedText]]] = {
        "conll": _read_conll,
        "text_labels": _read_text_labels,
        "jsonl": _read_jsonl,
        "text": _read_text,
    }
    form = find_form(path, options) if form == "auto" else form
    return list(readers[form](path, split, options))


def find_form(path: str, options: Options) -> str:
    """Returns what a file is, by its name and what stands in it.

    A file to predict may hold bare texts: it does if most of its lines have no tag where CoNLL
    columns have theirs, and more than one word.
    """
    if path == "-":
        return "text"
    if os.path.basename(path) == _TEXTS:
        return "text_labels"
    if path.endswith((".jsonl", ".json")):
        return "jsonl"
    if options.need_tags:
        return "conll"
    rows = [cells for _, cells in _rows(path) if cells and cells[0] != _DOCUMENT]
    single = all(len(cells) == 1 for cells in rows)
    tagged = sum(_tag_of(cells, options.tag_column) is not None for cells in rows)
    if options.tag_column == 0:
        return "conll" if len({len(cells) for cells in rows}) == 1 else "text"
    return "conll" if single or 2 * tagged >= len(rows) else "text"


def _tag_of(cells: Sequence[str], column: int) -> Optional[str]:
    tag = _cell(cells, column) if len(cells) > 1 else None
    return tag if tag is not None and is_tag(tag) else None


def _cell(cells: Sequence[str], column: int) -> Optional[str]:
    place = column - 1 if column > 0 else len(cells) + column
    return cells[place] if 0 <= place < len(cells) else None


def _rows(path: str) -> Iterator[Tuple[int, List[str]]]:
    """Yields (line number, cells) of a file in columns; a line of white space has no cells."""
    for number, line in read_lines(path, blank="all"):
        if not line.strip():
            yield number, []
        elif "\t" in line:
            yield number, [cell.strip(" ") for cell in line.strip(" \r").rstrip("\t").split("\t")]
        else:
            # At spaces alone: a no-break or ideographic space is part of a word.
            yield number, [cell for cell in line.strip(" \r").split(" ") if cell]


def _read_conll(path: str, split: str, options: Options) -> Iterator[TaggedText]:
    """A word a line in columns, sentences apart by blank lines."""
    sentence: List[Tuple[int, str, Optional[str]]] = []
    tagged_at: Dict[bool, int] = {}  # The first line with a tag, and the first without
    for number, cells in _rows(path):
        if not cells or cells[0] == _DOCUMENT:
            yield from _sentence(path, split, sentence)
            sentence = []
            continue
        if not sentence and _is_comment(cells, options):
            continue
        word, tag = _word_and_tag(f"{path}:{number}", cells, options)
        tagged_at.setdefault(tag is not None, number)
        if len(tagged_at) == 2:
            raise ValueError(
                f"{path}:{number}: {_described(cells)}; expected as many columns as in line "
                f"{min(tagged_at.values())}: a tag at each word, or at none."
            )
        sentence.append((number, word, tag))
    yield from _sentence(path, split, sentence)
    if not tagged_at:
        raise ValueError(f"{path}: no sentences, only blank lines; expected a word a line.")


def _sentence(
    path: str, split: str, rows: Sequence[Tuple[int, str, Optional[str]]]
) -> Iterator[TaggedText]:
    if rows:
        numbers, words, tags = zip(*rows)
        where = f"{path}:{numbers[0]}"
        yield TaggedText.from_words(
            f"{split}-{numbers[0]}", words, None if tags[0] is None else tags, where
        )


def _is_comment(cells: Sequence[str], options: Options) -> bool:
    """Whether the line before a sentence is about it ("#<TAB>source"), and no word with a tag."""
    if not cells[0].startswith("#") or options.tag_column == 0:
        return False
    if len(cells) == 1:
        return options.need_tags
    return _tag_of(cells, options.tag_column) is None


def _word_and_tag(where: str, cells: Sequence[str], options: Options) -> Tuple[str, Optional[str]]:
    alone = len(cells) == 1 and not options.need_tags
    word = cells[0] if alone else _cell(cells, options.word_column)
    if not word:
        raise ValueError(
            f"{where}: {_described(cells)}, and no word in column {options.word_column} "
            "(--word_column)."
        )
    if alone or options.tag_column == 0:
        return word, None
    if len(cells) == 1:
        raise ValueError(
            f"{where}: {_described(cells)}; expected at least two, the word and its tag, apart by "
            "a space or tab."
        )
    tag = _cell(cells, options.tag_column)
    if tag is None or not is_tag(tag):
        raise ValueError(
            f"{where}: found {tag!r} for the tag (column {options.tag_column}); expected O, or a "
            "letter and a type such as B-PER. --tag_column says where the tags are"
            + ("." if options.need_tags else ", 0 that there are none.")
        )
    return word, tag


def _described(cells: Sequence[str]) -> str:
    return f"{len(cells)} column(s) ({' '.join(cells)[:60]!r})"


def _read_text(path: str, split: str, options: Options) -> Iterator[TaggedText]:
    """Bare texts, one a line; an empty line is an empty text."""
    for number, text in read_lines(path, blank="all"):
        words = split_words(text, options.word_split)
        yield TaggedText(f"{split}-{number}", text, words, None, f"{path}:{number}")


def _read_text_labels(path: str, split: str, options: Options) -> Iterator[TaggedText]:
    """A text a line, and beside it labels.txt: a tag for each word, or for each character."""
    texts = list(read_lines(path, blank="all"))
    labels_path = _labels_path(path)
    if not os.path.exists(labels_path) and not options.need_tags:
        yield from _read_text(path, split, options)
        return
    labels = [line for _, line in read_lines(labels_path, blank="all")]
    if len(texts) != len(labels):
        raise ValueError(
            f"{path} has {len(texts)} lines, {labels_path} {len(labels)}; expected as many."
        )
    cut, what = _labels_of_words, "words (apart by white space)"
    if _are_characters([text for _, text in texts], labels):
        cut, what = _labels_of_characters, "characters"
    for (number, text), line in zip(texts, labels):
        words, tags, count = cut(text, line)
        if len(tags) != count:
            raise ValueError(
                f"{labels_path}:{number}: {len(tags)} labels, but {count} {what} in "
                f"{path}:{number}; expected one each."
            )
        where = f"{labels_path}:{number}"
        wrong = next((tag for tag in tags if not is_tag(tag)), None)
        if wrong is not None:
            raise ValueError(
                f"{where}: found {wrong!r} for a tag; expected O, or a letter and a type such as "
                "B-PER."
            )
        if cut is _labels_of_characters:
            tags = [tags[start] for start, _ in words]
        yield TaggedText(f"{split}-{number}", text, words, tags, where)


def _labels_path(path: str) -> str:
    return os.path.join(os.path.dirname(path), _LABELS)


def _labels_of_words(text: str, line: str) -> Tuple[List[Tuple[int, int]], List[str], int]:
    words = split_words(text, "whitespace")
    return words, line.split(), len(words)


def _labels_of_characters(text: str, line: str) -> Tuple[List[Tuple[int, int]], List[str], int]:
    return split_words(text, "characters"), list(line), len(text)


def _are_characters(texts: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether labels are characters, one for each character of the texts, as far as most say."""
    by_word = sum(
        len(text.split()) == len(line.split()) and all(map(is_tag, line.split()))
        for text, line in zip(texts, labels)
    )
    by_character = sum(
        len(text) == len(line) and all(map(is_tag, line)) for text, line in zip(texts, labels)
    )
    return by_character > by_word


def word_split_of(path: str) -> str:
    """Returns how texts to predict are to be cut, so as to be like those of a training file."""
    if os.path.basename(path) != _TEXTS:
        return "punctuation"
    texts = [text for _, text in read_lines(path, blank="all")]
    labels = [line for _, line in read_lines(_labels_path(path), blank="all")]
    return "characters" if _are_characters(texts, labels) else "whitespace"


def _read_jsonl(path: str, split: str, options: Options) -> Iterator[TaggedText]:
    """A JSON object a line: `text`, and `entities` with `start`, `end` and `type`."""
    for number, line in read_lines(path):
        where = f"{path}:{number}"
        row = _json_object(line, where)
        text = row.get("text")
        if not isinstance(text, str):
            raise ValueError(f'{where}: found {text!r:.60} for "text"; expected a string.')
        if any("\ud800" <= char <= "\udfff" for char in text):
            raise ValueError(
                f"{where}: the text holds half a surrogate pair, which is no character."
            )
        key = next((key for key in _SPAN_KEYS if key in row), None)
        if key is None and options.need_tags:
            raise ValueError(f'{where}: no "{_SPAN_KEYS[0]}"; expected a list of spans.')
        spans = None if key is None else _spans(row[key], where)
        yield TaggedText.from_spans(f"{split}-{number}", text, spans, where, options.word_split)


def _json_object(line: str, where: str) -> dict:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: not JSON ({error}); expected an object a line.") from error
    if not isinstance(row, dict):
        raise ValueError(f'{where}: found {line[:60]!r}; expected an object with a "text".')
    return row


def _spans(value: object, where: str) -> List[Span]:
    if not isinstance(value, list):
        raise ValueError(f"{where}: found {value!r:.60} for the spans; expected a list.")
    return [_span(item, where) for item in value]


def _span(item: object, where: str) -> Span:
    if isinstance(item, dict):
        kind = next((item[key] for key in _TYPE_KEYS if key in item), None)
        item = [item.get("start"), item.get("end"), kind]
    whole = isinstance(item, list) and len(item) == 3
    numbers = whole and all(isinstance(n, int) and not isinstance(n, bool) for n in item[:2])
    if not numbers or not isinstance(item[2], str) or not is_tag(f"B-{item[2]}"):
        raise ValueError(
            f'{where}: found {item!r:.80} for a span; expected {{"start": 0, "end": 5, '
            '"type": "PER"}, or [0, 5, "PER"].'
        )
    return item[0], item[1], split_tag(f"B-{item[2]}")[1]
