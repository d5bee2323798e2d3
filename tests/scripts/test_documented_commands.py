"""Every command and Python snippet in the README and in docs/ runs, on tiny files.

The commands of a page run in order, in one folder, because they build on each other.
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
from typing import Dict, List, NamedTuple

import pytest

import processors
from finetune.runs.grid import parse_grid
from processors import InputExample, TaggedText
from tests.support import ROOT, tiny
from tests.support.commands import ANSWERER, CLASSIFIER, TAGGER, run, standard_input
from tests.support.documentation import PAGES, Code, commands, commands_in, python_snippets
from tests.support.files import (
    read_json,
    read_jsonl,
    read_results,
    write,
    write_csv,
    write_json,
    write_tsv,
)

# Commands that no test can run, and why.
NOT_RUN = {
    "git clone <this repository> && cd <its folder>": "needs a network",
    ". .venv/bin/activate": "the tests run inside an environment already",
    "bash scripts/test.sh": "runs all tests",
    "bash scripts/test.sh --fast": "runs many tests",
    ".venv/bin/python -m pytest tests/data/test_columns.py -q": "runs tests",
    "python scripts/make_flags_page.py": "rewrites docs/flags.md; test_flags.py compares it",
    "python scripts/make_pictures.py": "needs a browser and a downloaded model",
    "python prepare_model.py": "downloads a model",
    "python prepare_model.py bert-base-uncased --model_dir=model_dir/base": "downloads a model",
    'python -m pip install "tensorflow[and-cuda]>=2.15,<2.16"': "downloads packages",
    "pip install -c constraints.txt -r requirements-tokenizers.txt": "downloads packages",
    "pip install -c constraints.txt -r requirements-ray.txt": "downloads packages",
    "python distribute.py --num_workers=2 -- run_classifier.py --do_train --train_file=reviews.csv "
    "--model_dir=model_dir --output_dir=/tmp/reviews": "needs Ray; test_distribute.py runs it",
    "python benchmarks/distributed.py --train_file FILE --model_dir DIR": "needs data",
    "python benchmarks/distributed_faults.py": "takes a quarter of an hour",
    "python benchmarks/remote_faults.py": "downloads packages and takes many minutes",
    "pip install -r benchmarks/requirements-remote.txt": "downloads packages",
    "pip install tensorflow-io==0.36.0": "downloads a package",
    "python run_classifier.py --do_train --train_file=reviews.csv --model_dir=model_dir "
    "--output_dir=gs://my-bucket/reviews": "needs a bucket; see test_remote_output.py",
    "python run_classifier.py --do_predict --predict_file=new.csv "
    "--output_dir=gs://my-bucket/reviews": "needs a bucket; see test_remote_output.py",
    "nvidia-smi": "needs a GPU",
    "tensorboard --logdir=/tmp/reviews": "a server, which runs until it is stopped",
    "taskset -c 0 python run_classifier.py …": "only shows how to prefix a command",
    "python benchmarks/quality.py --data_dir DIR": "needs data sets, downloads and hours",
    "python benchmarks/speed_qa_decoding.py --data_file DIR/squad/dev.json --peer_python PYTHON": (
        "needs data sets, and the environment of a peer"
    ),
    "python benchmarks/speed.py --data_dir DIR": "needs data sets, downloads and an hour",
    "python benchmarks/speed_qa.py --data_dir DIR": "needs data sets, downloads and minutes",
    "python benchmarks/speed_serving.py --data_dir DIR --output_dir OUTPUT_DIR": "needs data",
    "python benchmarks/speed_onnx.py --data_dir DIR --output_dir OUTPUT_DIR": "needs data",
    "python benchmarks/agreement.py --output_dir OUTPUT_DIR --file FILE": "needs a model",
    "python benchmarks/serving_load.py --data_dir DIR --output_dir OUTPUT_DIR": "needs data",
    "python benchmarks/speed_grouping.py --train_file FILE --model_dir model_dir": "needs data",
    "python benchmarks/natural_text.py --model OUTPUT_DIR --conll dev.txt": "needs sacremoses",
    "pip install sacremoses==0.1.1": "downloads a package",
    "pip install -e .": "changes the environment",
    "pip install -c constraints.txt -r requirements-serve.txt": "downloads packages",
    "pip install -c constraints.txt -r requirements-export.txt": "downloads packages",
    "pip install -c constraints.txt -r requirements-onnx.txt": "downloads packages",
    "python export_model.py --output_dir=/tmp/ner_output --to=onnx --export_dir=tagger_onnx": (
        "see test_export_onnx.py"
    ),
    "python export_model.py --output_dir=/tmp/reviews --to=onnx --export_dir=reviews_onnx": (
        "see test_export_onnx.py"
    ),
    "python export_model.py --output_dir=/tmp/reviews --to=onnx --export_dir=reviews_int8 "
    "--quantize=int8": "see test_export_onnx.py",
    "python export_model.py --output_dir=/tmp/reviews --to=saved_model --export_dir=reviews": (
        "see test_export_saved_model.py"
    ),
    "python serve.py /tmp/reviews names=/tmp/ner_output --port=8501": "a server; see test_serve.py",
    "python benchmarks/growth.py --data_dir DIR": "takes many minutes",
    "python benchmarks/hugging_face.py": "downloads packages",
    "python benchmarks/hugging_face_training.py [FOLDER ...]": "takes a quarter of an hour",
    "python benchmarks/rampart.py": "downloads packages and a model",
    "python benchmarks/google_tests.py": "downloads Google's code",
}

# Smaller values of flags, for commands that would run for too long.
CUT = {"grid": "learning_rate=2e-5,5e-5", "num_trials": "1"}

MODEL_FLAGS = {
    "vocab_file": "model_dir/vocab.txt",
    "bert_config_file": "model_dir/bert_config.json",
    "init_checkpoint": "model_dir/bert_model.ckpt",
}
ACTIONS = ("do_train", "do_eval", "do_predict", "do_embed", "do_check")
# The files that a flag promises in the output directory
RESULTS = {
    "do_train": ["run.json", "vocab.txt", "model.ckpt-*.index", "data_report.json", "report.html"]
    + ["train_log.jsonl", "**/events.out.tfevents.*"],
    "do_eval": ["eval_results.txt", "eval_results.json", "report.html"],
    "do_embed": ["embeddings.npy", "embeddings.tsv"],
    "eval_every": ["best/model.ckpt-*.index"],
    "num_trials": ["trials.txt", "trials.json", "trial-1/report.html"],
}
# The number of texts in each file to predict.
NUM_TEXTS = {"new.csv": 3, "new.tsv": 2, "my_texts.txt": 2, "-": 1, "data": 5, "spam": 3}

WORDS = ("film", "movie", "book", "city", "world", "company", "year", "day", "time", "old")
OPINIONS = [(label, f"a {label} {word}") for word in WORDS for label in ("bad", "good")]
PAIRS = [(str(i % 2), "1", "2", f"a good {word}", f"a {word}") for i, word in enumerate(WORDS)]
PAIRS_HEADER = ("Quality", "#1 ID", "#2 ID", "#1 String", "#2 String")


def write_inputs(folder: pathlib.Path) -> None:
    """Writes the files that the documented commands name."""
    for split, rows in (("train", 24), ("dev", 8), ("test", NUM_TEXTS["data"])):
        lines = (ROOT / "data" / "binary" / f"{split}.tsv").read_text(encoding="utf-8").split("\n")
        write(folder / "data" / "binary" / f"{split}.tsv", "\n".join(lines[: rows + 1]) + "\n")
        sentences = (ROOT / "data" / "ner" / f"{split}.txt").read_text(encoding="utf-8")
        first = sentences.split("\n\n")[:rows]
        write(folder / "data" / "ner" / f"{split}.txt", "\n\n".join(first) + "\n")
        questions = read_json(ROOT / "data" / "qa" / f"{split}.json")
        write_json(folder / "data" / "qa" / f"{split}.json", {"data": questions["data"][:1]})
        write_tsv(folder / "glue" / "MRPC" / f"{split}.tsv", PAIRS, PAIRS_HEADER)
    qas = questions["data"][0]["paragraphs"][0]["qas"]
    for name, value in (("answers.json", "Anna"), ("na_probs.json", 0.25)):
        write_json(folder / name, {f"albert-einstein-{i + 1}": value for i in range(len(qas))})
    texts = [text for _, text in OPINIONS]
    reviews = [(i, text, label) for i, (label, text) in enumerate(OPINIONS)]
    write_csv(folder / "reviews.csv", reviews, ("id", "review", "stars"))
    write_csv(folder / "new.csv", [(text,) for text in texts[: NUM_TEXTS["new.csv"]]], ("review",))
    unlabelled = [pair[1:] for pair in PAIRS[: NUM_TEXTS["new.tsv"]]]
    write_tsv(folder / "new.tsv", unlabelled, PAIRS_HEADER[1:])
    write(folder / "my_texts.txt", "Anna lives in Paris .\nPeter works in London .\n")
    write_csv(folder / "tweets.csv", [row[1:] for row in reviews], ("tweet", "mood"))
    first, *others = [(label, "7", text) for label, text in OPINIONS]
    write_tsv(folder / "old.tsv", others, first)
    write_tsv(folder / "SMSSpamCollection", OPINIONS[1:], OPINIONS[0])
    trec = "".join(f"{label.upper()}:x {text}\n" for label, text in OPINIONS)
    write(folder / "train_5500.label", trec)
    news = [(1 + i % 2, "Title", text) for i, (_, text) in enumerate(OPINIONS)]
    write_csv(folder / "agnews.csv", news[1:], news[0])
    write(folder / "classes.txt", "1 World\n2 Sports\n")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with a tiny model, small data and the other files that commands name."""
    folder = tmp_path_factory.mktemp("inputs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "POSITIONS", 256)
        tiny.write_google_model(folder / "model_dir", num_layers=1)
    write_inputs(folder)
    (folder / "path" / "to").mkdir(parents=True)
    shutil.make_archive(str(folder / "path" / "to" / "folder_or"), "zip", folder / "model_dir")
    fine_tuned = ROOT / "tests" / "golden" / "hugging_face" / "bert_pair"
    shutil.copytree(fine_tuned, folder / "path" / "to" / "finbert")
    return folder


@pytest.fixture
def workplace(inputs, tmp_path, monkeypatch):
    """A copy of `inputs`, which is the current folder."""
    folder = shutil.copytree(inputs, tmp_path / "work")
    monkeypatch.chdir(folder)
    return folder


class Prepared(NamedTuple):
    """A documented command, made ready to run in this process."""

    arguments: List[str]  # The script, or -c, and the arguments after it
    flags: Dict[str, str]
    typed: str  # Its standard input


def prepare(text: str, temporary: pathlib.Path) -> Prepared:
    """Fills in the parts of a command that readers replace, "…" and $GLUE_DIR, and moves /tmp."""
    text = text.replace("$GLUE_DIR", "glue").replace("/tmp/", f"{temporary}/")
    typed, pipe, command = text.rpartition(" | ")
    program, *arguments = shlex.split(command)
    assert program == "python", text
    echo, *words = shlex.split(typed) or ["echo"]
    assert echo == "echo", text
    flags = dict(re.findall(r"^--(\w+)=?(.*)$", argument)[0] for argument in arguments[1:]
                 if argument.startswith("--"))  # fmt: skip
    flags = {name: MODEL_FLAGS[name] if value == "…" else value for name, value in flags.items()}
    others = [argument for argument in arguments if not argument.startswith("--")]
    if "…" in others:
        others.remove("…")
        flags.update(what_is_left_out(flags, temporary))
    flags.update({name: CUT[name] for name in flags if name in CUT})
    options = [f"--{name}={value}" if value else f"--{name}" for name, value in flags.items()]
    return Prepared([*others, *options], flags, " ".join(words) + "\n" if pipe else "")


def what_is_left_out(flags: Dict[str, str], temporary: pathlib.Path) -> Dict[str, str]:
    """Returns the flags that "…" stands for."""
    left_out = dict(MODEL_FLAGS)
    if "train_file" not in flags:
        left_out.update(task_name="binary", data_dir="data")
    if not any(action in flags for action in ACTIONS):
        left_out.update(do_check="true")
    elif "output_dir" not in flags:
        left_out.update(output_dir=str(temporary / f"out-{len(os.listdir(temporary))}"))
    return left_out


def run_command(code: Code, temporary: pathlib.Path, capsys) -> None:
    """Runs a command and checks that it writes what it promises."""
    if code.text == "bash scripts/quickstart.sh":
        printed = run_quickstart()
        for command in filter(is_run, commands_in(printed, "scripts/quickstart.sh")):
            run_command(command, temporary, capsys)
        return
    arguments, flags, typed = prepare(code.text, temporary)
    capsys.readouterr()
    if arguments[0] == "-c":
        exec(arguments[1], {})
        assert capsys.readouterr().out.startswith("["), code.where  # A list of GPUs
        return
    with standard_input(write(temporary / "typed.txt", typed)):
        status = run(*arguments)
    output = capsys.readouterr()
    assert status == 0, f"{code.where}: {code.text}\n{output.err[-2000:]}"
    if arguments[0] == "prepare_model.py":
        folder = pathlib.Path(flags.get("model_dir") or flags["output_dir"])
        written = "run.json" if "output_dir" in flags else "bert_model.ckpt.index"
        assert {"vocab.txt", "bert_config.json", written} <= set(os.listdir(folder))
    elif arguments[0] == "export_model.py":
        assert {"config.json", "model.safetensors"} <= set(os.listdir(flags["export_dir"]))
    elif {"help", "helpfull"} & set(flags):
        assert "--learning_rate\n" in output.out
        assert ("--adam_bias_correction\n" in output.out) == ("helpfull" in flags)
    else:
        check_results(arguments[0], flags, output.out)


def run_quickstart() -> str:
    """Runs scripts/quickstart.sh in the current folder, with this process's environment.

    The model must already be in the folder.

    Returns:
      The script's output.
    """
    for name in ("finetune", CLASSIFIER, TAGGER, ANSWERER, "constraints.txt"):
        pathlib.Path(name).symlink_to(ROOT / name)
    for name in ("scripts", "requirements.txt"):
        pathlib.Path(name).symlink_to(ROOT / name)
    python = write(pathlib.Path(".venv/bin/python"), f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    stamp = "cat constraints.txt requirements.txt requirements.txt | cksum | tr ' ' '-'"
    subprocess.run(["bash", "-c", f"touch .venv/installed-$({stamp})"], check=True)
    done = subprocess.run(["bash", "scripts/quickstart.sh"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    first_rows = pathlib.Path("output/quickstart_binary/test_results.tsv").read_text().split("\n")
    assert "\n".join(first_rows[:6]) in done.stdout
    assert done.stdout.count('{"guid": "test-') == 4
    assert '\n    "mozart-6": "' in done.stdout
    return done.stdout


def check_results(script: str, flags: Dict[str, str], printed: str) -> None:
    """Checks that a script has written the files that its flags ask for."""
    if "do_check" in flags:
        assert printed.startswith("***** Data *****\n") and "Suggestion: " in printed
        return
    folder = pathlib.Path(flags["output_dir"])
    expected = [pattern for flag in RESULTS if flag in flags for pattern in RESULTS[flag]]
    num_parts = len(flags["split"].split(":")) if "split" in flags else 0
    expected += [f"split/{name}.jsonl" for name in ("train", "dev", "test")[:num_parts]]
    if "predictions_file" in flags:  # Scores without a model
        expected.remove("report.html")
    for pattern in expected:
        assert list(folder.glob(pattern)), f"no {pattern} in {sorted(os.listdir(folder))}"
    if "do_predict" in flags:
        check_predictions(script, folder, flags)


def check_predictions(script: str, folder: pathlib.Path, flags: Dict[str, str]) -> None:
    """Checks that there is a result for each text in the input."""
    source = flags.get("predict_file") or flags.get("data_dir") or folder.name
    if script == ANSWERER:
        rows = read_jsonl(folder / "test_results.jsonl")
        if source != "-":
            answers = read_json(folder / "predictions.json")
            assert [row["answer"] for row in rows] == list(answers.values())
        assert len(rows) == (6 if "data/qa" in source else 1)
        return
    if script == TAGGER:
        rows = read_jsonl(folder / "test_results.jsonl")
        assert all({"guid", "text", "entities"} <= set(row) for row in rows)
    else:
        rows = read_results(folder)
        assert all(row["prediction"] for row in rows)
    assert len(rows) == NUM_TEXTS[source]


def is_run(code: Code) -> bool:
    """Returns whether the tests run a command."""
    return code.text not in NOT_RUN


@pytest.mark.parametrize("page", [page for page in PAGES if any(map(is_run, commands(page)))])
def test_the_commands_of_a_page_run(page, workplace, tmp_path, capsys):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    for code in filter(is_run, commands(page)):
        run_command(code, temporary, capsys)


def test_commands_that_are_not_run_are_documented():
    documented = {code.text for page in PAGES for code in commands(page)}
    assert set(NOT_RUN) <= documented


def test_the_grids_in_the_docs_are_valid():
    grids = [grid for page in PAGES for code in commands(page)
             for grid in re.findall(r'--grid="(.+?)"', code.text)]  # fmt: skip
    assert [len(parse_grid(grid)) for grid in grids] == [8]


class Documented(NamedTuple):
    """Data that a class in the docs reads."""

    content: str
    expected: List[object]
    to_predict: str = ""  # Rows without labels, which follow the content


PROCESSORS_OF_DOCS = {
    "EmotionProcessor": Documented(
        "i am sad;sadness\nso; happy;joy\n",
        [
            InputExample("dev-1", "i am sad", None, "sadness", "dev.x:1"),
            InputExample("dev-2", "so; happy", None, "joy", "dev.x:2"),
        ],
    ),
    "MrpcProcessor": Documented(
        "Quality\t#1 String\t#2 String\n1\tA day.\tOne day.\n",
        [InputExample("dev-2", "A day.", "One day.", "1", "dev.x:2")],
    ),
    "SlashProcessor": Documented(
        "Anna/B-PER lives/O\n",
        [
            TaggedText.from_words("dev-1", ["Anna", "lives"], ["B-PER", "O"], "dev.x:1"),
            TaggedText.from_words("dev-2", ["Anna", "lives"], None, "dev.x:2"),
        ],
        "Anna lives\n",
    ),
}


def classes_of_docs() -> Dict[str, Code]:
    """Returns the snippets that define a class, by the class's name."""
    snippets = [code for page in PAGES for code in python_snippets(page)]
    matches = ((re.match(r"class (\w+)", code.text), code) for code in snippets)
    return {match[1]: code for match, code in matches if match}


def test_the_classes_in_the_docs_read_their_data(workplace, monkeypatch, capsys):
    found = classes_of_docs()
    assert set(found) == set(PROCESSORS_OF_DOCS)
    for name, (content, expected, to_predict) in PROCESSORS_OF_DOCS.items():
        namespace = dict(vars(processors))
        exec(found[name].text, namespace)
        processor = namespace[name]()
        write(pathlib.Path("dev.x"), content + to_predict)
        assert list(processor.read_examples("dev.x", "dev")) == expected, found[name].where
        # --task_name only needs a line at the end of processors.py.
        monkeypatch.setitem(processors.PROCESSORS, name.lower(), namespace[name])
        data = workplace / name
        for split, file in processor.files.items():
            write(data / file, content + to_predict if split == "test" else content)
        script = TAGGER if isinstance(processor, processors.NERProcessor) else CLASSIFIER
        flags = {**MODEL_FLAGS, "task_name": name.lower(), "data_dir": data, "do_check": "true"}
        assert run(script, **flags) == 0
        check_results(script, {"do_check": "true"}, capsys.readouterr().out)


def snippets_of(page: str) -> List[str]:
    """Returns the snippets of a page that do not define a class."""
    classes = classes_of_docs().values()
    return [code.text for code in python_snippets(page) if code not in classes]


def test_the_snippet_of_the_drop_in_modules_runs(workplace, capsys):
    (snippet,) = snippets_of("docs/library.md")
    exec(snippet, {})
    # [CLS], the four letters of "what", "a", "day", "!" and [SEP]
    assert capsys.readouterr().out == "(1, 9, 32) (1, 32)\n"


def test_the_snippets_that_load_a_model_run(workplace, tmp_path, capsys):
    flags = {"task_name": "ner", "data_dir": "data", "num_train_epochs": 1.0, "do_train": "true"}
    assert run(TAGGER, **MODEL_FLAGS, **flags, output_dir=tmp_path / "ner_output") == 0
    capsys.readouterr()
    predicting, embedding = snippets_of("docs/python.md")
    exec(embedding, {})
    assert capsys.readouterr().out.startswith("(2, 32) ")
    exec(predicting.replace("/tmp/", f"{tmp_path}/"), {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(".")[0] for line in lines] == [
        "Anna lives in Paris", "Peter works for Siemens"
    ]  # fmt: skip
