"""Imports go one way, and what needs no TensorFlow does not import it."""

import ast
import pathlib
import subprocess
import sys

import pytest

from tests.support import ROOT

# A folder imports only from itself and from those after it.
FOLDERS = (
    "runs",
    "reports",
    "tasks",
    "training",
    "output",
    "models",
    "config",
    "data",
    "util",
)
TASKS = ("classification", "tagging")
NOT_FOR_THE_MACHINERY = ("processors", "run_classifier", "run_ner", "prepare_model")


def imported_modules(source):
    """Returns the full names of the modules and names that a module imports."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def forbidden_imports(package):
    """Returns "file imports module" for each import that breaks the rule, in a package's folder."""
    found = []
    for path in sorted(package.glob("**/*.py")):
        parts = path.relative_to(package).parts
        for name in imported_modules(path.read_text(encoding="utf-8")):
            top, *inner = name.split(".")
            if top in NOT_FOR_THE_MACHINERY:
                found.append(f"{'/'.join(parts)} imports {name}")
            if top != "finetune" or len(parts) == 1 or not inner or inner[0] not in FOLDERS:
                continue
            is_upward = FOLDERS.index(inner[0]) < FOLDERS.index(parts[0])
            own_task, other_task = parts[1], inner[1] if len(inner) > 1 else ""
            is_across = own_task in TASKS and other_task in TASKS and own_task != other_task
            if is_upward or (parts[0] == "tasks" == inner[0] and is_across):
                found.append(f"{'/'.join(parts)} imports {name}")
    return found


def test_folders_import_only_from_those_below_them():
    assert forbidden_imports(ROOT / "finetune") == []


def test_every_folder_is_in_the_order():
    folders = {path.parent.name for path in (ROOT / "finetune").glob("*/__init__.py")}
    assert folders == set(FOLDERS)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("util/files.py", "from finetune.data.lines import read_lines"),
        ("data/lines.py", "from finetune.config import config"),
        ("models/checkpoints.py", "import finetune.runs.train"),
        ("tasks/tagging/metrics.py", "from finetune.tasks.classification.metrics import softmax"),
        ("runs/run.py", "from processors import PROCESSORS"),
        ("runs/run.py", "import run_ner"),
    ],
)
def test_an_import_that_breaks_the_rule_is_found(tmp_path, file, line):
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(f'"""A module."""\n{line}\n', encoding="utf-8")
    (found,) = forbidden_imports(tmp_path)
    assert found.startswith(f"{file} imports ")


def test_the_drop_in_modules_import_nothing_of_the_project():
    for name in ("modeling", "tokenization", "optimization"):
        source = (ROOT / f"{name}.py").read_text(encoding="utf-8")
        tops = {module.split(".")[0] for module in imported_modules(source)}
        assert not tops & {"finetune", "processors", "modeling", "tokenization", "optimization"}


WITHOUT_TENSORFLOW = (
    "finetune.data.columns, finetune.data.tables, finetune.data.json_lines, finetune.data.sources, "
    "finetune.data.splitting, finetune.data.truncation, finetune.data.row_order, "
    "finetune.tasks.classification.readers, finetune.tasks.classification.processor, "
    "finetune.tasks.tagging.readers, finetune.tasks.tagging.tags, "
    "finetune.tasks.classification.config, finetune.tasks.tagging.config, "
    "finetune.config.command_line, finetune.runs.cli, processors, tests.conftest"
)


def test_readers_columns_tags_and_flags_do_not_import_tensorflow():
    program = f"import sys\nimport {WITHOUT_TENSORFLOW}\nassert 'tensorflow' not in sys.modules"
    process = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True)
    assert process.returncode == 0, process.stderr.decode()


@pytest.mark.parametrize("script", ["run_classifier.py", "run_ner.py"])
def test_help_does_not_import_tensorflow(script):
    program = pathlib.Path(script).stem
    code = (
        f"import sys, {program}\nstatus = {program}.main(['{script}', '--help'])\n"
        "assert status == 0 and 'tensorflow' not in sys.modules"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True)
    assert process.returncode == 0, process.stderr.decode()
    assert b"usage: python" in process.stdout
