"""Run a script in this process while a thread speaks with it through its standard streams."""

import contextlib
import io
import os
import pathlib
import pty
import sys
import termios
import threading
from typing import Any, Callable, Iterator, List, Optional

import pytest

from tests.support.commands import CLASSIFIER, run
from tests.support.files import write

_TAGGER_FILES = ("test_results.conll", "test_results.jsonl")  # The last is copied.


class Talk:
    """Both ends of a conversation with a script.

    Attributes:
      answers: The lines that the script has written to standard output.
    """

    def __init__(self, write_to: int, read_from: io.TextIOBase):
        self.answers: List[str] = []
        self._write_to = write_to
        self._read_from = read_from

    def say(self, text: Any) -> None:
        """Writes to the script's standard input."""
        content = text if isinstance(text, bytes) else text.encode()
        while content:
            content = content[os.write(self._write_to, content) :]

    def hear(self) -> str:
        """Waits for the next line of standard output, and returns it; "" at the end."""
        line = self._read_from.readline()
        if line:
            self.answers.append(line)
        return line

    def stop_reading(self) -> None:
        """Closes the script's standard output, as `head` does."""
        self._read_from.close()

    def end(self) -> None:
        """Ends the script's standard input."""
        if self._write_to >= 0:
            os.close(self._write_to)
            self._write_to = -1


def converse(
    talk: Callable[[Talk], None], script: str, *arguments: Any, terminal: bool = False, **flags: Any
) -> Any:
    """Runs a script while `talk` speaks with it in another thread.

    After `talk`, the input ends, and the remaining answers are read.

    Returns:
      The exit status, and all answers.
    """
    inner_in, outer_in = _terminal() if terminal else os.pipe()
    outer_out, inner_out = os.pipe()
    partner = Talk(outer_in, os.fdopen(outer_out, encoding="utf-8"))
    failures: List[BaseException] = []

    def speak() -> None:
        try:
            talk(partner)
        except BaseException as error:
            failures.append(error)
        finally:
            partner.end()
        with contextlib.suppress(ValueError):  # It is closed.
            while partner.hear():
                pass

    thread = threading.Thread(target=speak, daemon=True)
    with _standard_streams(inner_in, inner_out):
        thread.start()
        status = run(script, *arguments, **flags)
    thread.join(timeout=30)
    if failures:
        raise failures[0]
    return status, "".join(partner.answers)


def answers_of_file_and_stream(
    output_dir: pathlib.Path, content: str, *arguments: Any, script: str = CLASSIFIER
) -> Any:
    """Predicts the same rows from a file and from standard input.

    Returns:
      What the file's result files contain, the last of them twice; and what those of the stream
      contain, followed by what was written to standard output. They should be equal.
    """
    names = ["test_results.tsv"] if script == CLASSIFIER else list(_TAGGER_FILES)
    flags = {"do_predict": "true", "output_dir": output_dir, "predict_batch_size": 4}
    path = write(output_dir / "input.txt", content)
    assert run(script, *arguments, predict_file=path, **flags) == 0
    of_file = [(output_dir / name).read_bytes() for name in names]
    for name in names:
        (output_dir / name).unlink()
    status, answers = converse(
        lambda partner: partner.say(content), script, *arguments, predict_file="-", **flags
    )
    assert status == 0
    of_stream = [(output_dir / name).read_bytes() for name in names]
    return (*of_file, of_file[-1]), (*of_stream, answers.encode())


def _terminal() -> Any:
    outer, inner = pty.openpty()
    settings = termios.tcgetattr(inner)
    settings[3] &= ~termios.ECHO
    termios.tcsetattr(inner, termios.TCSANOW, settings)
    return inner, outer


@contextlib.contextmanager
def _standard_streams(inner_in: int, inner_out: int) -> Iterator[None]:
    saved: Optional[int] = os.dup(0)
    try:
        os.dup2(inner_in, 0)
        os.close(inner_in)
        output = os.fdopen(inner_out, "w", encoding="utf-8")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdout", output)
            yield
        output.close()
    finally:
        os.dup2(saved, 0)
        os.close(saved)
