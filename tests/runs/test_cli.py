"""The scripts' exit statuses, and errors reported in one line or with a traceback."""

import logging

import pytest

from finetune.config.config import Config
from finetune.runs import cli
from finetune.util.errors import HelperError, InputError, UsageError
from finetune.util.signals import Interrupted

FLAGS = ["--do_train", "--output_dir=out", "--task_name=binary", "--data_dir=data",
         "--vocab_file=vocab.txt", "--bert_config_file=config.json"]  # fmt: skip


def run(error, *arguments):
    """Runs a script whose task raises an error when it is loaded; returns the exit status."""

    def load_task():
        raise error

    return cli.run_main(
        load_task,
        argv=["script.py", *FLAGS, *arguments],
        program="script.py",
        summary="Does it.",
        config_class=Config,
        processors={},
    )


def lines(caplog):
    return [record.getMessage() for record in caplog.records]


def test_user_error_is_reported_in_one_line_with_status_1(caplog):
    assert run(InputError("tr\rain.csv:7: no label.\nExpected one.")) == 1
    # The handler writes the CR, which is part of the file's name, as an escape.
    assert lines(caplog) == ["script.py: tr\rain.csv:7: no label. Expected one."]
    assert caplog.records[0].exc_info is None


def test_wrong_flags_are_reported_in_one_line_with_status_2(caplog):
    assert run(UsageError("--seed: no.")) == 2
    assert run(None, "--qqqqqqqq=1") == 2
    assert run(None, "--use_xla=perhaps") == 2
    assert lines(caplog) == [
        "script.py: --seed: no. (--helpfull lists all flags)",
        "script.py: Unknown command line flag 'qqqqqqqq' (--helpfull lists all flags)",
        "script.py: flag --use_xla=perhaps: expected true or false. (--helpfull lists all flags)",
    ]


def test_missing_flags_are_reported_before_tensorflow_is_imported(caplog, monkeypatch):
    monkeypatch.setattr(cli, "_prepare_tensorflow", lambda config: pytest.fail("It was imported."))
    assert run(None, "--vocab_file=", "--data_dir=") == 2
    assert lines(caplog) == [
        "script.py: Missing flags: --vocab_file, --data_dir (or --train_file). Add them; --help "
        "describes each. (--helpfull lists all flags)"
    ]


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero"), FileNotFoundError(2, "No", "x")])
def test_any_other_error_is_reported_as_a_bug_with_its_traceback(caplog, error):
    with pytest.raises(type(error)):
        run(error)
    assert lines(caplog) == [
        "script.py: internal error. This is a bug in the toolkit, not in your data or flags: "
        "please report it with the traceback below."
    ]
    assert caplog.records[0].levelno == logging.CRITICAL


def test_failed_helper_is_reported_with_its_traceback(caplog):
    with pytest.raises(HelperError):
        run(HelperError("mine.py:3: the call of read_tsv failed."))
    assert lines(caplog) == ["script.py: mine.py:3: the call of read_tsv failed."]
    assert caplog.records[0].levelno == logging.CRITICAL


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            OSError(28, "No space left on device", "out/x"),
            "No space is left on the disk of out/x. Free some space, and run the same command "
            "again.",
        ),
        (
            MemoryError(),
            "Out of memory. Set a smaller --eval_batch_size or --predict_batch_size, or a smaller "
            "--max_seq_length.",
        ),
    ],
)
def test_machine_error_is_reported_in_one_line_with_status_1(caplog, error, message):
    assert run(error) == 1
    assert lines(caplog) == [f"script.py: {message}"]


@pytest.mark.parametrize("error", [InputError("no"), MemoryError("no")])
def test_debug_flag_shows_the_traceback_of_a_user_error(error):
    with pytest.raises(type(error)):
        run(error, "--debug")


def test_interrupted_run_exits_with_the_status_of_the_signal(caplog):
    assert run(KeyboardInterrupt()) == 130
    assert run(Interrupted(15, "Saved out/train.ckpt-3")) == 143
    assert run(KeyboardInterrupt(), "--do_train=false", "--do_eval") == 130
    assert lines(caplog) == [
        "script.py: interrupted. The same command resumes training.",
        "script.py: interrupted. Saved out/train.ckpt-3",
        "script.py: interrupted.",
    ]


@pytest.mark.parametrize(("flag", "flags_shown"), [("--help", "--seed"), ("--helpfull", "--debug")])
def test_help_is_printed_and_nothing_is_run(capsys, flag, flags_shown):
    assert run(AssertionError("was run"), flag) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Does it.\n\nusage: python script.py --flag=value ...\n")
    assert f"  {flags_shown}\n" in shown
