"""The meaning of a row's label: one label, several labels, or a number."""

import ast
import re
from typing import Any, Iterable, List, Optional, SupportsFloat

from finetune.data.processor import InputExample
from finetune.util.decimals import parse_decimal
from finetune.util.errors import InputError

_LARGEST = 1e100  # The square of this is still a finite number.

# A list as Python or JSON writes it into a cell: ['joy', "calm"], [3, 7], [joy, calm] or [].
_ITEM = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s,'"\[\]]+)"""
_LIST = re.compile(rf"\[\s*(?:{_ITEM}\s*(?:,\s*{_ITEM}\s*)*,?)?\s*\]")
# A tuple or a set as Python writes it: ('joy',), ('joy', 'calm') or {3, 7}; (3) is a label.
_QUOTED = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_QUOTED_OR_NUMBER = rf"(?:{_QUOTED}|-?\d+)"
_TUPLE = re.compile(
    rf"\(\s*(?:{_QUOTED}|{_QUOTED_OR_NUMBER}\s*,)\s*(?:,?\s*{_QUOTED_OR_NUMBER}\s*)*,?\s*\)"
    rf"|\{{\s*{_QUOTED_OR_NUMBER}\s*(?:,\s*{_QUOTED_OR_NUMBER}\s*)*,?\s*\}}|\(\s*\)"
)
# A list inside a call, as Python and NumPy show objects: frozenset({'joy'}) or array(['joy']).
_CALL = re.compile(r"(?:np\.)?(?:array|frozenset|set|list|tuple)\((.*?)(?:, dtype=[\w.'<>]+)?\)")
_MISSING = ("nan", "None", "NaN", "null")  # In a list, without quotes
_CHOICES = re.compile(r'\{\s*"choices"\s*:\s*(\[.*\])\s*\}', re.DOTALL)  # Label Studio's CSV
# An array as NumPy writes it: ['joy' 'calm'] or [1 0 0]; not [not sure], which is a label.
_ARRAY_ITEM = r"""(?:'[^']*'|"[^"]*"|[-+.\d]+|True|False)"""
_ARRAY = re.compile(rf"\[\s*{_ARRAY_ITEM}(?:\s+{_ARRAY_ITEM})+\s*\]")
_DICT = re.compile(rf"\{{ ?{_QUOTED_OR_NUMBER} ?: ?(?:[-+.\d]|[Tt]rue|[Ff]alse|None|null)")
_ONE_OR_ZERO = {"0", "1", "0.0", "1.0", "0.", "1.", "true", "false"}


def label_of(example: InputExample) -> Optional[str]:
    """Returns the label of a text that has one label; None if it has none.

    A list of one label, in JSON or in a cell, is that label.

    Raises:
      InputError: The label is a list of several labels, or not text.
    """
    label: Any = example.label
    items = _list_of(example, label) if isinstance(label, str) else label
    if not isinstance(items, list):
        if isinstance(label, str):
            _check_no_indicators(example, [label])
            return label
        if label is None:
            return None
        raise InputError(f"{example.place}: the label is {label!r:.60}; expected a string.")
    if len(items) > 1 or not all(isinstance(item, str) for item in items):
        raise InputError(
            f"{example.place}: the label is the list {label!s:.60}; expected one label. If texts "
            "can have several labels, specify --problem_type=multi_label."
        )
    return items[0] if items else None


def labels_of(example: InputExample, separator: str) -> List[str]:
    """Returns the labels of a multi-label text, given as a list or as text with separators.

    Raises:
      InputError: The labels are missing or are not text.
    """
    label: Any = example.label
    if label is None:
        raise InputError(
            f"{example.place}: the row has no labels; expected labels separated by {separator!r}, "
            "or an empty cell for none."
        )
    parts = label
    if isinstance(label, str):
        parts = _list_of(example, label, are_words_lists=True)
        parts = label.split(separator) if parts is None else parts
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise InputError(
            f"{example.place}: the labels are {label!r:.60}; expected a list of strings, or a "
            f"string with labels separated by {separator!r}."
        )
    _check_no_indicators(example, parts)
    return list(dict.fromkeys(part.strip() for part in parts if part.strip()))


def number_of(example: InputExample) -> float:
    """Returns the label of a text as a number; raises `InputError` if it is not one."""
    label: object = example.label  # A processor may use types other than the annotated ones.
    number = None
    if isinstance(label, (str, SupportsFloat)):
        number = parse_decimal(label if isinstance(label, str) else repr(float(label)))
    if number is None or abs(number) > _LARGEST:
        raise InputError(
            f"{example.place}: the label is {label!r}; expected a number such as 3.5 "
            "(--problem_type=regression)."
        )
    return number


def _list_of(
    example: InputExample, cell: str, are_words_lists: bool = False
) -> Optional[List[Optional[str]]]:
    """Returns the items of a list that is written in a cell, or None if the cell is no list.

    Args:
      example: The row, for messages.
      cell: The cell.
      are_words_lists: Whether a single word in brackets, such as [joy], is a list; otherwise, it is
        a label, such as [unknown].

    Returns:
      The items. Missing values among them are None.

    Raises:
      InputError: The cell is an array as NumPy writes it, or a dict.
    """
    text = _without_frame(cell.strip())
    # With single spaces, the patterns need time in proportion to the length of the cell.
    spaced = " ".join(text.split())
    if _ARRAY.fullmatch(spaced):
        raise InputError(
            f"{example.place}: the label is {text:.60}, an array as NumPy writes it; expected the "
            "names of the labels. Write the list with commas, or as text with a separator."
        )
    if _DICT.match(spaced):
        raise InputError(
            f"{example.place}: the label is {text:.60}, with a value for each label; expected the "
            "names of the labels that the text has."
        )
    if not (_LIST.fullmatch(spaced) or _TUPLE.fullmatch(spaced)):
        return None
    items = [_unquoted(item) for item in re.findall(_ITEM, text[1:-1])]
    is_word = len(items) == 1 and items[0] == text[1:-1].strip()
    if is_word and not are_words_lists and parse_decimal(text[1:-1]) is None:
        return None
    return items


def _without_frame(text: str) -> str:
    """Returns the list in a cell without quotes or calls around it, else the cell."""
    if text.startswith('"[') and text.endswith(']"'):
        return text[1:-1].replace('""', '"')
    found = _CHOICES.fullmatch(text) or _CALL.fullmatch(text)
    return (found[1].strip() or "[]") if found else text


def _unquoted(item: str) -> Optional[str]:
    if item in _MISSING:
        return None
    return str(ast.literal_eval(item)) if item[0] in "'\"" else item


def _check_no_indicators(example: InputExample, labels: List[str]) -> None:
    """Raises `InputError` if labels are zeros and ones, one for each label that there is."""
    folded = [word for label in labels for word in re.split(r"[\s,;|]+", label.strip().casefold())]
    if len(set(folded)) < len(folded) and are_indicators(folded):
        raise indicator_error(example)


def are_indicators(labels: Iterable[str]) -> bool:
    """Returns whether all labels are zeros and ones, or true and false."""
    return _ONE_OR_ZERO.issuperset(label.strip().casefold() for label in labels)


def indicator_error(example: InputExample) -> InputError:
    """Returns the error for a row with a zero or one for each label that there is."""
    return InputError(
        f"{example.place}: the labels are {example.label!s:.60}, a zero or one for each label; "
        "expected the names of the labels that the text has."
    )
