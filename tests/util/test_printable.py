"""Text from files can neither control the terminal nor pose as a message."""

import ast
import io
import logging
import re
import sys
import unicodedata

import pytest

from finetune.util.log import MessageFormatter, set_up_logging
from finetune.util.printable import Block, one_line, printable
from finetune.util.progress import MessageHandler
from tests.support import ROOT

# Retitles and clears the screen, rings, overwrites the line, hides and reverses text, ends lines.
HOSTILE = "a\x1b]0;title\x07\x1b[2J\r\x08\x00\x7f\x9b31m\x85\u202e\u2066\u200f\u061c\u2028z\n"


BIDI = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


def is_safe(text):
    """Returns whether a terminal shows a text and nothing else; by the Unicode database."""
    return not any(
        (unicodedata.category(char) in ("Cc", "Zl", "Zp") and char not in "\n\t")
        or unicodedata.bidirectional(char) in BIDI
        or char in "\u200e\u200f\u061c"
        for char in text
    )


def test_each_control_character_becomes_an_escape():
    text = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    assert not is_safe(text)
    assert is_safe(printable(text))
    # 63 of the 65 characters in Cc, 2 separators, 12 with Bidi_Control; and the backslash itself
    assert printable(text).count("\\") == 63 + 2 + 12 + 1
    assert printable("\x1b\r\x9b\u202e") == r"\x1b\r\x9b\u202e"
    assert printable("é\t博\n😀\u200d\ufeff") == "é\t博\n😀\u200d\ufeff"


def test_each_line_end_becomes_an_escape():
    text = "a" + "b".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    assert len(text.splitlines()) > 10
    assert len(one_line(text).splitlines()) == 1
    assert one_line("a\r\nb\tc\u2028") == r"a\r\nb" + "\tc" + r"\u2028"


def logging_calls():
    """Yields (place, template, arguments) of each message that the toolkit logs."""
    files = [*(ROOT / "finetune").rglob("*.py"), ROOT / "prepare_model.py"]
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = getattr(node.func.value, "id", "")
            if owner in ("_log", "logging") and node.func.attr in (
                "info", "warning", "error", "critical", "debug",
            ):  # fmt: skip
                template = node.args[0]
                assert isinstance(template, ast.Constant), f"{path}:{node.lineno}: not a template"
                yield f"{path.name}:{node.lineno}", template.value, node.args[1:]


CALLS = list(logging_calls())


def test_all_messages_are_found():
    assert len(CALLS) > 60


@pytest.mark.parametrize(("place", "template", "arguments"), CALLS, ids=[c[0] for c in CALLS])
def test_every_message_is_safe_whatever_it_contains(place, template, arguments):
    stream = io.StringIO()
    handler = MessageHandler(stream)
    handler.setFormatter(MessageFormatter("%(message)s"))
    conversions = re.findall(r"%[-+0-9.*]*([a-zA-Z])", template.replace("%%", ""))
    assert len(conversions) == len(arguments)
    values = [
        7 if kind in "dfge" else HOSTILE if isinstance(argument, ast.Call) else ValueError(HOSTILE)
        for kind, argument in zip(conversions, arguments)
    ]
    handler.emit(logging.LogRecord("finetune", logging.INFO, "", 0, template, tuple(values), None))
    text = stream.getvalue()
    assert "title" in text or not set(conversions) & {"s", "r"}
    assert is_safe(text)
    assert text.count("\n") == template.count("\n") + 1


def test_text_that_the_program_laid_out_keeps_its_lines():
    record = logging.LogRecord("", logging.INFO, "", 0, "%s", (Block("a\nb\x1b"),), None)
    assert MessageFormatter("%(message)s").format(record) == "a\nb\\x1b"


def test_only_the_program_lays_out_lines():
    blocks = [
        argument
        for _, _, arguments in CALLS
        for argument in arguments
        if isinstance(argument, ast.Call) and getattr(argument.func, "id", "") == "Block"
    ]
    assert {ast.unparse(block.args[0]) for block in blocks} == {
        "closing.format_summary(summary)", "format_report(report)", "text",
    }  # fmt: skip


def test_nothing_else_writes_to_a_terminal():
    found = set()
    for path in (ROOT / "finetune").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        if re.search(r"\bprint\(|sys\.std(out|err)\.write", re.sub(r'"[^"\n]*"', "", source)):
            found.add(path.relative_to(ROOT / "finetune").as_posix())
    # script.py writes only the program's name and the system's reason; model cards contain code.
    found -= {"util/script.py", "runs/model_card.py"}
    assert found == {
        "runs/cli.py", "runs/check.py", "runs/distribute.py", "output/results.py", "util/log.py",
    }  # fmt: skip
    for name in found:
        for line in (ROOT / "finetune" / name).read_text(encoding="utf-8").splitlines():
            if re.search(r"sys\.std(out|err)\.write\(", line):
                assert "write(printable(" in line


def test_a_traceback_is_safe(capsys):
    hook = sys.excepthook
    try:
        set_up_logging()
        try:
            raise RuntimeError(HOSTILE)
        except RuntimeError as error:
            sys.excepthook(RuntimeError, error, error.__traceback__)
    finally:
        sys.excepthook = hook
    text = capsys.readouterr().err
    assert "title" in text and "Traceback" in text
    assert is_safe(text)
