"""Any command line is parsed as written, or rejected in one line that names the flag."""

import dataclasses
import math
from decimal import Decimal

import pytest
from absl import flags
from hypothesis import example, given, settings
from hypothesis import strategies as st

from finetune.config.config import EPOCH
from finetune.config.flags import flag_of
from finetune.data.splitting import parse_shares
from finetune.tasks.classification.config import ClassifierConfig
from finetune.tasks.question_answering.config import QaConfig
from finetune.tasks.tagging.config import NerConfig
from finetune.util.errors import InputError
from tests.support.fuzzing import ARGUMENTS, NUMBERS, assert_names_flag_in_one_line, fuzz, parse

CONFIGS = st.sampled_from([ClassifierConfig, NerConfig, QaConfig])
FIELDS = {
    config_class: {field.name: field for field in dataclasses.fields(config_class)}
    for config_class in (ClassifierConfig, NerConfig, QaConfig)
}
ANY_VALUES = st.one_of(
    NUMBERS,
    st.sampled_from(["true", "FALSE", "t", "maybe", "None", "epoch", "Linear", "head", "tab"]),
    st.sampled_from(["a,b", ',"', '"a,b",c', "a=1,b=2", "0.5,1", "nan,0", "links", "70:15:15"]),
    st.sampled_from(["-", "--", "--do_eval", "a\nb", "utf-16", "hex", "idna", "x" * 3000, "é北😀"]),
    ARGUMENTS,
)
VALID_VALUES = {
    bool: st.sampled_from(["true", "false", "True", "FALSE", "t", "f", "1", "0"]),
    int: st.integers(1, 9).map(str) | st.sampled_from(["0x10", " 5 ", "+5", "1_0", "٣"]),
    float: st.floats(0, 0.99).map(repr) | st.sampled_from(["1e-400", "-0.0", "1_0e-1_0", "５e-１"]),
    list: st.just("") | st.lists(st.sampled_from(["0", "1", ".5"]), min_size=1).map(",".join),
    str: st.sampled_from(
        ["", "epoch", "1", "tab", "utf-16", "70:15:15", "accuracy", "é北😀\udcff"]
    ),
}


def kind_of(field):
    """Returns a flag's type: bool, int, float, list or str, which includes choices."""
    kinds = {
        flags.DEFINE_bool: bool, flags.DEFINE_integer: int, flags.DEFINE_float: float,
        flags.DEFINE_list: list,
    }  # fmt: skip
    return kinds.get(flag_of(field).define, str)


def choices_of(field):
    """Returns the values that a flag accepts; None if it is not a choice."""
    return getattr(flag_of(field).define, "keywords", {}).get("enum_values")


@st.composite
def command_lines(draw):
    """Draws a config class, arguments, and the text that each flag should finally have.

    The texts are None if the command line is malformed.
    """
    config_class = draw(CONFIGS)
    fields = FIELDS[config_class]
    told = {"do_train": "true", "output_dir": "out"}
    arguments = [f"--{name}={text}" for name, text in told.items()]
    only_valid, is_well_formed = not draw(st.booleans()), True
    forms = ["=", "=", "-", "repeated", "two", "no"]
    forms += [] if only_valid else ["unknown", "stray", "no="]
    for _ in range(draw(st.integers(0, 4))):
        form = draw(st.sampled_from(forms))
        names = [
            name
            for name in fields
            if form != "no" or not only_valid or kind_of(fields[name]) is bool
        ]
        name = draw(st.sampled_from(names))
        kind, choices = kind_of(fields[name]), choices_of(fields[name])
        valid = st.sampled_from([*choices, choices[-1].upper()]) if choices else VALID_VALUES[kind]
        texts = valid if only_valid else st.one_of(valid, ANY_VALUES)
        told[name] = text = draw(texts)
        if form == "unknown":
            unknown = draw(st.sampled_from([name + "s", name[1:], "no", ""]) | ARGUMENTS)
            is_well_formed = is_well_formed and unknown in fields
            arguments.append(f"--{unknown}={text}")
        elif form == "stray":
            is_well_formed = False
            arguments.append(draw(ARGUMENTS.filter(lambda word: word[:1] != "-")))
        elif form == "no=":
            is_well_formed = False
            arguments.append(f"--no{name}={text}")
        elif form == "no":
            is_well_formed, told[name] = is_well_formed and kind is bool, "false"
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
    return config_class, arguments, told if is_well_formed else None


def check_flag(field, text, value):
    """Asserts that a flag's value equals its text and is within its bounds."""
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


