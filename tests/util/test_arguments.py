"""Tests for finetune/util/arguments.py."""

import pytest

from finetune.util.arguments import ArgumentParser


def test_an_abbreviated_flag_is_unknown(capsys):
    parser = ArgumentParser(prog="prepare_model.py")
    parser.add_argument("--model_dir")
    with pytest.raises(SystemExit) as exit_:
        parser.parse_args(["--model=folder"])
    assert exit_.value.code == 2
    assert "error: unrecognized arguments: --model=folder\n" in capsys.readouterr().err
