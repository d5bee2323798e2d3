"""How bare text is split into words, and how this is learnt from the words of the training data."""

import collections
import re
from typing import Any, Counter, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from finetune.tasks.tagging.penn_split import ENGLISH, PennRules, learn_rules, split_penn
from tokenization import BasicTokenizer

Offsets = List[Tuple[int, int]]

# At whitespace, punctuation and CJK characters, as by BERT's tokenizer; at whitespace only; into
# single characters; as in the Penn Treebank.
WORD_SPLITS = ("punctuation", "whitespace", "characters", "penn")
# In a tie, the first of these is chosen.
_PREFERRED = ("penn", "whitespace", "punctuation", "characters")
_MAX_SENTENCES = 1000  # On which the ways of splitting are compared

# Writing systems without spaces between words: Thai, Lao, Burmese, Khmer, kana, ideographs.
UNSPACED_RANGES = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef"
    "\U00020000-\U0002fa1f"
)
_UNSPACED = re.compile(f"[{UNSPACED_RANGES}]")
_CLOSING = re.compile(r"[,.;:!?)\]}%…»”’]+|['’]\w+|n['’]t", re.IGNORECASE)
_OPENING = re.compile(r"[(\[{«“„‘¿¡$£€#@]+|\w+['’]", re.IGNORECASE)


class WordSplit(NamedTuple):
    """A way of splitting bare text into words: one of `WORD_SPLITS`, and the rules of "penn"."""

    how: str = "punctuation"
    rules: PennRules = ENGLISH

    def split(self, text: str) -> Offsets:
        """Returns the half-open offsets of a text's words."""
        if self.how == "penn":
            return split_penn(text, self.rules)
        return split_words(text, self.how)

    def to_json(self) -> Dict[str, Any]:
        """Returns the split as JSON values."""
        rules = {"penn_rules": self.rules.to_json()} if self.how == "penn" else {}
        return {"word_split": self.how, **rules}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Optional["WordSplit"]:
        """Returns the split that `to_json` returned; None if there is none in `value`."""
        if "word_split" not in value:
            return None
        rules = value.get("penn_rules")
        return cls(value["word_split"], PennRules.from_json(rules) if rules else ENGLISH)


def split_words(text: str, how: str) -> Offsets:
    """Returns the half-open offsets of a text's words, split as one of `WORD_SPLITS`."""
    if how == "penn":
        return split_penn(text, ENGLISH)
    if how == "punctuation":
        words = BasicTokenizer(do_lower_case=False).split(text)
        return [(min(word.sources), max(word.sources) + 1) for word in words]
    pattern = r"\S" if how == "characters" else r"\S+"
    return [match.span() for match in re.finditer(pattern, text)]


def is_unspaced(char: str) -> bool:
    """Returns whether a character is of a writing system without spaces between words."""
    return _UNSPACED.match(char) is not None


def are_characters(words: Sequence[str]) -> bool:
    """Returns whether words are the characters of a language without spaces, such as Chinese."""
    unspaced = sum(len(word) == 1 and _UNSPACED.match(word) is not None for word in words)
    single = sum(len(word) == 1 for word in words)
    return single >= 0.95 * len(words) and 2 * unspaced >= len(words) > 0


class Learnt(NamedTuple):
    """A way of splitting, and the share of words that each way reproduces (F1)."""

    split: WordSplit
    shares: Dict[str, float]


def learn_split(sentences: Sequence[Sequence[str]]) -> Learnt:
    """Finds the way of splitting that best reproduces the words of the training data.

    The words are joined as in natural text ("( U.S. ) ." becomes "(U.S.)."), and split again in
    each way. A way reproduces a word if it finds both its ends.
    """
    rules = learn_rules(sentences)
    step = -(-len(sentences) // _MAX_SENTENCES) or 1
    right: Counter[str] = collections.Counter()
    total: Counter[str] = collections.Counter()
    for words in sentences[::step]:
        text, expected = natural_text(words, rules)
        for how in WORD_SPLITS:
            found = WordSplit(how, rules).split(text)
            right[how] += 2 * len(set(found) & set(expected))
            total[how] += len(found) + len(expected)
    shares = {how: right[how] / max(total[how], 1) for how in _PREFERRED}
    best = max(_PREFERRED, key=lambda how: shares[how])
    if are_characters([word for words in sentences[::step] for word in words]):
        best = max(("characters", "penn"), key=lambda how: shares[how])
    return Learnt(WordSplit(best, rules), shares)


def natural_text(words: Sequence[str], rules: PennRules) -> Tuple[str, Offsets]:
    """Joins words as in natural text; returns it with the offsets of the words."""
    parts: List[str] = []
    offsets: Offsets = []
    length, quotes = 0, 0
    glued = True  # Whether no space follows the previous word
    for number, word in enumerate(words):
        previous = words[number - 1] if number else ""
        is_quote = word in ('"', "``", "''")
        closes = is_quote and quotes % 2 == 1
        if not (glued or closes or _has_no_space_between(previous, word, rules)):
            parts.append(" ")
            length += 1
        parts.append(word)
        offsets.append((length, length + len(word)))
        length += len(word)
        quotes += is_quote
        glued = is_quote and not closes
    return "".join(parts), offsets


def _has_no_space_between(left: str, right: str, rules: PennRules) -> bool:
    if _UNSPACED.match(left[-1:]) and _UNSPACED.match(right[:1]):
        return True
    if _CLOSING.fullmatch(right) or _OPENING.fullmatch(left):
        return True
    # A hyphen, say, that is never inside a word was separated from the words around it.
    return any(len(word) == 1 and word in rules.cuts and word in "-/'’" for word in (left, right))
