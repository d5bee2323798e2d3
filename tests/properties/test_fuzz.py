"""Flags, texts, tags and logs of any content: what comes of them is right, or one error says why.

Left out are files of data, which test_reader_fuzz.py has.
"""

import dataclasses
import itertools
import json
import math
import re
import tempfile
from decimal import Decimal

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from absl import flags
from absl.testing import flagsaver
from hypothesis import example, given, settings
from hypothesis import strategies as st

from finetune.config.command_line import declare_flags, parse_flags
from finetune.config.config import EPOCH
from finetune.config.flags import flag_of
from finetune.data.frame import Frame
from finetune.data.splitting import parse_shares
from finetune.output import train_log
from finetune.output.names import TRAIN_LOG
from finetune.reports.plots import reliability
from finetune.runs import trials
from finetune.tasks.classification.config import ClassifierConfig
from finetune.tasks.tagging.config import NerConfig
from finetune.tasks.tagging.features import encode_texts
from finetune.tasks.tagging.tagged_text import WORD_SPLITS, TaggedText, split_words
from finetune.tasks.tagging.tags import (
    LENIENT,
    SCHEMES,
    UNTYPED,
    find_scheme,
    is_tag,
    join_tag,
    label_list,
    may_follow,
    scheme_errors,
    spans_of,
    split_tag,
    strict_spans_of,
    tags_of,
    to_iob2,
)
from finetune.training import class_weights
from finetune.training.step_plan import StepPlan, make_step_plan
from finetune.util.errors import InputError
from tests.support import tiny
from tokenization import BasicTokenizer, FullTokenizer

