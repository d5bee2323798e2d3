"""The flags of run_classifier.py: default values, and rejected values."""

import pytest

from finetune.data.truncation import Cut
from finetune.tasks.classification.config import ClassifierConfig
from finetune.util.errors import UsageError


def config(**flags):
    return ClassifierConfig(output_dir="out", do_train=True, **flags)


def test_unset_flags_have_defaults():
    assert config().value_of("problem_type") == "single_label"
    assert config().separator == ","
    assert config().clean_steps == []
    assert config().threshold_numbers() == [0.5]
    assert config().tab_or_delimiter() is None


def test_flags_override_the_defaults():
    given = config(
        problem_type="multi_label", label_separator="|", thresholds=["0.25", "1"], delimiter=";"
    )
    assert given.value_of("problem_type") == "multi_label"
    assert given.separator == "|"
    assert given.threshold_numbers() == [0.25, 1.0]
    assert given.tab_or_delimiter() == ";"


@pytest.mark.parametrize("delimiter", ["tab", "\\t", "\t"])
def test_delimiter_can_be_the_word_tab(delimiter):
    assert config(delimiter=delimiter).tab_or_delimiter() == "\t"


def test_cleaning_steps_are_in_a_fixed_order():
    assert config(clean=["emails", "links"]).clean_steps == ["links", "emails"]


def test_cut_contains_the_settings_for_long_texts():
    assert config(max_seq_length=64).cut() == Cut(64, "head", False, 1, 16)
    windows = config(
        max_seq_length=64, truncation="tail", long_text="windows", doc_stride=7, max_windows=3
    )
    assert windows.cut() == Cut(64, "tail", True, 7, 3)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"clean": ["link"]}, r"^--clean=link: expected one or more of links, "),
        ({"delimiter": "ab"}, r"^--delimiter=ab: expected one character, or tab for a tab\.$"),
        ({"delimiter": ""}, r"^--delimiter=: expected one character"),
        ({"label_separator": ""}, r"^--label_separator is empty; expected the text between two"),
        ({"thresholds": ["0.5", "1.5"]}, r"^--thresholds=0\.5,1\.5: expected probabilities"),
        (
            {"thresholds": ["high"]},
            r"^--thresholds=high: expected probabilities from 0 to 1, "
            r"or best\.$",
        ),
    ],
)
def test_invalid_values_raise_an_error(flags, message):
    with pytest.raises(UsageError, match=message):
        config(**flags)
