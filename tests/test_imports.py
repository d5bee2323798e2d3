"""Folders import only from folders below them; readers, flags and help need no TensorFlow."""

import ast
import fnmatch
import pathlib
import subprocess
import sys

import pytest

from tests.support import ROOT
from tests.support.files import write

# A folder imports only from itself and from folders after it.
FOLDERS = (
    "serving",
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
TASKS = {path.parent.name for path in (ROOT / "finetune" / "tasks").glob("*/__init__.py")}
USER_MODULES = (
    "processors",
    "run_classifier",
    "run_ner",
    "run_squad",
    "prepare_model",
    "serve",
    "distribute",
)


def imported_modules(source):
    """Returns the full names that a module imports; a relative import begins with a dot."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            names += [f"{module}.{alias.name}" for alias in node.names]
    return names


def forbidden_imports(package):
    """Returns "file imports module" for each import in a package that breaks the rule."""
    found = []
    for path in sorted(package.glob("**/*.py")):
        parts = path.relative_to(package).parts
        for name in imported_modules(path.read_text(encoding="utf-8")):
            top, *inner = name.split(".")
            # Relative imports are forbidden too: this function does not resolve them.
            if not top or top in USER_MODULES:
                found.append(f"{'/'.join(parts)} imports {name}")
            if top != "finetune" or len(parts) == 1 or not inner or inner[0] not in FOLDERS:
                continue
            is_upward = FOLDERS.index(inner[0]) < FOLDERS.index(parts[0])
            own_task, other_task = parts[1], inner[1] if len(inner) > 1 else ""
            # A module beside the task folders must not import from one either.
            is_across = other_task in TASKS and own_task != other_task
            if is_upward or (parts[0] == "tasks" == inner[0] and is_across):
                found.append(f"{'/'.join(parts)} imports {name}")
    return found


def test_folders_import_only_from_folders_below_them():
    assert forbidden_imports(ROOT / "finetune") == []


def test_list_of_folders_is_complete():
    folders = {path.parent.name for path in (ROOT / "finetune").glob("*/__init__.py")}
    assert folders == set(FOLDERS)
    assert {"classification", "tagging", "question_answering"} <= TASKS


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("util/files.py", "from finetune.data.lines import read_lines"),
        ("data/lines.py", "from finetune.config import config"),
        ("models/checkpoints.py", "import finetune.runs.train"),
        ("tasks/tagging/metrics.py", "from finetune.tasks.classification.metrics import softmax"),
        ("tasks/task.py", "from finetune.tasks.tagging.tags import is_tag"),
        ("tasks/new_task/head.py", "from finetune.tasks.classification import head"),
        ("runs/run.py", "from processors import PROCESSORS"),
        ("runs/run.py", "import run_ner"),
        ("util/files.py", "from ..data import lines"),
        ("util/files.py", "from . import arrays"),
        ("util/files.py", "def read():\n    from finetune.data import lines"),
    ],
)
def test_import_that_breaks_the_rule_is_found(tmp_path, file, line):
    write(tmp_path / file, f'"""A module."""\n{line}\n')
    (found,) = forbidden_imports(tmp_path)
    assert found.startswith(f"{file} imports ")


def test_drop_in_modules_import_nothing_from_the_project():
    for name in ("modeling", "tokenization", "optimization"):
        source = (ROOT / f"{name}.py").read_text(encoding="utf-8")
        tops = {module.split(".")[0] for module in imported_modules(source)}
        assert not tops & {"finetune", "processors", "modeling", "tokenization", "optimization"}


# Patterns of module names.
NEED_TENSORFLOW = (
    "finetune.data.batches",
    "finetune.models.*",
    "finetune.output.*",
    "finetune.reports.*",
    "finetune.runs.*",
    "finetune.tasks.*.head",
    "finetune.tasks.*graph_*",
    "finetune.tasks.*saved_model",
    "finetune.tasks.*.task",
    "finetune.tasks.tagging.crf",
    "finetune.training.*",
    "finetune.util.tensorflow_errors",
)
TESTS_NEED_TENSORFLOW = (
    "tests.data.test_batches",
    "tests.tasks.*.test_graph_*",
    "tests.tasks.*.test_task",
    "tests.tasks.tagging.test_crf",
    "tests.tasks.test_heads*",
)
PROPERTY_TESTS = ("flags", "readers_any_content", "readers_round_trip", "splitting", "tags")


def modules_of(pattern, exceptions):
    """Returns the names of the modules whose path matches a pattern, without exceptions."""
    paths = (path.relative_to(ROOT).with_suffix("") for path in sorted(ROOT.glob(pattern)))
    names = (".".join(path.parts) for path in paths if path.name != "__init__")
    return [name for name in names if not any(fnmatch.fnmatchcase(name, e) for e in exceptions)]


def first_that_imports_tensorflow(modules):
    """Imports modules one after another; returns the first one that imports TensorFlow, or ""."""
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "    if 'tensorflow' in sys.modules:\n        sys.exit(print(name))\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, *modules], cwd=ROOT, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


def test_readers_columns_tags_and_flags_do_not_import_tensorflow():
    modules = modules_of("finetune/**/*.py", NEED_TENSORFLOW)
    assert {"finetune.tasks.tagging.readers", "finetune.data.columns"} < set(modules)
    modules += ["finetune.runs.cli", "processors", "tests.conftest"]
    assert first_that_imports_tensorflow(modules) == ""


def test_tests_of_readers_columns_tags_and_flags_do_not_import_tensorflow():
    modules = [f"tests.properties.test_{name}" for name in PROPERTY_TESTS]
    for folder in ("config", "data", "tasks"):
        modules += modules_of(f"tests/{folder}/**/*.py", TESTS_NEED_TENSORFLOW)
    assert {"tests.tasks.tagging.test_tags", "tests.data.test_columns"} < set(modules)
    assert first_that_imports_tensorflow(modules) == ""


def test_module_that_imports_tensorflow_is_found():
    modules = ["finetune.data.columns", "finetune.data.batches", "finetune.data.tables"]
    assert first_that_imports_tensorflow(modules) == "finetune.data.batches"


def test_help_of_prepare_model_does_not_import_tensorflow():
    code = (
        "import sys, prepare_model\n"
        "try:\n    prepare_model.main(['prepare_model.py', '--help'])\n"
        "except SystemExit as end:\n    assert end.code == 0 and 'tensorflow' not in sys.modules"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True)
    assert process.returncode == 0, process.stderr.decode()
    assert b"usage: prepare_model.py" in process.stdout


@pytest.mark.parametrize("script", ["run_classifier.py", "run_ner.py", "run_squad.py"])
def test_help_does_not_import_tensorflow(script):
    program = pathlib.Path(script).stem
    code = (
        f"import sys, {program}\nstatus = {program}.main(['{script}', '--help'])\n"
        "assert status == 0 and 'tensorflow' not in sys.modules"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True)
    assert process.returncode == 0, process.stderr.decode()
    assert b"usage: python" in process.stdout
