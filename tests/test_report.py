"""report.html: what is in it, and that a browser without a network shows it."""

import html
import os
import re
import shutil
import subprocess

import numpy as np
import pytest
import tiny
from matplotlib import image

import run_classifier
import run_ner
from finetune import evidence, report, report_plots
from finetune.tagged_text import TaggedText

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
NASTY = "<script>document.title='run'</script> & \"$x^2$\" מילה 北京"


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None and not os.environ.get("CI"):
        pytest.skip(f"No browser: none of {', '.join(BROWSERS)} is installed.")
    return found


def look_at(browser, page, folder):
    """Returns the page as a browser has it in the end, what it complains of, and a picture."""
    picture = folder / "page.png"
    flags = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr",
        f"--user-data-dir={folder / 'browser'}", "--window-size=1200,1500",
    ]  # fmt: skip
    url = page.resolve().as_uri()
    shown = subprocess.run(
        [browser, *flags, "--dump-dom", url], capture_output=True, text=True, timeout=120
    )
    subprocess.run(
        [browser, *flags, f"--screenshot={picture}", url], capture_output=True, timeout=120
    )
    complaints = [line for line in shown.stderr.splitlines() if "CONSOLE" in line]
    return shown.stdout, complaints, image.imread(picture)[..., :3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    tiny.write_google_model(folder / "model", num_layers=1)
    return folder


def flags(folder, data, out):
    model = folder / "model"
    return [
        "--do_train", "--do_eval", f"--data_dir={data}", f"--vocab_file={model / 'vocab.txt'}",
        f"--bert_config_file={model / 'bert_config.json'}", "--max_seq_length=16",
        "--train_batch_size=4", "--num_train_epochs=2", "--eval_every=epoch", "--log_steps=1",
        f"--output_dir={out}",
    ]  # fmt: skip


def test_a_browser_shows_the_report_of_a_classifier(folder, browser, tmp_path):
    rows = [f"{label}\t{text}" for text in (NASTY, "a film", "two") for label in ("<b>", "$y$")]
    for split in ("train", "dev"):
        (tmp_path / f"{split}.tsv").write_text("\n".join(["label\ttext", *rows]), encoding="utf-8")
    out = tmp_path / "a <classifier>"
    argv = ["run_classifier.py", "--task_name=multiclass", *flags(folder, tmp_path, out)]
    assert run_classifier.main(argv) == 0

    page, complaints, picture = look_at(browser, out / "report.html", tmp_path)
    assert complaints == []
    # Texts and labels stand there as they are, and are no part of the page.
    assert "<title>a &lt;classifier&gt;: report</title>" in page
    assert "<script" not in page
    assert html.escape(NASTY, quote=False) in page.replace("&nbsp;", " ")
    for title in ("Scores of the dev file", "Most confident mistakes", "Training", "Settings",
                  "Data"):  # fmt: skip
        assert f"<h2>{title}</h2>" in page
    # Bars, confusion matrix, histogram, calibration, four curves, and the scores' course.
    assert page.count("<svg") == 9
    written = set(re.findall(r"<text[^>]*>([^<]*)</text>", page))
    assert {"training", "learning rate", "perfectly calibrated", "&lt;b&gt;", "$y$"} <= written
    assert '<td>learning_rate</td><td class="text">5e-05</td>' in page
    assert picture.shape[:2] == (1500, 1200)
    assert (picture.min(axis=-1) < 0.5).mean() > 0.005  # There is ink,
    assert (picture.min(axis=-1) > 0.99).mean() > 0.5  # and paper.
    _assert_self_contained((out / "report.html").read_text(encoding="utf-8"))


def _assert_self_contained(page):
    assert not re.search(r"(src|href)=\"(?!#|data:)", page)
    assert not re.search(r"@import|url\((?!#)", page)
    # What one plot refers to is its own.
    defined = re.findall(r'id="([^"]+)"', page)
    for name in set(re.findall(r'(?:url\(#|href="#)([^")]+)', page)):
        assert defined.count(name) == 1, name


def test_a_browser_shows_the_report_of_a_tagger(folder, browser, tmp_path):
    sentences = ["Anna B-PER\nlives O\nin O\nParis B-LOC\n", "a O\n<i> O\nfilm O\n"] * 3
    for split in ("train", "dev"):
        (tmp_path / f"{split}.txt").write_text("\n".join(sentences))
    out = tmp_path / "out"
    assert run_ner.main(["run_ner.py", "--task_name=ner", *flags(folder, tmp_path, out)]) == 0
    page, complaints, _ = look_at(browser, out / "report.html", tmp_path)
    assert complaints == []
    assert "<h2>Most confident mistakes</h2>" in page
    assert "<mark>Anna<small>PER</small></mark> lives in <mark>Paris<small>LOC</small></mark>" in (
        page
    )
    assert "<i>" not in page


def test_mistakes_are_the_surest_first_and_have_their_texts():
    logits = np.log([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7]])
    judged = evidence.judge_single(np.array([1, 1, 0, 0]), logits, ["a", "b"])
    assert judged.is_right.tolist() == [False, True, False, False]
    assert judged.confidences == pytest.approx([0.9, 0.8, 0.6, 0.7])
    found = evidence.with_texts(judged, "wxyz", lambda e: f"at {e}", lambda e: [e * 2000])
    assert [(m.place, m.right, m.predicted) for m in found.mistakes] == [
        ("at w", "b", "a"), ("at z", "a", "b"), ("at y", "a", "b"),
    ]  # fmt: skip
    assert [m.confidence for m in found.mistakes] == pytest.approx([0.9, 0.7, 0.6])
    assert found.mistakes[0].texts == [("", [("w" * 1000 + " …", "")])]


