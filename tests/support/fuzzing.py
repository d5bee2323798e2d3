"""Strategies and checks that the property tests share."""

import re

from absl import flags
from hypothesis import settings
from hypothesis import strategies as st

from finetune.config.command_line import declare_flags, parse_flags
from finetune.tasks.tagging.tags import UNTYPED, join_tag
from tests.support.files import write
from tokenization import FullTokenizer

fuzz = settings(deadline=None, max_examples=150)
ANY_CHARACTER = st.characters()  # Includes lone surrogates, as in arguments that are not UTF-8.
ANY_TEXT = st.text(ANY_CHARACTER, max_size=12)
# A NUL byte would end the argument.
ARGUMENTS = st.text(st.characters(exclude_characters="\0"), max_size=12)
NUMBERS = st.one_of(
    st.integers(-2, 3).map(str),
    st.integers().map(str),
    st.floats().map(repr),
    st.floats(0, 1).map(repr),
    st.sampled_from([str(2**32 - 1), str(2**32), str(2**63), str(10**400), "9" * 5000, "1e999"]),
    st.sampled_from(["1e-400", "-0.0", "nan", "inf", "-inf", "Infinity", "0x10", "0o7", "0b1"]),
    st.sampled_from(["", " 5 ", "+5", "1_0", "٣", "５", "½", "1,0", "1 0", "5.0", "1e3", "--5"]),
)

# Texts for the tokenizer.
SEPARATORS = " \t\n\r\u00a0\u2028\u3000"
PARTS = st.one_of(
    st.sampled_from(
        ["the", "Peters", "uned", "[CLS]", "[unused1]", "##s", "\0", "\u200b", "\ufffd"]
    ),
    st.sampled_from(
        [*SEPARATORS, "é", "e\u0301", "\u0301", "İ", "ß", "ﬁ", "ὈΔΟΣ", "\u302e\U0001d165"]
    ),
    st.sampled_from(
        ["北京", "\uf900", "한", "\u1112\u1161", "👩\u200d👩", "🏳️", "\ud83d", "\udcff", ";"]
    ),
    st.text(ANY_CHARACTER, min_size=1, max_size=3),
)
TEXTS = st.lists(PARTS, max_size=10).map("".join)

# Tags.
TYPES = st.one_of(
    st.sampled_from(
        ["PER", "LOC", UNTYPED, "O", "-", "B-PER", "creative-work", "北", "\u0301", "\0"]
    ),
    st.text(ANY_CHARACTER, min_size=1, max_size=3).filter(
        lambda kind: not re.search(r"[\s\ud800-\udfff]", kind)
    ),
)
TAGS = st.one_of(st.just("O"), st.builds(join_tag, st.sampled_from("BIESMLU"), TYPES))


def parse(config_class, arguments):
    """Parses the arguments of a command line into a config."""
    values = flags.FlagValues()
    declare_flags(config_class, values)
    return parse_flags(["program", *arguments], config_class, values)


def assert_names_flag_in_one_line(error):
    """Asserts that an error message is one line, and that it names a flag or an argument."""
    line = " ".join(str(error).split())
    assert line.splitlines() == [line]
    assert line.startswith(("Unknown command line flag", "Unexpected argument")) or "--" in line


def tokenizer_of(folder, tokens, lower_case=True):
    """Writes a vocabulary file, and returns its tokenizer."""
    path = write(folder / "vocab.txt", "".join(token + "\n" for token in tokens))
    return FullTokenizer(str(path), do_lower_case=lower_case)