def check_config(config):
    """Asserts that the settings of a config do not contradict each other."""
    actions = ("do_train", "do_eval", "do_predict", "do_embed", "do_check")
    assert any(getattr(config, action) for action in actions)
    assert config.output_dir or config.do_check
    assert config.do_train or not (
        config.eval_every or config.num_folds or config.compares_trainings
    )
    assert config.num_train_epochs is None or config.num_train_epochs > 0
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
    if isinstance(config, NerConfig):
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
def test_command_line_is_parsed_as_written_or_rejected_in_one_line(case):
    config_class, arguments, told = case
    try:
        config = parse(config_class, arguments)
    except (InputError, flags.Error) as error:
        assert_names_flag_in_one_line(error)
        return
    assert told is not None
    for name, field in FIELDS[config_class].items():
        if name in told:
            check_flag(field, told[name], getattr(config, name))
        else:
            assert getattr(config, name) == field.default
    check_config(config)


# Numbers that a flag rejects although they are within its bounds.
EXCLUDED = {
    "num_train_epochs": [0], "layerwise_lr_decay": [0], "label_smoothing": [1], "word_column": [0],
}  # fmt: skip
# Their validity depends on other flags.
DEPENDENT = {
    "split_seed", "num_folds", "num_trials", "early_stopping_patience", "na_prob_thresh",
}  # fmt: skip
INDEPENDENT = [
    (config_class, field)
    for config_class, fields in FIELDS.items()
    for name, field in fields.items()
    if kind_of(field) in (int, float)
    and name not in DEPENDENT
    and (config_class, name) != (QaConfig, "label_smoothing")  # Answers have no labels.
]


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(INDEPENDENT), NUMBERS)
@example((NerConfig, FIELDS[NerConfig]["train_batch_size"]), "9" * 5000)
@example((NerConfig, FIELDS[NerConfig]["learning_rate"]), "nan")
@example((NerConfig, FIELDS[NerConfig]["label_smoothing"]), "1")
@example((NerConfig, FIELDS[NerConfig]["layerwise_lr_decay"]), "0")
@example((NerConfig, FIELDS[NerConfig]["num_train_epochs"]), "-0.0")
@example((NerConfig, FIELDS[NerConfig]["word_column"]), "0")
@example((NerConfig, FIELDS[NerConfig]["crf_learning_rate_factor"]), "inf")
def test_number_is_rejected_exactly_if_it_is_malformed_or_out_of_bounds(case, text):
    config_class, field = case
    bounds = flag_of(field).bounds
    try:
        based = kind_of(field) is int and text[:2] in ("0x", "0o")
        number = int(text, 0) if based else kind_of(field)(text)
        is_valid = (
            -math.inf < number < math.inf
            and bounds.get("lower_bound", number) <= number <= bounds.get("upper_bound", number)
            and number not in EXCLUDED.get(field.name, [])
        )
    except ValueError:
        is_valid = False
    try:
        config = parse(config_class, ["--do_check", f"--{field.name}={text}"])
    except (InputError, flags.Error) as error:
        assert not is_valid
        assert_names_flag_in_one_line(error)
        assert f"--{field.name}" in str(error)
        return
    assert is_valid
    assert getattr(config, field.name) == number


# Pieces of values for the flags whose text has a structure.
PIECES = {
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
    st.sampled_from(sorted(PIECES)).flatmap(
        lambda name: st.tuples(
            st.just(name),
            st.lists(st.sampled_from(PIECES[name]), max_size=5).map("".join) | ARGUMENTS,
        )
    )
)
@example(("thresholds", "nan"))
@example(("eval_every", "0"))
@example(("split", "1:nan"))
@example(("encoding", "hex"))
def test_structured_value_is_parsed_or_rejected(case):
    name, text = case
    arguments = ["--do_train", "--output_dir=out", f"--{name}={text}"]
    try:
        config = parse(ClassifierConfig, arguments)
    except (InputError, flags.Error) as error:
        assert_names_flag_in_one_line(error)
        assert f"--{name}" in str(error)
        return
    check_flag(FIELDS[ClassifierConfig][name], text, getattr(config, name))
    check_config(config)


@pytest.mark.parametrize(
    "argument",
    ["--" + "x" * 2000, "--seed=4294967296", "--num_trials=4294967296"],
)
def test_extreme_argument_is_rejected_in_one_short_line(argument):
    with pytest.raises((InputError, flags.Error)) as error:
        parse(ClassifierConfig, ["--do_train", "--output_dir=x", "--seed=7", argument])
    assert len(str(error.value)) < 300
