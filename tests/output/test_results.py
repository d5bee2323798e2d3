"""Results go to files as they are, and to a terminal with control characters as escapes."""

import io

import pytest

from finetune.output.results import StandardOutput, opened_results


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stdout", "expected"),
    [
        (io.StringIO(), "a\x1b]0;title\x07\tb\r\u202e\n"),
        (Terminal(), "a\\x1b]0;title\\x07\tb\\r\\u202e\n"),
    ],
)
def test_only_a_terminal_gets_escapes(tmp_path, monkeypatch, stdout, expected):
    monkeypatch.setattr("sys.stdout", stdout)
    output = StandardOutput()
    with opened_results([str(tmp_path / "x")], copy=output) as (writer,):
        writer.write("a\x1b]0;title\x07\tb\r\u202e\n")
        output.flush()
    assert stdout.getvalue() == expected
    assert (tmp_path / "x").read_bytes().decode() == "a\x1b]0;title\x07\tb\r\u202e\n"
