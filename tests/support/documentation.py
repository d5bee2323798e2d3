"""Commands, Python snippets and other code in the project's Markdown pages."""

import functools
import pathlib
import re
from typing import Iterator, List, NamedTuple, Tuple

from tests.support import ROOT

# CHANGELOG.md is not among them: it quotes earlier versions.
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "benchmarks/README.md",
    "data/README.md",
    "model_dir/README.md",
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
)

_PROGRAM = re.compile(r"((python|bash|taskset|tensorboard|nvidia-smi|uv|pip|git)(\s|$)|\.\s)")


class Code(NamedTuple):
    """A piece of code and its place."""

    page: str
    line: int
    text: str

    @property
    def where(self) -> str:
        """The place, as messages name it."""
        return f"{self.page}:{self.line}"


class _Page(NamedTuple):
    fences: List[Tuple[str, Code]]  # The language of each, and its lines
    indented: List[Code]
    spans: List[Code]  # In prose and tables


@functools.lru_cache(maxsize=None)
def _page(page: str) -> _Page:
    return _parse(page, (ROOT / page).read_text(encoding="utf-8"))


def _parse(page: str, text: str) -> _Page:
    fences, blocks, prose = [], [], []
    language, was_blank, in_block = None, True, False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            if language is None:
                language = line[3:].strip()
                fences.append((language, Code(page, number + 1, "")))
            else:
                language = None
        elif language is not None:
            code = fences[-1][1]
            fences[-1] = (language, code._replace(text=f"{code.text}{line}\n"))
        elif line.startswith("    ") and (was_blank or in_block):
            if not in_block:
                blocks.append(Code(page, number, ""))
                in_block = True
            blocks[-1] = blocks[-1]._replace(text=f"{blocks[-1].text}{line[4:]}\n")
            continue
        else:
            assert "```" not in line, f"{page}:{number}: a fence must not be indented"
            prose.append((number, line))
        in_block, was_blank = False, not line.strip()
    assert language is None, f"{page}: a fence is not closed"
    return _Page(fences, blocks, list(_spans(page, prose)))


def _spans(page: str, prose: List[Tuple[int, str]]) -> Iterator[Code]:
    numbers = [number for number, _ in prose]
    text = "\n".join(line for _, line in prose)
    for match in re.finditer(r"`([^`]+)`", text):
        number = numbers[text.count("\n", 0, match.start())]
        yield Code(page, number, " ".join(match[1].replace("\\|", "|").split()))


def _lines(block: Code) -> Iterator[Code]:
    """Yields the commands of a block: lines joined at backslashes, without comments."""
    joined, start = "", 0
    for i, line in enumerate(block.text.splitlines()):
        if not joined:
            start = block.line + i
        joined += line
        if joined.endswith("\\"):
            joined = joined[:-1].rstrip() + " "
            continue
        command = " ".join(re.sub(r"\s#\s.*", "", joined).split())
        if command:
            yield Code(block.page, start, command)
        joined = ""


def commands(page: str) -> List[Code]:
    """Returns the shell commands of a page, in their order."""
    return commands_in((ROOT / page).read_text(encoding="utf-8"), page)


def commands_in(text: str, page: str) -> List[Code]:
    """Returns the shell commands of a text in Markdown, in their order.

    Indented blocks and fences of bash contain nothing but commands; in prose and tables, a
    command is code that starts with a program's name.

    Args:
      text: The text.
      page: Its name in messages.
    """
    parsed = _parse(page, text)
    blocks = [*parsed.indented, *(code for language, code in parsed.fences if language == "bash")]
    found = [command for block in blocks for command in _lines(block)]
    found += [span for span in parsed.spans if _PROGRAM.match(span.text)]
    return sorted(found, key=lambda code: code.line)


def python_snippets(page: str) -> List[Code]:
    """Returns the fenced blocks of Python."""
    return [code for language, code in _page(page).fences if language == "python"]


def indented(page: str) -> List[Code]:
    """Returns the indented blocks."""
    return list(_page(page).indented)


def spans(page: str) -> List[Code]:
    """Returns the code in prose and tables."""
    return list(_page(page).spans)


def links(page: str) -> List[Tuple[int, str]]:
    """Returns the line and the target of each link and picture."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        (text.count("\n", 0, match.start()) + 1, match[1])
        for match in re.finditer(r"(?:\]\(|<img src=\")([^)\s\"]+)", text)
    ]


def anchors(path: pathlib.Path) -> List[str]:
    """Returns the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
