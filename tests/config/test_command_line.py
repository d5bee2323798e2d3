"""Parsing a command line into a configuration, and errors in command lines."""

import pytest
from absl import flags

from finetune.config.command_line import declare_flags, parse_flags
from finetune.tasks.classification.config import ClassifierConfig
from finetune.tasks.question_answering.config import QaConfig
from finetune.tasks.tagging.config import NerConfig
from finetune.util.errors import UsageError


def parse(config_class, *arguments):
    values = flags.FlagValues()
    declare_flags(config_class, values)
    return parse_flags(["program", *arguments], config_class, values)


def test_flags_on_the_command_line_are_parsed_and_others_keep_their_defaults():
    config = parse(
        ClassifierConfig,
        "--do_train",
        "--nouse_xla",
        "--output_dir=out",
        "--train_batch_size=7",
        "--learning_rate=3e-5",
        "--lr_schedule=COSINE",
        "--clean=links,case",
    )
    assert config == ClassifierConfig(
        do_train=True,
        use_xla=False,
        output_dir="out",
        train_batch_size=7,
        learning_rate=3e-5,
        lr_schedule="cosine",
        clean=["links", "case"],
    )


def test_second_command_line_does_not_inherit_from_the_first():
    values = flags.FlagValues()
    for seed, arguments in ((7, ["--seed=7"]), (42, [])):
        declare_flags(NerConfig, values)
        arguments = ["program", "--do_eval", "--output_dir=out", *arguments]
        assert parse_flags(arguments, NerConfig, values).seed == seed


def test_second_script_in_one_program_has_only_its_own_flags():
    values = flags.FlagValues()
    for config_class, form in (
        (NerConfig, "conll"),
        (ClassifierConfig, "csv"),
        (NerConfig, "conll"),
    ):
        declare_flags(config_class, values)
        arguments = ["program", "--do_eval", "--output_dir=out", f"--data_form={form}"]
        assert parse_flags(arguments, config_class, values).data_form == form
    with pytest.raises(flags.Error, match="Unknown command line flag 'label_column'"):
        parse_flags([*arguments, "--label_column=a"], NerConfig, values)


def test_flag_that_tokenization_defines_is_kept_with_its_own_default():
    values = flags.FlagValues()
    flags.DEFINE_bool("preserve_unused_tokens", True, "", values, module_name="tokenization")
    for _ in range(2):
        declare_flags(NerConfig, values)
        assert values["preserve_unused_tokens"].default is True


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (
            "true",
            "Unexpected argument 'true'. Write flags as --name=value, for example "
            "--do_train=false.",
        ),
        ("--num_train_epochs=inf", "--num_train_epochs=inf: expected a finite number."),
        ("--num_train_epochs=0", "--num_train_epochs=0: expected a number above 0."),
        ("--eval_every=-3", "--eval_every=-3: expected epoch, or a number of steps above 0."),
        ("--train_file=-", "--train_file=-: only --predict_file can be standard input."),
        (
            "--use_tpu=False",
            "--use_tpu: leave out this flag of Google's scripts; the toolkit does not use TPUs.",
        ),
    ],
)
def test_invalid_argument_is_rejected(argument, message):
    with pytest.raises(UsageError) as error:
        parse(ClassifierConfig, "--do_train", "--output_dir=out", argument)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--train_bach_size=7", "Unknown command line flag 'train_bach_size'. Did you mean"),
        ("--train_batch_size=many", "--train_batch_size=many"),
        ("--train_batch_size=0", "--train_batch_size=0: 0 is not a positive integer"),
        ("--lr_schedule=step", "value should be one of <linear|cosine|constant>"),
    ],
)
def test_unknown_flag_or_value_of_the_wrong_type_is_rejected(argument, message):
    with pytest.raises(flags.Error) as error:
        parse(ClassifierConfig, "--do_train", "--output_dir=out", argument)
    assert message in str(error.value)


PATHS = [
    "bert_config_file", "data_dir", "dev_file", "init_checkpoint", "output_dir", "predict_file",
    "train_file", "vocab_file",
]  # fmt: skip


@pytest.mark.parametrize("name", PATHS)
def test_path_with_a_nul_character_is_rejected(name):
    with pytest.raises(UsageError) as error:
        ClassifierConfig(do_train=True, **{"output_dir": "out", name: "a\0b"})
    assert str(error.value) == f"--{name}='a\\x00b': a path cannot contain a NUL character."