fuzz = settings(deadline=None, max_examples=150)
CONFIGS = st.sampled_from([ClassifierConfig, NerConfig])
ANY_CHARACTER = st.characters()  # Lone surrogates too, as in the bytes of a shell
ANY_TEXT = st.text(ANY_CHARACTER, max_size=12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


# Flags.

FIELDS = {
    config_class: {field.name: field for field in dataclasses.fields(config_class)}
    for config_class in (ClassifierConfig, NerConfig)
}
# An argument holds no NUL: it would end there.
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
WILD = st.one_of(
    NUMBERS,
    st.sampled_from(["true", "FALSE", "t", "maybe", "None", "epoch", "Linear", "head", "tab"]),
    st.sampled_from(["a,b", ',"', '"a,b",c', "a=1,b=2", "0.5,1", "nan,0", "links", "70:15:15"]),
    st.sampled_from(["-", "--", "--do_eval", "a\nb", "utf-16", "hex", "idna", "x" * 3000, "é北😀"]),
    ARGUMENTS,
)
FITTING = {
    bool: st.sampled_from(["true", "false", "True", "FALSE", "t", "f", "1", "0"]),
    int: st.integers(1, 9).map(str) | st.sampled_from(["0x10", " 5 ", "+5", "1_0", "٣"]),
    float: st.floats(0, 0.99).map(repr) | st.sampled_from(["1e-400", "-0.0", "1_0e-1_0", "５e-１"]),
    list: st.just("") | st.lists(st.sampled_from(["0", "1", ".5"]), min_size=1).map(",".join),
    str: st.sampled_from(
        ["", "epoch", "1", "tab", "utf-16", "70:15:15", "accuracy", "é北😀\udcff"]
    ),
}


def kind_of(field):
    """Returns str, list, bool, int or float; str for a choice as well."""
    kinds = {
        flags.DEFINE_bool: bool, flags.DEFINE_integer: int, flags.DEFINE_float: float,
        flags.DEFINE_list: list,
    }  # fmt: skip
    return kinds.get(flag_of(field).define, str)


def choices_of(field):
    return getattr(flag_of(field).define, "keywords", {}).get("enum_values")


def parse(config_class, arguments):
    values = flags.FlagValues()
    declare_flags(config_class, values)
    return parse_flags(["program", *arguments], config_class, values)


def check_message(error):
    """Sees to it that what is said fits into a line, and names what it is about."""
    line = " ".join(str(error).split())
    assert line.splitlines() == [line]
    assert line.startswith(("Unknown command line flag", "Unexpected argument")) or "--" in line


@st.composite
def command_lines(draw):
    """(configuration, arguments, text of each flag in the end; None if an argument is no flag)."""
    config_class = draw(CONFIGS)
    fields = FIELDS[config_class]
    told = {"do_train": "true", "output_dir": "out"}
    arguments = [f"--{name}={text}" for name, text in told.items()]
    is_wild, right = draw(st.booleans()), True
    forms = ["=", "=", "-", "repeated", "two", "no"] + ["unknown", "stray", "no="] * is_wild
    for _ in range(draw(st.integers(0, 4))):
        form = draw(st.sampled_from(forms))
        names = [
            name for name in fields if form != "no" or is_wild or kind_of(fields[name]) is bool
        ]
        name = draw(st.sampled_from(names))
        kind, choices = kind_of(fields[name]), choices_of(fields[name])
        fitting = st.sampled_from([*choices, choices[-1].upper()]) if choices else FITTING[kind]
        texts = st.one_of(fitting, WILD) if is_wild else fitting
        told[name] = text = draw(texts)
        if form == "unknown":
            unknown = draw(st.sampled_from([name + "s", name[1:], "no", ""]) | ARGUMENTS)
            right = right and unknown in fields
            arguments.append(f"--{unknown}={text}")
        elif form == "stray":
            right = False
            arguments.append(draw(ARGUMENTS.filter(lambda word: word[:1] != "-")))
        elif form == "no=":
            right = False
            arguments.append(f"--no{name}={text}")
        elif form == "no":
            right, told[name] = right and kind is bool, "false"
            arguments.append(f"--no{name}")
        elif form == "two" and kind is bool:
            told[name] = "true"
            arguments.append(f"--{name}")
        elif form == "two":
            arguments += [f"--{name}", text]
        elif form == "repeated":
            arguments += [f"--{name}={draw(texts)}", f"--{name}={text}"]
        else:
            arguments.append(f"{form.replace('=', '--')}{name}={text}")
    return config_class, arguments, told if right else None


def check_flag(field, text, value):
    """Sees to it that a flag's value is what its text says, and within its bounds."""
    kind, choices = kind_of(field), choices_of(field)
    if kind is bool:
        assert value is (text.lower() in ("true", "t", "1"))
        assert value or text.lower() in ("false", "f", "0")
    elif kind is list:
        assert all(isinstance(item, str) for item in value)
        if not {*text} & {*'"\r\n'}:
            assert value == ([item.strip() for item in text.split(",")] if text else [])
    elif choices:
        assert value in choices
        assert value.lower() == text.lower()
    elif kind is str:
        assert value == text
    else:
        assert type(value) is kind
        assert -math.inf < value < math.inf
        bounds = flag_of(field).bounds
        assert bounds.get("lower_bound", value) <= value <= bounds.get("upper_bound", value)
        based = kind is int and text[:2] in ("0x", "0o")
        assert value == (int(text, 0) if based else kind(Decimal(text)))


def check_whole(config):
    """Sees to it that a configuration's settings go together."""
    assert config.do_train or config.do_eval or config.do_predict or config.do_check
    assert config.output_dir or config.do_check
    assert config.do_train or not (
        config.eval_every or config.num_folds or config.compares_trainings
    )
    assert config.num_train_epochs > 0
    assert config.layerwise_lr_decay > 0
    assert config.label_smoothing < 1
    every = config.steps_between_evaluations()
    assert every in (None, EPOCH) or (type(every) is int and every > 0)
    assert "a".encode(config.encoding or "utf-8")
    assert not config.split or sum(parse_shares(config.split)) == pytest.approx(1)
    if isinstance(config, ClassifierConfig):
        assert all(0 <= number <= 1 for number in config.threshold_numbers())
        assert config.delimiter is None or len(config.tab_or_delimiter()) == 1
        assert config.label_separator != ""
    else:
        assert config.word_column != 0
    assert dataclasses.replace(config) == config.filled_from({}) == config


@settings(deadline=None, max_examples=200)
@given(command_lines())
@example((NerConfig, ["--do_check", "--"], {"do_check": "true"}))
@example((NerConfig, ["--do_check", "-"], None))
@example((NerConfig, ["--do_check", "--", "--do_eval"], None))
@example((NerConfig, ["--do_check", "--max_seq_length"], None))
@example((ClassifierConfig, ["--do_check", "--clean="], {"do_check": "true", "clean": ""}))
@example((ClassifierConfig, ["--do_check", '--labels="a'], None))
@example((ClassifierConfig, ["--output_dir=out", "--do_train", "true"], None))
def test_a_command_line_becomes_what_it_says_or_one_error(case):
    config_class, arguments, told = case
    try:
        config = parse(config_class, arguments)
    except (InputError, flags.Error) as error:
        check_message(error)
        return
    assert told is not None
    for name, field in FIELDS[config_class].items():
        if name in told:
            check_flag(field, told[name], getattr(config, name))
        else:
            assert getattr(config, name) == field.default
    check_whole(config)


# Flags with a number that no rule sets against other flags, and what besides its bounds it is not.
EXCLUDED = {
    "num_train_epochs": [0], "layerwise_lr_decay": [0], "label_smoothing": [1], "word_column": [0],
}  # fmt: skip
BOUND = {"split_seed", "num_folds", "num_trials", "early_stopping_patience"}
FREE = [
    (config_class, field)
    for config_class, fields in FIELDS.items()
    for name, field in fields.items()
    if kind_of(field) in (int, float) and name not in BOUND
]


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(FREE), NUMBERS)
@example((NerConfig, FIELDS[NerConfig]["train_batch_size"]), "9" * 5000)
@example((NerConfig, FIELDS[NerConfig]["learning_rate"]), "nan")
@example((NerConfig, FIELDS[NerConfig]["label_smoothing"]), "1")
@example((NerConfig, FIELDS[NerConfig]["layerwise_lr_decay"]), "0")
@example((NerConfig, FIELDS[NerConfig]["num_train_epochs"]), "-0.0")
@example((NerConfig, FIELDS[NerConfig]["word_column"]), "0")
@example((NerConfig, FIELDS[NerConfig]["crf_learning_rate_factor"]), "inf")
def test_a_number_is_refused_if_it_is_none_or_out_of_bounds_and_only_then(case, text):
    config_class, field = case
    bounds = flag_of(field).bounds
    try:
        based = kind_of(field) is int and text[:2] in ("0x", "0o")
        number = int(text, 0) if based else kind_of(field)(text)
        right = (
            -math.inf < number < math.inf
            and bounds.get("lower_bound", number) <= number <= bounds.get("upper_bound", number)
            and number not in EXCLUDED.get(field.name, [])
        )
    except ValueError:
        right = False
    try:
        config = parse(config_class, ["--do_check", f"--{field.name}={text}"])
    except (InputError, flags.Error) as error:
        assert not right
        check_message(error)
        assert f"--{field.name}" in str(error)
        return
    assert right
    assert getattr(config, field.name) == number


