"""What BERT's tokenizer does with each code point, as tables that a graph can look up.

The tables are made by asking `tokenization.BasicTokenizer`, so they follow its rules, and Unicode's
version in Python, by construction.
"""

import functools
import unicodedata
from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from tokenization import BasicTokenizer

# The tables are stored in pages, most of which are equal to another one.
PAGE_BITS = 8
_PAGE = 1 << PAGE_BITS
_NUM_CODE_POINTS = 0x110000

# Bits of an entry of `CodePoints.traits`.
DROPPED = 1  # A control character
SPACE = 2  # Ends a word
ALONE = 4  # A word of its own: punctuation or a CJK ideograph
MARK = 8  # A nonspacing mark, which uncased models drop
CASED = 16  # For the final sigma
IGNORED = 32  # The final sigma's rule looks past it
COMBINES = 64  # A mark of any kind, which belongs to the character before it
BLANK = 128  # Whitespace for Python, which is more than `SPACE`
LOWER = 256  # A lower-case letter
SYMBOL = 512  # Punctuation or a symbol, of any kind
DIGIT = 1024  # For `str.isdigit`
DECIMAL = 2048  # For `str.isdecimal`, and for "\\d" in a regular expression
ALPHANUMERIC = 4096  # For `str.isalnum`
LINE_END = 8192  # For `str.splitlines`
COMBINING_SHIFT = 16  # The combining class is in the bits from this one on

_SIGMA = "\u03a3"
# Categories of unassigned and private code points, which the tokenizer treats as letters, and of
# surrogates, which UTF-8 does not contain.
_UNASSIGNED = ("Cn", "Co", "Cs")
_BASIC = BasicTokenizer(do_lower_case=False)


class PagedTable(NamedTuple):
    """A number for each code point: `values[(pages[cp >> PAGE_BITS] << PAGE_BITS) + low bits]`.

    Attributes:
      pages: int32 [code points / page size].
      values: int32 [different pages * page size].
    """

    pages: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, numbers: Sequence[int]) -> "PagedTable":
        """Returns the table of numbers [code points]."""
        rows = np.array(numbers, np.int32).reshape(-1, _PAGE)
        different, pages = np.unique(rows, axis=0, return_inverse=True)
        return cls(pages.reshape(-1).astype(np.int32), different.reshape(-1))

    def full(self) -> np.ndarray:
        """Returns the numbers of all code points."""
        return self.values.reshape(-1, _PAGE)[self.pages].reshape(-1)


class CodePoints(NamedTuple):
    """The tables of a tokenizer.

    Attributes:
      traits: The traits of each code point, as bits.
      replacement: The row of its replacement: 0 if it stays as it is.
      starts: int32 [rows + 1]; row r is [starts[r], starts[r + 1]) of `replacements`.
      replacements: int32, the code points that replace others: their lower case, decomposed (NFD).
    """

    traits: PagedTable
    replacement: PagedTable
    starts: np.ndarray
    replacements: np.ndarray


@functools.lru_cache(2)
def make_tables(lower_case: bool) -> CodePoints:
    """Returns the tables of a cased or an uncased tokenizer."""
    return _tables(_lower_and_decompose if lower_case else str)


@functools.lru_cache(1)
def make_casefold_tables() -> CodePoints:
    """Returns the tables of `str.casefold`."""
    return _tables(str.casefold)


def _lower_and_decompose(char: str) -> str:
    return unicodedata.normalize("NFD", char.lower())


def _tables(replaced: Callable[[str], str]) -> CodePoints:
    row_of = [0] * _NUM_CODE_POINTS
    rows: Dict[Tuple[int, ...], int] = {}
    for cp in range(_NUM_CODE_POINTS):
        parts = replaced(chr(cp))
        if parts != chr(cp):
            row = tuple(map(ord, parts))
            row_of[cp] = rows.setdefault(row, len(rows) + 1)
    lengths = [0, *map(len, rows)]
    return CodePoints(
        traits=_traits(),
        replacement=PagedTable.of(row_of),
        starts=np.cumsum([0, *lengths], dtype=np.int32),
        replacements=np.array([cp for row in rows for cp in row], np.int32),
    )


@functools.lru_cache(1)
def _traits() -> PagedTable:
    traits: List[int] = []
    for first in range(0, _NUM_CODE_POINTS, _PAGE):
        page = [chr(cp) for cp in range(first, first + _PAGE)]
        is_unassigned = all(unicodedata.category(char) in _UNASSIGNED for char in page)
        traits += [0] * _PAGE if is_unassigned else _traits_of_page(page)
    return PagedTable.of(traits)


def _traits_of_page(page: Sequence[str]) -> List[int]:
    joined = "".join(page)
    words = _BASIC.tokenize(joined)
    if words == [joined]:
        kinds = [0] * len(page)
    elif words == list(page):
        kinds = [ALONE] * len(page)
    else:
        kinds = [_kind(char) for char in page]
    return [kind | _other_traits(char) for kind, char in zip(kinds, page)]


def _kind(char: str) -> int:
    words = _BASIC.tokenize(f"a{char}b")
    kinds = {
        ("ab",): DROPPED,
        ("a", "b"): SPACE,
        ("a", char, "b"): ALONE,
        (f"a{char}b",): 0,
    }
    return kinds[tuple(words)]


def _other_traits(char: str) -> int:
    category = unicodedata.category(char)
    mark = (MARK if category == "Mn" else 0) | (COMBINES if category.startswith("M") else 0)
    tests = {
        BLANK: char.isspace(),
        LOWER: char.islower(),
        SYMBOL: category[0] in "PS" and not char.isalnum(),
        DIGIT: char.isdigit(),
        DECIMAL: char.isdecimal(),
        ALPHANUMERIC: char.isalnum(),
        LINE_END: char.splitlines() != [char],
    }
    others = sum(trait for trait, holds in tests.items() if holds)
    return mark | others | _sigma_traits(char) | unicodedata.combining(char) << COMBINING_SHIFT


def _sigma_traits(char: str) -> int:
    """Returns how a character affects the lower case of a sigma after it, as `str.lower` says."""
    if f"{char}{_SIGMA}".lower().endswith("\u03c2"):
        return CASED
    return IGNORED if f"A{char}{_SIGMA}".lower().endswith("\u03c2") else 0
