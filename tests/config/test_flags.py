"""What is declared about flags, what is derived from it, and the page that shows it."""

import dataclasses
import runpy

import pytest

import optimization
from finetune.config import config as config_lib
from finetune.config.command_line import declare_flags, parse_flags
from finetune.config.flags import GROUPS, flag_of, flags_in, holds, names, split_flags
from finetune.tasks.classification.config import ClassifierConfig
from finetune.tasks.tagging.config import NerConfig
from finetune.util.errors import UsageError
from tests.support import ROOT

CONFIGS = (ClassifierConfig, NerConfig)


def parse(config_class, *arguments):
    from absl import flags

    values = flags.FlagValues()
    declare_flags(config_class, values)
    return parse_flags(["program", *arguments], config_class, values)


def test_the_flags_page_is_that_of_the_declarations():
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


def test_schedules_are_those_of_the_optimizer():
    assert config_lib.LR_SCHEDULES == optimization.SCHEDULES


def test_lists_are_derived_from_the_declarations():
    assert split_flags(NerConfig) == {
        "train": "train_file", "dev": "dev_file", "test": "predict_file"
    }  # fmt: skip
    assert names(NerConfig, lambda flag: flag.head) == ["ner_head", "use_crf"]
    assert names(ClassifierConfig, lambda flag: flag.head) == ["problem_type"]
    assert names(NerConfig, lambda flag: flag.training_only) == [
        "num_trials", "grid", "eval_every", "metric_for_best", "early_stopping_patience",
        "overwrite_output_dir", "resume_with_changes",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("do_train", True),
        ("do_eval", False),
        ("split|do_train", True),
        ("split|do_eval", False),
        ("long_text=windows", True),
        ("long_text=truncate", False),
        ("header", True),  # False is a value, too.
        ("task_name changed", True),
        ("long_text changed", False),
        ("use_crf=true", True),  # A flag of the other script
    ],
)
def test_conditions_on_flags(condition, expected):
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
            "--split and --num_folds cannot be combined: leave one out.",
        ),
        (
            ["--do_train", "--use_bf16", "--use_fp16"],
            "--use_bf16 and --use_fp16 cannot be combined: leave one out.",
        ),
    ],
)
def test_useless_and_contradicting_flags_are_refused(arguments, message):
    with pytest.raises(UsageError) as error:
        parse(NerConfig, "--output_dir=out", *arguments)
    assert str(error.value) == message


def test_a_requirement_that_the_model_may_meet_waits_for_it():
    config = parse(ClassifierConfig, "--do_eval", "--output_dir=out", "--thresholds=0.3")
    config.filled_from({"problem_type": "multi_label"}).check_resolved()
    with pytest.raises(UsageError, match="^--thresholds requires --problem_type=multi_label.$"):
        config.filled_from({"problem_type": "single_label"}).check_resolved()