MEANINGS = {
    "encoding": ["utf", "-", "_", "8", "16", "latin", "1", "hex", "idna", "undefined", "x" * 300],
    "split": ["70", "15", "0.8", "0", ":", ":", ":", "1e5", "nan", "inf", "-1", " ", "٣"],
    "eval_every": ["epoch", "1", "0", "-", "+", " ", "_", "E", ".5", "nan", "٣", "9" * 4999],
    "grid": ["learning_rate", "seed", "=", ",", "1", "0.5", " "],
    "thresholds": ["0", "1", "0.5", ",", ",", "nan", "inf", "-", "1e-9", '"', " "],
    "delimiter": ["tab", "\\t", "\t", ",", "é", "\udcff", "\n"],
    "label_separator": ["", ",", " ", "ab"],
    "clean": ["links", "emails", "case", ",", " ", "x", '"'],
    "labels": ["a", ",", '"', "\n", "é", " ", "\udcff"],
}


@fuzz
@given(
    st.sampled_from(sorted(MEANINGS)).flatmap(
        lambda name: st.tuples(
            st.just(name),
            st.lists(st.sampled_from(MEANINGS[name]), max_size=5).map("".join) | ARGUMENTS,
        )
    )
)
@example(("thresholds", "nan"))
@example(("eval_every", "0"))
@example(("split", "1:nan"))
@example(("encoding", "hex"))
def test_a_text_with_a_meaning_has_it_or_is_refused(case):
    name, text = case
    arguments = ["--do_train", "--output_dir=out", f"--{name}={text}"]
    try:
        config = parse(ClassifierConfig, arguments)
    except (InputError, flags.Error) as error:
        check_message(error)
        assert f"--{name}" in str(error)
        return
    check_flag(FIELDS[ClassifierConfig][name], text, getattr(config, name))
    check_whole(config)


# Finite, and their sum as well.
@fuzz
@given(
    st.lists(st.floats(1e-100, 1e100), min_size=2, max_size=3),
    st.sampled_from([repr, "{:e}".format]),
)
def test_shares_are_in_proportion_and_their_sum_is_one(numbers, written):
    shares = parse_shares(":".join(map(written, numbers)))
    assert all(0 < share < 1 or max(numbers) / min(numbers) > 1e15 for share in shares)
    assert sum(shares) == pytest.approx(1)
    assert [share * sum(numbers) for share in shares] == pytest.approx(numbers, rel=1e-5)


# Class weights and grids.

WEIGHTS = st.floats(0, exclude_min=True, allow_infinity=False)
LABELS = st.lists(
    st.sampled_from(["", "=", "a=1", "a=", "=1", "balanced", "1", "a,b", "é北😀"]) | ANY_TEXT,
    min_size=1,
    max_size=5,
    unique=True,
)


@fuzz
@given(LABELS, st.data())
def test_weights_by_label_come_back_though_labels_hold_what_stands_between(labels, data):
    named = data.draw(st.dictionaries(st.sampled_from(labels), WEIGHTS, min_size=1))
    given_weights = [f"{label}={weight!r}" for label, weight in named.items()]
    found = class_weights.parse(given_weights, labels, [1] * len(labels))
    assert found == [named.get(label, 1.0) for label in labels]
    with pytest.raises(InputError, match="is given twice"):
        class_weights.parse(given_weights + given_weights[-1:], labels, [])


@fuzz
@given(LABELS, st.data())
def test_a_weight_for_each_label_comes_back_and_another_number_of_them_is_refused(labels, data):
    weights = data.draw(st.lists(WEIGHTS, max_size=7))
    try:
        found = class_weights.parse([repr(weight) for weight in weights], labels, [])
    except InputError as error:
        check_message(error)
        assert len(weights) != len(labels)
        return
    assert found == weights
    assert len(found) == len(labels)


@fuzz
@given(st.lists(st.integers(0, 10**4), min_size=1, max_size=8).filter(any))
def test_balanced_labels_count_the_same_in_all(counts):
    labels = [str(i) for i in range(len(counts))]
    weights = class_weights.parse([class_weights.BALANCED], labels, counts)
    there = [count * weight for count, weight in zip(counts, weights) if count]
    assert there == pytest.approx([sum(counts) / len(there)] * len(there))
    assert all(weight == 1 for count, weight in zip(counts, weights) if not count)


ODD_WEIGHTS = st.sampled_from(["0", "1", "0.5", "nan", "inf", "-1", "1e999", "x"]) | NUMBERS


