"""The declarations of flags, the lists derived from them, and docs/flags.md."""

import dataclasses
import runpy
from typing import Optional

import pytest

from finetune.config.command_line import declare_flags, parse_flags
from finetune.config.conditions import flags_in, holds
from finetune.config.config import Config
from finetune.config.flags import GROUPS, flag_of, names, redeclared, split_flags
from finetune.config.help import full_help
from finetune.tasks.classification.config import ClassifierConfig
from finetune.tasks.question_answering.config import QaConfig
from finetune.tasks.tagging.config import NerConfig
from finetune.util.errors import UsageError
from tests.support import ROOT

CONFIGS = (ClassifierConfig, NerConfig, QaConfig)


def parse(config_class, *arguments):
    from absl import flags

    values = flags.FlagValues()
    declare_flags(config_class, values)
    return parse_flags(["program", *arguments], config_class, values)


def test_flags_page_matches_the_declarations():
    page = runpy.run_path(str(ROOT / "scripts" / "make_flags_page.py"))["make_page"]()
    shown = (ROOT / "docs" / "flags.md").read_text(encoding="utf-8")
    assert shown == page, "run: python scripts/make_flags_page.py"


@pytest.mark.parametrize("config_class", CONFIGS)
def test_declarations_refer_to_flags_and_groups_that_exist(config_class):
    known = {field.name for cls in CONFIGS for field in dataclasses.fields(cls)}
    for field in dataclasses.fields(config_class):
        flag = flag_of(field)
        assert flag.group in GROUPS
        conditions = [*flag.requires, *flag.kept_unless, *flag.excludes]
        assert {name for condition in conditions for name in flags_in(condition)} <= known


@pytest.mark.parametrize("config_class", CONFIGS)
def test_help_texts_leave_defaults_to_the_declarations(config_class):
    for field in dataclasses.fields(config_class):
        flag = flag_of(field)
        assert "efault" not in flag.help
        assert not (flag.default_if_unset is not None and flag.default_text), field.name


def test_defaults_of_unset_flags_are_filled_in_if_their_requirements_are_met():
    def filled(config_class, **flags):
        before = config_class(do_check=True, **flags)
        after = before.with_defaults()
        return {
            field.name: getattr(after, field.name)
            for field in dataclasses.fields(config_class)
            if getattr(after, field.name) != getattr(before, field.name)
        }

    shared = {"max_seq_length": 128, "preserve_unused_tokens": False}
    classifier = {
        **shared, "group_by_length": True, "problem_type": "single_label", "clean": [],
    }  # fmt: skip
    tagger = {"group_by_length": False, "ner_head": "linear"}
    assert filled(ClassifierConfig) == {
        **classifier, "long_text": "truncate", "truncation": "head",
    }  # fmt: skip
    assert filled(ClassifierConfig, long_text="windows", train_file="a.csv") == {
        **classifier, "task_name": "multiclass", "window_pooling": "mean", "max_windows": 16,
    }  # fmt: skip
    assert filled(NerConfig, max_seq_length=17, train_file="a.conll") == {
        **tagger, "task_name": "ner", "preserve_unused_tokens": False, "use_crf": False,
    }  # fmt: skip
    assert filled(NerConfig, use_crf=True) == {
        **shared, **tagger, "crf_learning_rate_factor": 100.0,
    }  # fmt: skip


def test_value_of_an_unset_flag_is_its_default():
    config = ClassifierConfig(
        do_check=True, encoding="", thresholds=[], split_seed=0, train_file=""
    )
    assert config.value_of("encoding") == "utf-8"
    assert config.value_of("thresholds") == ["0.5"]
    assert config.value_of("label_separator") == ","
    assert config.value_of("split_seed") == 0
    assert config.value_of("task_name") is None
    assert config.value_of("doc_stride") is None
    config = ClassifierConfig(do_check=True, encoding="latin-1", train_file="a.csv", split_seed=5)
    assert config.value_of("encoding") == "latin-1"
    assert config.value_of("split_seed") == 5
    assert config.value_of("task_name") == "multiclass"


