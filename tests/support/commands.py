"""Command lines of the scripts."""

import contextlib
import importlib
import os
import sys
from typing import Any, Iterator, List

CLASSIFIER, TAGGER, ANSWERER = "run_classifier.py", "run_ner.py", "run_squad.py"

# Settings with which a tiny model learns.
_TINY = {"max_seq_length": 16, "train_batch_size": 8, "learning_rate": 5e-3}


def command(script: str, *arguments: Any, model: Any = None, **flags: Any) -> List[str]:
    """Builds a command line.

    Args:
      script: The script.
      arguments: Further arguments. They follow the flags, so they override them.
      model: The folder of a pretrained model in Google's format. Adds the flags that name its
        files, and settings with which a tiny model learns.
      flags: Values by flag. A flag whose value is None is omitted.
    """
    if model is not None:
        files = {
            "vocab_file": model / "vocab.txt",
            "bert_config_file": model / "bert_config.json",
            "init_checkpoint": model / "bert_model.ckpt",
        }
        flags = {**files, **_TINY, **flags}
    given = [f"--{name}={value}" for name, value in flags.items() if value is not None]
    return [script, *given, *map(str, arguments)]


def run(script: str, *arguments: Any, **flags: Any) -> int:
    """Runs a script in this process, with the arguments of `command`.

    Returns:
      The exit status.
    """
    main = importlib.import_module(script[: -len(".py")]).main
    return main(command(script, *arguments, **flags))


def python_command(script: str, *arguments: Any, patch: str = "", **flags: Any) -> List[str]:
    """Builds a command line that runs a script in its own process, in the project's folder.

    Args:
      script: The script.
      arguments: See `command`.
      patch: Python code to run before the script.
      flags: See `command`.
    """
    module = script[: -len(".py")]
    program = (
        f"{patch}\nimport sys, {module}\nsys.argv[0] = '{script}'\n"
        f"sys.exit({module}.main(sys.argv))"
    )
    return [sys.executable, "-c", program, *command(script, *arguments, **flags)[1:]]


@contextlib.contextmanager
def standard_input(path: Any) -> Iterator[None]:
    """Redirects this process's standard input to a file."""
    saved = os.dup(0)
    try:
        with open(path, "rb") as reader:
            os.dup2(reader.fileno(), 0)
        yield
    finally:
        os.dup2(saved, 0)
        os.close(saved)


def only_line(caplog: Any, capsys: Any) -> str:
    """Returns the error message of a run that failed: one line, and no traceback anywhere."""
    line = caplog.records[-1].getMessage()
    assert "\n" not in line
    assert "Traceback" not in caplog.text + capsys.readouterr().err
    return line
