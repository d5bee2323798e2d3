"""Links, flags, paths and quoted messages in the documentation exist."""

import ast
import dataclasses
import re

import pytest
from absl import flags

from finetune.config.command_line import declare_flags
from finetune.tasks.classification.config import ClassifierConfig
from finetune.tasks.question_answering.config import QaConfig
from finetune.tasks.tagging.config import NerConfig
from tests.support import ROOT
from tests.support.documentation import PAGES, anchors, commands, indented, links, spans

LINKING_PAGES = [*PAGES, "CHANGELOG.md"]
TROUBLESHOOTING = "docs/troubleshooting.md"
# Flags of other programs that the pages name.
OTHER_FLAGS = {
    "hypothesis", "use_tpu", "tpu_name", "num_tpu_cores", "verbose_logging", "logdir", "fast"
}  # fmt: skip


@pytest.mark.parametrize("page", LINKING_PAGES)
def test_links_lead_to_files_and_headings(page):
    for line, target in links(page):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), f"{page}:{line}: no file {target}"
        assert not anchor or anchor in anchors(path), f"{page}:{line}: no heading {target}"


def test_the_readme_links_to_every_page_in_docs():
    linked = {target.partition("#")[0] for _, target in links("README.md")}
    assert {page for page in PAGES if page.startswith("docs/")} <= linked


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


@pytest.mark.parametrize("page", PAGES)
def test_an_indented_block_begins_with_a_command(page):
    programs = ("python ", "bash ", "echo ", "git ", "pip ", ".venv/bin/python ", ". ")
    for block in indented(page):
        assert block.text.startswith(programs), f"{block.where}: put other text into a fence"


def declared_flags(config_class):
    values = flags.FlagValues()
    declare_flags(config_class, values)
    return values


def flags_of_other_scripts():
    """Returns the names of all flags in the scripts that use argparse."""
    scripts = (
        "prepare_model.py",
        "export_model.py",
        "finetune/serving/command_line.py",
        "finetune/runs/distribute.py",
    )
    sources = [*(ROOT / name for name in scripts), *(ROOT / "benchmarks").glob("*.py")]
    texts = [path.read_text(encoding="utf-8") for path in sources]
    return {name for text in texts for name in re.findall(r"\(\s*\"--(\w+)\"", text)}


def test_flags_in_the_pages_exist():
    configs = (ClassifierConfig, NerConfig, QaConfig)
    known = {field.name for config in configs for field in dataclasses.fields(config)}
    known |= OTHER_FLAGS | flags_of_other_scripts() | {"help", "helpfull"}
    for page in PAGES:
        for code in (*spans(page), *commands(page)):
            unknown = set(re.findall(r"--(\w+)", code.text)) - known
            assert not unknown, f"{code.where}: {unknown}"


@pytest.mark.parametrize("config_class", [ClassifierConfig, NerConfig, QaConfig])
def test_flags_in_the_examples_of_the_help_exist(config_class):
    known = {field.name for field in dataclasses.fields(config_class)}
    for _, example in config_class.examples:
        assert set(re.findall(r"--(\w+)", example)) <= known


def accepts(values, name, text):
    """Returns whether a flag accepts a value."""
    try:
        values[name].parse(text)
    except flags.Error:
        return False
    return True


def test_values_of_flags_in_the_prose_are_accepted():
    declared = [declared_flags(cls) for cls in (ClassifierConfig, NerConfig, QaConfig)]
    num_checked = 0
    for page in PAGES:
        for code in spans(page):
            for name, text in re.findall(r"(?:^|\s)--(\w+)=(\S+)", code.text):
                if text.endswith("…") or text.startswith("…"):
                    continue
                users = [values for values in declared if name in values]
                assert not users or any(accepts(v, name, text) for v in users), code
                num_checked += len(users) > 0
    assert num_checked > 50


def test_paths_in_the_pages_exist():
    bases = (ROOT, ROOT / "finetune")
    folders = {path.name for base in bases for path in base.iterdir() if path.is_dir()}
    for page in PAGES:
        for code in spans(page):
            match = re.fullmatch(r"([\w.-]+)/[\w./*-]*\.(py|sh|md)", code.text)
            if match and match[1] in folders:
                assert any(any(base.glob(code.text)) for base in bases), code


def messages():
    """Returns the strings in the code except docstrings; in f-strings, each value is {}."""
    paths = [*ROOT.glob("*.py"), *(ROOT / "finetune").rglob("*.py")]
    found = [(ROOT / "scripts" / "environment.sh").read_text(encoding="utf-8")]
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "{}"
                         for part in node.values)  # fmt: skip
                found.append("".join(parts))
            elif isinstance(node, ast.Constant) and id(node) not in docstrings:
                found.append(str(node.value))
    return found


def explained_messages():
    """Returns the fragments of messages that troubleshooting.md explains, in its order."""
    text = (ROOT / TROUBLESHOOTING).read_text(encoding="utf-8")
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


def test_explained_messages_occur_in_the_code():
    known = messages()
    fragments = explained_messages()
    assert len(fragments) > 20
    for fragment in fragments:
        assert any(fragment in message for message in known), fragment


def test_explained_messages_are_in_alphabetical_order():
    fragments = explained_messages()
    assert fragments == sorted(fragments, key=str.casefold)