def test_default_is_declared_once_for_the_help_text_and_for_runs():
    @dataclasses.dataclass(frozen=True)
    class Short(ClassifierConfig):
        max_seq_length: Optional[int] = redeclared(
            ClassifierConfig, "max_seq_length", default_if_unset=17
        )

    assert "[CLS] and [SEP]. Default: 17." in full_help("short.py", "", Short)
    assert Short(do_check=True).with_defaults().max_seq_length == 17


def test_redeclared_flag_differs_only_in_what_is_declared_again():
    base, flag = (
        flag_of(cls.__dataclass_fields__["doc_stride"]) for cls in (Config, ClassifierConfig)
    )
    assert flag.requires == ("long_text=windows",)
    assert dataclasses.replace(flag, requires=()) == base


def test_lists_are_derived_from_the_declarations():
    assert split_flags(NerConfig) == {
        "train": "train_file", "dev": "dev_file", "test": "predict_file"
    }  # fmt: skip
    assert names(NerConfig, lambda flag: flag.head) == ["ner_head", "use_crf"]
    assert names(ClassifierConfig, lambda flag: flag.head) == ["problem_type"]
    assert names(NerConfig, lambda flag: flag.about_tables) == []
    assert names(ClassifierConfig, lambda flag: flag.about_tables) == [
        "data_form", "header", "delimiter", "quoting", "quotechar", "text_column",
        "text_b_column", "label_column", "label_pattern", "label_names",
    ]  # fmt: skip
    assert names(NerConfig, lambda flag: flag.as_trained) == ["split", "split_seed"]
    assert names(NerConfig, lambda flag: flag.per_command) == [
        "do_predict", "do_embed", "predict_file", "num_folds", "num_trials", "grid",
        "annotation_tool",
    ]  # fmt: skip
    assert names(NerConfig, lambda flag: flag.training_only) == [
        "num_trials", "grid", "eval_every", "metric_for_best", "early_stopping_patience",
        "overwrite_output_dir", "resume_with_changes",
    ]  # fmt: skip


def test_chosen_flags_are_reset_to_their_defaults():
    flags = {"do_train": True, "output_dir": "out", "train_file": "a.csv", "vocab_file": "v.txt"}
    flags = {**flags, "bert_config_file": "c.json", "num_train_epochs": 7.0}
    config = ClassifierConfig(
        do_predict=True, predict_file="b.csv", num_trials=3, grid="seed=1", **flags
    )
    assert config.reset(lambda flag: flag.per_command) == ClassifierConfig(**flags)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("do_train", True),
        ("do_eval", False),
        ("split|do_train", True),
        ("split|do_eval", False),
        ("long_text=windows", True),
        ("long_text=truncate", False),
        ("header", True),  # It is false, which differs from the default, None.
        ("task_name changed", True),
        ("long_text changed", False),
        ("use_crf=true", True),  # Conditions on the other script's flags hold.
    ],
)
def test_condition_on_flags_holds_as_expected(condition, expected):
    config = ClassifierConfig(
        do_train=True, output_dir="out", long_text="windows", header=False, task_name="mrpc"
    )
    trained = {"task_name": "binary", "long_text": "windows"}
    assert holds(config, condition, trained) is expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--do_eval", "--eval_every=epoch"], "--eval_every requires --do_train=true."),
        (
            ["--do_train", "--metric_for_best=f1"],
            "--metric_for_best requires --eval_every or --num_trials or --grid.",
        ),
        (
            ["--do_train", "--split=1:1", "--num_folds=2"],
            "--split and --num_folds cannot be combined: omit one.",
        ),
        (
            ["--do_train", "--use_bf16", "--use_fp16"],
            "--use_bf16 and --use_fp16 cannot be combined: omit one.",
        ),
    ],
)
def test_flags_without_effect_and_contradicting_flags_are_rejected(arguments, message):
    with pytest.raises(UsageError) as error:
        parse(NerConfig, "--output_dir=out", *arguments)
    assert str(error.value) == message


def test_requirement_on_the_model_is_checked_against_its_settings():
    config = parse(ClassifierConfig, "--do_eval", "--output_dir=out", "--thresholds=0.3")
    config.filled_from({"problem_type": "multi_label"}).check_resolved()
    with pytest.raises(UsageError, match="^--thresholds requires --problem_type=multi_label.$"):
        config.filled_from({"problem_type": "single_label"}).check_resolved()