@fuzz
@given(
    LABELS.flatmap(
        lambda labels: st.tuples(
            st.just(labels),
            st.lists(
                ODD_WEIGHTS
                | ANY_TEXT
                | st.builds("{}={}".format, st.sampled_from(labels) | ANY_TEXT, ODD_WEIGHTS),
                max_size=len(labels),
            ),
        )
    )
)
@example((["a"], ["nan"]))
@example((["a", "b"], ["a=1", "b=inf"]))
@example((["a", "b"], ["a=1", "1"]))
@example((["a", "b"], ["balanced", "1"]))
def test_whatever_stands_for_class_weights_is_a_weight_for_each_label_or_one_error(case):
    labels, items = case
    try:
        weights = class_weights.parse(items, labels, list(range(len(labels), 0, -1)))
    except InputError as error:
        check_message(error)
        return
    assert len(weights) == len(labels)
    assert all(type(weight) is float and 0 <= weight < math.inf for weight in weights)


GRID_FLAGS = {
    "learning_rate": float, "num_train_epochs": float, "weight_decay": float,
    "max_grad_norm": float, "warmup_proportion": float, "label_smoothing": float,
    "head_learning_rate_factor": float, "layerwise_lr_decay": float, "train_batch_size": int,
    "gradient_accumulation_steps": int, "freeze_layers": int,
}  # fmt: skip


@st.composite
def grids(draw):
    """(numbers by name, the text of them)."""
    names = draw(st.lists(st.sampled_from(sorted(GRID_FLAGS)), min_size=1, max_size=4, unique=True))
    numbers = {float: st.floats(0, 0.9, exclude_min=True), int: st.integers(1, 2**40)}
    axes = {
        name: draw(st.lists(numbers[GRID_FLAGS[name]], min_size=1, max_size=4, unique=True))
        for name in names
    }
    text = draw(st.sampled_from(["", " ", "\n"]))
    for name, values in axes.items():
        if text.strip():
            text += draw(st.sampled_from([" ", ";", "; \t"]))
        text += draw(st.sampled_from(["", "--"])) + f"{name}={','.join(map(repr, values))}"
    return axes, text


@fuzz
@given(grids())
def test_a_grid_has_each_combination_once_in_order_and_each_can_be_trained_with(case):
    axes, text = case
    points = trials.parse_grid(text)
    assert len(points) == math.prod(map(len, axes.values()))
    assert [tuple(point.values()) for point in points] == list(itertools.product(*axes.values()))
    assert all(list(point) == list(axes) for point in points)
    config = parse(NerConfig, ["--do_train", "--output_dir=out", f"--grid={text}"])
    for point in points[:5]:
        changed = dataclasses.replace(config, **point)
        assert {name: getattr(changed, name) for name in point} == point
        assert all(type(value) is GRID_FLAGS[name] for name, value in point.items())


GRID_PIECES = st.sampled_from(
    [*GRID_FLAGS, "seed", "do_train", "max_seq_length", "grid", "=", "=", "=", ",", " ", ";", "--"]
    + ["1", "2", "0.1", "-1", "1e999", "nan", "x", "\u00a0", "٣", "é", "9" * 5000]
)


@fuzz
@given(st.lists(GRID_PIECES, max_size=12).map("".join) | ANY_TEXT)
@example("")
@example("learning_rate=1,1.0")
@example("learning_rate=1 --learning_rate=2")
@example("learning_rate=1;")
def test_whatever_stands_for_a_grid_is_settings_that_differ_or_one_error(text):
    try:
        points = trials.parse_grid(text)
    except InputError as error:
        check_message(error)
        return
    values = [{point[name] for point in points} for name in points[0]]
    assert sum(map(len, values)) == text.count("=") + text.count(",")
    assert len(points) == math.prod(map(len, values))
    for point, other in itertools.combinations(points, 2):
        assert point != other
        assert list(point) == list(other)
    for point in points:
        assert all(type(value) is GRID_FLAGS[name] for name, value in point.items())


# The tokenizer.

SEPARATE = " \t\n\r\u00a0\u2028\u3000"
PARTS = st.one_of(
    st.sampled_from(
        ["the", "Peters", "uned", "[CLS]", "[unused1]", "##s", "\0", "\u200b", "\ufffd"]
    ),
    st.sampled_from(
        [*SEPARATE, "é", "e\u0301", "\u0301", "İ", "ß", "ﬁ", "ὈΔΟΣ", "\u302e\U0001d165"]
    ),
    st.sampled_from(
        ["北京", "\uf900", "한", "\u1112\u1161", "👩\u200d👩", "🏳️", "\ud83d", "\udcff", ";"]
    ),
    st.text(ANY_CHARACTER, min_size=1, max_size=3),
)
TEXTS = st.lists(PARTS, max_size=10).map("".join)


def tokenizer_of(folder, tokens, lower_case=True):
    path = folder / "vocab.txt"
    path.write_bytes("".join(token + "\n" for token in tokens).encode())
    return FullTokenizer(str(path), do_lower_case=lower_case)


@pytest.fixture(scope="module")
def tokenizers(folder):
    return [tokenizer_of(folder, tiny.vocabulary(), lower_case) for lower_case in (True, False)]


def check_ways(tokenizer, text):
    """Returns the tokens, which are the same in all ways, and stand in the order of the text."""
    tokens = tokenizer.tokenize_with_offsets(text)
    assert tokenizer.tokenize(text) == [token.text for token in tokens]
    assert tokenizer.tokenize_to_ids(text) == [tokenizer.vocab[token.text] for token in tokens]
    reached = 0
    for token in tokens:
        assert 0 <= token.start < token.end <= len(text)
        # The pieces of a word can be parts of one character, or of some that changed places.
        assert token.start >= reached or token.text.startswith("##")
        assert token.start >= reached or tokenizer.basic_tokenizer.do_lower_case
        reached = max(reached, token.end)
    return tokens