def test_paths_are_those_of_files_and_folders():
    config = ClassifierConfig(do_train=True, **dict(zip(PATHS, "abcdefgh")))
    assert sorted(config.paths) == list("abcdefgh")
    config = ClassifierConfig(do_predict=True, output_dir="out", predict_file="-")
    assert config.paths == ["out"]


def test_command_without_an_action_is_rejected():
    with pytest.raises(UsageError) as error:
        parse(NerConfig, "--output_dir=out")
    assert str(error.value) == (
        "Nothing to do: set at least one of --do_train=true, --do_eval=true, --do_predict=true, "
        "--do_embed=true, --do_check=true."
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--do_train", "--do_eval"],
            "Missing flags: --output_dir, --task_name, --model_dir (or --vocab_file and "
            "--bert_config_file), --data_dir (or --train_file and --dev_file). Add them; --help "
            "describes each. `python prepare_model.py` installs a model in model_dir/.",
        ),
        (
            ["--do_train", "--train_file=a.csv", "--vocab_file=vocab.txt"],
            "Missing flags: --output_dir, --bert_config_file. Add them; --help describes each.",
        ),
        (
            [
                "--do_train",
                "--output_dir=out",
                "--task_name=mrpc",
                "--vocab_file=vocab.txt",
                "--eval_every=epoch",
            ],
            "Missing flags: --bert_config_file, --data_dir (or --train_file and --dev_file). Add "
            "them; --help describes each.",
        ),
        (
            ["--do_predict"],
            "--output_dir is missing; expected the output directory of a finished training run, "
            "or, with a fine-tuned --init_checkpoint, a directory for the results.",
        ),
    ],
)
def test_error_names_all_missing_flags_at_once(arguments, message):
    with pytest.raises(UsageError) as error:
        parse(ClassifierConfig, *arguments).check_required()
    assert str(error.value) == message


def test_flags_that_the_model_remembers_are_not_missing():
    config = parse(ClassifierConfig, "--do_eval", "--output_dir=out", "--dev_file=dev.csv")
    with pytest.raises(UsageError) as error:
        config.check_required()
    assert str(error.value) == (
        "Missing flags: --task_name, --model_dir (or --vocab_file and --bert_config_file). Add "
        "them; --help describes each. `python prepare_model.py` installs a model in model_dir/."
    )
    model = {"task_name": "binary", "vocab_file": "vocab.txt", "bert_config_file": "config.json"}
    config.filled_from(model).check_required()


@pytest.mark.parametrize("config_class", [ClassifierConfig, NerConfig, QaConfig])
def test_home_folder_is_expanded_in_each_flag_that_is_a_path(monkeypatch, config_class):
    monkeypatch.setenv("HOME", "/home/anna")
    paths = config_class.path_flags()
    assert {"data_dir", "output_dir", "train_file", "vocab_file", "init_checkpoint"} <= set(paths)
    for name in paths:
        given = {"output_dir": "out", name: "~/x"}
        needed = {
            "predict_file": ["--do_predict"],
            "context_file": ["--do_predict", "--question=Who?"],
            "predictions_file": ["--do_eval", "--dev_file=dev.json"],
            "na_prob_file": ["--do_eval", "--dev_file=dev.json", "--predictions_file=p.json"],
        }.get(name, ["--do_train", "--do_eval"])
        flags = [f"--{flag}={value}" for flag, value in given.items()]
        assert getattr(parse(config_class, *needed, *flags), name) == "/home/anna/x"


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--dev_file=gs://bucket/a.csv", "--dev_file=gs://bucket/a.csv: remote paths are not su"),
        ("--output_dir=d\udce4ta", r"--output_dir=d\\udce4ta: the name is not UTF-8; rename the "),
        ("--output_dir=gs://d\udce4ta", r"--output_dir=gs://d\\udce4ta: the name is not UTF-8; re"),
    ],
)
def test_unusable_path_raises_an_error(flag, message):
    with pytest.raises(UsageError, match=message):
        parse(ClassifierConfig, "--do_eval", "--output_dir=out", flag)


def test_output_directory_can_be_remote():
    config = parse(ClassifierConfig, "--do_eval", "--output_dir=gs://bucket/out")
    assert config.output_dir == "gs://bucket/out"