def test_of_several_labels_each_is_judged_by_itself():
    logits = np.log([[9.0, 1 / 4], [1 / 9, 4.0]])  # Probabilities 0.9, 0.2; 0.1, 0.8
    judged = evidence.judge_several(np.array([[1, 1], [0, 0]]), logits, ["a", "b"], np.array([0.5]))
    # Of each answer, that a label is there or not, its own probability.
    assert judged.confidences == pytest.approx([0.9, 0.8, 0.9, 0.8])
    assert judged.is_right.tolist() == [True, False, True, False]
    # Of both rows, label b is wrong: with 0.8 that it is not there, and with 0.8 that it is.
    assert [w[:3] for w in judged.wrong] == [(0, "a, b", "a"), (1, "(none)", "b")]
    assert [w.confidence for w in judged.wrong] == pytest.approx([0.8, 0.8])


def test_sentences_of_the_surest_wrong_entities_come_first():
    right = ["B-PER", "O", "B-LOC", "I-LOC"]
    texts = [TaggedText.from_words(str(i), ["Anna", "in", "New", "York"], right) for i in range(3)]
    answers = [
        (right, [1.0] * 4),
        (["B-PER", "O", "B-LOC", "O"], [0.9, 0.9, 0.6, 0.5]),
        (["B-LOC", "O", "B-LOC", "I-LOC"], [0.7, 0.9, 0.6, 0.8]),
    ]
    found = evidence.judge_tags(texts, answers)
    assert found.confidences == pytest.approx([1, 1, 0.9, 0.6, 0.7, 0.7])
    assert found.is_right.tolist() == [True, True, True, False, False, True]
    # In text 2, Anna is wrong with 0.7; in text 1, New with 0.6, and New York is not found.
    assert [mistake.place for mistake in found.mistakes] == ["2", "1"]
    (_, gold), (_, predicted) = found.mistakes[1].texts
    assert gold == [("Anna", "PER"), (" in ", ""), ("New York", "LOC")]
    assert predicted == [("Anna", "PER"), (" in ", ""), ("New", "LOC"), (" York", "")]


def test_reliability_by_hand():
    mean, share = report_plots.reliability(
        np.array([0.05, 0.41, 0.45, 1.0, 0.95]), np.array([False, True, False, True, True])
    )
    assert mean == pytest.approx([0.05, 0.43, 0.975])
    assert share == pytest.approx([0.0, 0.5, 1.0])


def test_numbers_and_an_empty_directory_have_a_report_too(tmp_path):
    judged = evidence.judge_numbers(np.array([1.0, 2.0, 4.0]), np.array([1.0, 5.0, 3.5]))
    found = evidence.with_texts(judged, "xyz", str, lambda text: [text, text.upper()])
    report.write(str(tmp_path), metrics=["mse"], scores={"mse": 3.1}, figures="m", evidence=found)
    page = (tmp_path / "report.html").read_text()
    assert "Largest errors" in page
    assert page.index("2 → 5") < page.index("4 → 3.5")
    assert "1 → 1" not in page
    assert page.count("<svg") == 1
    _assert_self_contained(page)