@fuzz
@given(TEXTS, st.booleans())
def test_tokens_stand_in_order_and_no_two_words_share_a_character(tokenizers, text, keeps_unused):
    with flagsaver.flagsaver(preserve_unused_tokens=keeps_unused):
        for tokenizer in tokenizers:
            tokens = check_ways(tokenizer, text)
            words = tokenizer.basic_tokenizer.tokenize(text)
            assert sum(not token.text.startswith("##") for token in tokens) == len(words)
            assert ("[unused1]" in words) <= keeps_unused


@fuzz
@given(TEXTS, st.sampled_from(SEPARATE), st.sampled_from([1, 2, 100]))
def test_text_that_recurs_becomes_the_same_tokens_each_time(tokenizers, text, between, count):
    for tokenizer in tokenizers:
        once = tokenizer.tokenize_with_offsets(text)
        tokens = check_ways(tokenizer, (text + between) * count)
        assert len(tokens) == len(once) * count
        shift = (len(text) + 1) * (count - 1)
        assert tokens[len(tokens) - len(once) :] == [
            (token.text, token.start + shift, token.end + shift) for token in once
        ]


@settings(deadline=None, max_examples=100)
@given(st.lists(PARTS, min_size=1, max_size=3).map("".join), st.just(201))
@example("\u302e\U0001d165", 5000)
@example("é", 20_000)
def test_words_of_any_length_are_split_or_unknown(tokenizers, text, count):
    for tokenizer in tokenizers:
        tokens = iter(check_ways(tokenizer, text * count))
        words = list(tokenizer.basic_tokenizer.split(text * count))
        firsts = [token for token in tokens if not token.text.startswith("##")]
        assert len(firsts) == len(words)
        for word, token in zip(words, firsts):
            if len(word.text) > 200:
                span = (min(word.sources), max(word.sources) + 1)
                assert token == ("[UNK]", *span)


PIECES = st.lists(
    st.text("aab", min_size=1, max_size=3) | st.text("a\u0301é#北İ!", min_size=1, max_size=3),
    min_size=3,
    max_size=12,
)


@fuzz
@given(PIECES, st.booleans(), st.data())
def test_with_any_vocabulary_a_word_is_its_longest_pieces_from_the_left(
    folder, pieces, lower_case, data
):
    inner = data.draw(st.lists(st.sampled_from(pieces), min_size=2))
    vocabulary = ["", "##", *pieces, *map("##{}".format, inner)]
    parts = st.sampled_from([*pieces, *"aab \u0301é#北İ!"])
    text = "".join(data.draw(st.lists(parts, min_size=3, max_size=12)))
    tokenizer = tokenizer_of(folder, ["[UNK]", *vocabulary], lower_case)
    tokens = [token.text for token in check_ways(tokenizer, text)]
    longest = sorted({"[UNK]", *vocabulary}, key=len, reverse=True)
    # By regular expressions, whose alternatives are tried in their order.
    first = re.compile("|".join(re.escape(piece) for piece in longest if piece))
    rest = [piece[2:] for piece in longest if piece.startswith("##") and piece != "##"]
    later = re.compile("|".join(map(re.escape, rest)) or "$^")
    expected = []
    for word in BasicTokenizer(lower_case).tokenize(text):
        pieces, match = [], first.match(word)
        while match:
            pieces.append("##" * bool(pieces) + match[0])
            end = match.end()
            match = later.match(word, end) if end < len(word) else None
        expected += pieces if pieces and end == len(word) else ["[UNK]"]
    assert tokens == expected


@fuzz
@given(st.binary(max_size=30) | TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_bytes_are_the_text_that_is_left_of_them(tokenizers, content):
    text = content.decode("utf-8", "ignore")
    for tokenizer in tokenizers:
        assert tokenizer.tokenize(content) == tokenizer.tokenize(text)
        assert tokenizer.tokenize_to_ids(content) == tokenizer.tokenize_to_ids(text)
        assert tokenizer.tokenize_with_offsets(content) == tokenizer.tokenize_with_offsets(text)


# Tags, and the windows of tagged texts.

TYPES = st.one_of(
    st.sampled_from(
        ["PER", "LOC", UNTYPED, "O", "-", "B-PER", "creative-work", "北", "\u0301", "\0"]
    ),
    st.text(ANY_CHARACTER, min_size=1, max_size=3).filter(
        lambda kind: not re.search(r"[\s\ud800-\udfff]", kind)
    ),
)
TAGS = st.one_of(st.just("O"), st.builds(join_tag, st.sampled_from("BIESMLU"), TYPES))
SEQUENCES = st.lists(TAGS, max_size=12)


@fuzz
@given(
    st.lists(
        st.sampled_from([*"OBIESMLUX", "-", "PER", " ", "\n", "\u3000", "\0", "\ud800", "é"]),
        max_size=4,
    ).map("".join)
    | TAGS
    | ANY_TEXT
)
def test_a_text_is_a_tag_that_comes_back_from_its_parts_or_is_refused(text):
    try:
        letter, kind = split_tag(text)
    except InputError as error:
        assert not is_tag(text)
        assert repr(text) in str(error)
        return
    assert is_tag(text)
    assert letter in "OBIESMLU"
    if letter == "O":
        assert (text, kind) == ("O", "")
    else:
        assert join_tag(letter, kind) == text.removesuffix("-_") or kind != UNTYPED
        assert split_tag(join_tag(letter, kind)) == (letter, kind)
        assert text in (join_tag(letter, kind), f"{letter}-{kind}")


@fuzz
@given(SEQUENCES)
def test_spans_of_any_tags_hold_each_word_with_a_tag_once_and_come_back(tags):
    spans = spans_of(tags)
    held = [i for start, end, _ in spans for i in range(start, end)]
    assert held == [i for i, tag in enumerate(tags) if tag != "O"]
    for start, end, kind in spans:
        assert {split_tag(tag)[1] for tag in tags[start:end]} == {kind}
    iob2 = tags_of(spans, len(tags))
    assert iob2 == to_iob2(tags) == to_iob2(iob2)
    assert spans_of(iob2) == strict_spans_of(iob2) == spans
    assert set(strict_spans_of(to_iob2(tags))) == set(spans)
    labels = label_list(kind for _, _, kind in spans)
    assert set(iob2) <= set(labels)
    assert len(set(labels)) == len(labels)


@fuzz
@given(st.lists(SEQUENCES, max_size=4))
def test_the_scheme_that_is_found_has_the_fewest_faults_and_each_is_at_a_word(sequences):
    found = {scheme: scheme_errors(sequences, scheme) for scheme in SCHEMES}
    assert len(found[find_scheme(sequences)]) == min(map(len, found.values()))
    for each in found.values():
        places = [(fault.sequence, fault.word) for fault in each]
        assert places == sorted(places)
        assert all(0 <= word < len(sequences[sequence]) for sequence, word in places)
        assert all(fault.reason for fault in each)
    assert scheme_errors(sequences, LENIENT) == []


@fuzz
@given(st.lists(st.one_of(st.just("O"), st.builds(join_tag, st.sampled_from("BI"), TYPES))))
def test_a_fault_of_iob2_is_where_a_label_may_not_follow(tags):
    breaks = [i for i, tag in enumerate(tags) if not may_follow(tags[i - 1] if i else None, tag)]
    assert [fault.word for fault in scheme_errors([tags], "IOB2")] == breaks


@fuzz
@given(
    st.lists(
        st.tuples(TEXTS, st.sampled_from(WORD_SPLITS), st.lists(TAGS, min_size=1, max_size=12)),
        max_size=3,
    ),
    st.integers(3, 12),
    st.data(),
)
def test_each_word_of_any_text_has_its_label_in_one_window_and_spans_come_back(
    tokenizers, cases, max_seq_length, data
):
    tokenizer, texts, tags, kinds = tokenizers[0], [], [], set()
    for text, how, some in cases:
        words = split_words(text, how)
        texts.append(TaggedText("g", text, words, to_iob2((some * len(words))[: len(words)])))
        tags += texts[-1].tags
        kinds |= {kind for _, _, kind in spans_of(some)}
    labels = label_list(kinds)
    room = Frame.room(max_seq_length)
    features = encode_texts(
        texts,
        labels=labels,
        max_seq_length=max_seq_length,
        doc_stride=data.draw(st.integers(1, room)),
        tokenizer=tokenizer,
    )
    assert len(features) >= sum(bool(text.words) for text in texts)
    pieces = [
        (tokenizer.tokenize_to_ids(text.word(i)) or [tokenizer.vocab["[UNK]"]])[:room]
        for text in texts
        for i in range(len(text.words))
    ]
    order = data.draw(st.permutations(range(len(features))))
    found = {}
    for row in order:
        batch = features.batch(np.array([row]))
        ids, positions = batch["input_ids"][0].tolist(), batch["word_positions"][0].tolist()
        assert len(ids) <= max_seq_length
        first = int(features.word_starts[row])
        for word, (position, label) in enumerate(zip(positions, batch["label_ids"][0]), first):
            assert word not in found
            assert ids[position : position + len(pieces[word])] == pieces[word]
            found[word] = labels[label]
    seen = iter(found[word] for word in range(len(found)))
    assert len(found) == len(tags)
    for text in texts:
        answered = list(itertools.islice(seen, len(text.words)))
        assert spans_of(answered) == spans_of(text.tags)


# What is kept of a training.

ROWS = [
    {"step": 10, "epoch": 0.5, "loss": 0.75, "gradient_norm": None, "tokens_per_second": 1e5},
    {"step": 20, "epoch": 1.0, "loss": 1e-30, "gradient_norm": 3.5, "tokens_per_second": 123456.5},
    {"step": 20, "epoch": 1.0, "eval/f1": 0.25, "eval/labels/é\n\u2028北/f1": None, "eval/n": 7},
    {"step": 30, "epoch": 1.5, "loss": 0.5, "gradient_norm": 1.0, "tokens_per_second": 99.0},
    {"step": 40, "epoch": 2.0, "eval/f1": 0.5, "eval/labels/é\n\u2028北/f1": 1.0, "eval/n": 7},
]
LINES = [(json.dumps(row, ensure_ascii=False) + "\n").encode() for row in ROWS]


def write_log(log, rows):
    for row in rows:
        step, epoch, *values = row.items()
        if any(name.startswith("eval/") for name, _ in values):
            scores = {"labels": {}, "text": "of no figure"}
            for name, value in values:
                *folders, last = name.split("/")[1:]
                place = scores["labels"].setdefault(folders[1], {}) if folders else scores
                place[last] = value
            log.write_evaluation(step[1], epoch[1], scores)
        else:
            log.write(step[1], epoch[1], dict(values))


@st.composite
def damaged_logs(draw):
    """(a log in which some bytes are others or gone, the number of lines before these)."""
    content = b"".join(LINES)
    start = draw(st.integers(0, len(content)))
    end = draw(st.just(len(content)) | st.integers(start, min(start + 9, len(content))))
    pieces = [
        b"\n",
        b"\r",
        b"\0",
        b"{",
        b"}",
        b'"',
        b"[",
        b"null",
        b"NaN",
        b"\xff",
        b"\xef\xbb\xbf",
    ]
    piece = draw(st.just(b"") | st.sampled_from(pieces) | st.binary(max_size=6))
    before = sum(end <= start for end in itertools.accumulate(map(len, LINES)))
    return content[:start] + piece + content[end:], before


@settings(deadline=None, max_examples=200)
@given(damaged_logs())
def test_of_a_damaged_log_all_rows_before_the_damage_are_read(folder, case):
    content, before = case
    (folder / TRAIN_LOG).write_bytes(content)
    rows = train_log.read(str(folder))
    assert rows[:before] == ROWS[:before]
    assert all(type(row["step"]) is int for row in rows)
    evaluations = train_log.evaluations_of(rows)
    assert evaluations[: sum("eval/f1" in row for row in ROWS[:before])] == [
        {name.removeprefix("eval/"): value for name, value in row.items()}
        for row in ROWS[:before]
        if "eval/f1" in row
    ]


NO_ROWS = [
    "", "x", "{}", "[]", "3", "null", '"step"', '{"step": [1]}', '{"step": null}', '{"step": {}}',
    '{"step": NaN}', '{"step": "x"}', '{"epoch": 1}', '{"step": 1',
    '{"step": 1}}', '[{"step": 1}]', '\ufeff{"step": 1}', "{'step': 1}", '{"step": 1, "a": "\0"}',
]  # fmt: skip
ODD_ROWS = {
    '{"step": "4"}': {"step": 4},
    '{"step": 8.0, "eval/f1": "x"}': {"step": 8, "eval/f1": "x"},
    ' {"step": -1, "step": 50}\r': {"step": 50},
    '{"": {"a": NaN}, "step": 1e15, "\\n": []}': None,
    '{"step": 1, "\\ud800": 1}': {"step": 1, "\ud800": 1},
}


@fuzz
@given(
    st.lists(
        st.integers(0, len(ROWS) - 1).map(lambda i: (LINES[i].decode(), ROWS[i]))
        | st.sampled_from(sorted(ODD_ROWS)).map(lambda line: (line + "\n", ODD_ROWS[line]))
        | st.sampled_from(NO_ROWS).map(lambda line: (line + "\n", "none")),
        max_size=6,
    )
)
def test_a_log_is_read_up_to_the_first_line_that_is_no_row(folder, lines):
    text = "".join(line for line, _ in lines)
    (folder / TRAIN_LOG).write_bytes(text.encode())
    expected = list(itertools.takewhile(lambda row: row != "none", (row for _, row in lines)))
    rows = train_log.read(str(folder))
    assert len(rows) == len(expected)
    for row, right in zip(rows, expected):
        assert type(row["step"]) is int
        assert right is None or row == right
    assert len(train_log.evaluations_of(rows)) == sum("eval/f1" in row for row in rows)


@fuzz
@given(st.binary(max_size=60))
@example(b"")
@example(b"\n" + LINES[0])
@example(b"\xef\xbb\xbf" + LINES[0])
@example(LINES[0].rstrip(b"\n"))
@example(b'{"step": %s}' % (b"9" * 5000))
def test_a_log_of_any_bytes_is_rows_with_steps(folder, content):
    (folder / TRAIN_LOG).write_bytes(content)
    assert all(type(row["step"]) is int for row in train_log.read(str(folder)))


@fuzz
@given(damaged_logs(), st.integers(0, 45))
@example((b"".join(LINES), 5), 20)
def test_a_training_that_goes_on_keeps_its_log_up_to_its_step(folder, case, start_step):
    content, _ = case
    with tempfile.TemporaryDirectory(dir=folder) as place:
        with open(f"{place}/{TRAIN_LOG}", "wb") as writer:
            writer.write(content)
        expected = [row for row in train_log.read(place) if row["step"] <= start_step]
        log = train_log.TrainLog(place, start_step)
        write_log(log, ROWS)
        log.close()
        tf.summary.FileWriterCache.clear()
        assert train_log.read(place) == expected + ROWS
        assert log.evaluations() == train_log.evaluations_of(expected + ROWS)


NAMES = st.text(st.characters(exclude_characters="/"), max_size=3)
FIGURES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
SCORES = st.dictionaries(
    NAMES,
    st.recursive(
        FIGURES | ANY_TEXT | st.lists(FIGURES, max_size=2),
        lambda values: st.dictionaries(NAMES, values, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


def numbers_in(value):
    """Returns how many numbers, or missing ones, there are in dictionaries."""
    if isinstance(value, dict):
        return sum(map(numbers_in, value.values()))
    return int(value is None or isinstance(value, (bool, int, float)))


@fuzz
@given(SCORES)
def test_each_figure_stands_where_its_name_says_and_none_is_left_out(scores):
    figures = list(train_log.figures_of(scores))
    assert len(dict(figures)) == len(figures) == numbers_in(scores)
    for name, value in figures:
        place = scores
        for part in name.split("/"):
            place = place[part]
        assert place is value


# Calibration, and the steps at which something is due.


@fuzz
@given(
    st.lists(
        st.tuples(
            st.floats(0, 1, width=32) | st.integers(0, 10).map(lambda n: n / 10), st.booleans()
        ),
        max_size=60,
    ),
    st.sampled_from([np.float32, np.float64]),
)
@example([], np.float32)
@example([(1.0, True)] * 3, np.float32)
@example([(0.95, True), (1.0, False)], np.float64)
def test_shares_of_right_answers_are_shares_at_probabilities_that_rise(answers, number_type):
    confidences = np.array([confidence for confidence, _ in answers], number_type)
    is_right = np.array([right for _, right in answers], bool)
    mean, shares = reliability(confidences, is_right)
    assert len(mean) == len(shares)
    assert len(shares) <= 10
    assert all((shares >= 0) & (shares <= 1) & (mean >= 0) & (mean <= 1))
    assert all(np.diff(mean) > 0)
    # Each stands for a tenth: whoever is not there is not near.
    near = np.abs(confidences[:, None] - mean) < 0.1 + 1e-6
    assert near.any(axis=1).all()
    assert near.any(axis=0).all()
    if number_type is np.float64:  # Of float32, which tenth it is depends on rounding.
        tenths = {}
        for confidence, right in answers:
            tenths.setdefault(min(int(confidence * 10), 9), []).append(right)
        assert list(shares) == [sum(tenths[i]) / len(tenths[i]) for i in sorted(tenths)]
    order = np.arange(len(answers))[::-1]
    again = reliability(confidences[order], ~is_right[order])
    np.testing.assert_allclose(again[0], mean, rtol=1e-12)
    np.testing.assert_allclose(again[1], 1 - shares, atol=1e-12)


@fuzz
@given(
    st.builds(
        StepPlan,
        num_train_steps=st.integers(1, 200),
        epoch_steps=st.integers(1, 50),
        log_every=st.integers(1, 250),
        save_every=st.integers(1, 250),
        eval_every=st.none() | st.just(EPOCH) | st.integers(1, 250),
    )
)
def test_what_is_scored_is_saved_and_the_last_step_is_scored_and_logged(plan):
    steps = range(plan.num_train_steps + 1)
    scored = [step for step in steps if plan.evaluates_at(step)]
    assert all(plan.saves_at(step) for step in scored)
    assert {step for step in steps if plan.saves_at(step)} == {
        *scored, *range(0, plan.num_train_steps + 1, plan.save_every),
    }  # fmt: skip
    assert plan.logs_at(plan.num_train_steps)
    if plan.eval_every is None:
        assert not scored
        return
    every = plan.epoch_steps if plan.eval_every == EPOCH else plan.eval_every
    assert scored[-1] == plan.num_train_steps
    assert scored[0] > 0
    assert len(scored) == math.ceil(plan.num_train_steps / every)
    if plan.eval_every == EPOCH:
        assert [plan.epoch_of(step) for step in scored[:-1]] == list(range(1, len(scored)))


# What was once a traceback, or passed.


@pytest.mark.parametrize("text", ["1e308:1e308", "5e-324:1e308", "inf:1", "nan:1", "0:1"])
def test_shares_that_are_none_in_the_end_are_refused(text):
    with pytest.raises(InputError, match="--split="):
        parse_shares(text)


@pytest.mark.parametrize(
    "argument",
    ["--" + "x" * 2000, "--seed=4294967296", "--num_trials=4294967296"],
)
def test_an_argument_out_of_all_bounds_is_refused_in_one_line(argument):
    flag_values = flags.FlagValues()
    declare_flags(ClassifierConfig, flag_values)
    argv = ["run.py", "--do_train", "--output_dir=x", "--seed=7", argument]
    with pytest.raises((InputError, flags.Error)) as error:
        parse_flags(argv, ClassifierConfig, flag_values)
    assert len(str(error.value)) < 300


def test_more_steps_than_can_be_are_refused():
    config = ClassifierConfig(do_train=True, output_dir="x", num_train_epochs=1e308)
    with pytest.raises(InputError, match="--num_train_epochs=1e"):
        make_step_plan(config, 100)


def test_a_log_row_nested_without_end_ends_the_log(folder):
    (folder / TRAIN_LOG).write_bytes(b'{"step": 1}\n' + b"[" * 100000)
    assert train_log.read(str(folder)) == [{"step": 1}]


def test_half_a_character_in_a_log_does_not_keep_a_training_from_going_on(folder):
    (folder / TRAIN_LOG).write_bytes(b'{"step": 1, "\\ud800": 1}\n')
    log = train_log.TrainLog(str(folder), 1)
    log.close()
    tf.summary.FileWriterCache.clear()
    assert [row["step"] for row in train_log.read(str(folder))] == [1]
