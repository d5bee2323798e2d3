"""report.html: its content, and that a browser without a network displays it."""

import html
import re
import subprocess

import numpy as np
import pytest
from matplotlib import image

from finetune.data.processor import InputExample
from finetune.output.score_files import ScoreFiles
from finetune.reports import html_report, plots
from finetune.reports.html_report import ScoredFile
from finetune.tasks.classification import mistakes
from tests.support.browser import find_browser
from tests.support.commands import CLASSIFIER, TAGGER, run
from tests.support.files import write, write_tsv

pytestmark = pytest.mark.slow

NASTY = "<script>document.title='run'</script> & \"$x^2$\" מילה 北京"
FLAGS = {
    "do_train": "true",
    "do_eval": "true",
    "init_checkpoint": None,
    "train_batch_size": 4,
    "learning_rate": 5e-5,
    "num_train_epochs": 2,
    "eval_every": "epoch",
    "log_steps": 1,
}


@pytest.fixture(scope="module")
def browser():
    return find_browser()


def display(browser, page, folder):
    """Returns the page as the browser renders it, the browser's complaints, and a screenshot."""
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


def test_browser_displays_the_report_of_a_classifier(model, browser, tmp_path):
    rows = [(label, text) for text in (NASTY, "a film", "two") for label in ("<b>", "$y$")]
    for split in ("train", "dev"):
        write_tsv(tmp_path / f"{split}.tsv", rows)
    out = tmp_path / "a <classifier>"
    flags = {**FLAGS, "task_name": "multiclass", "data_dir": tmp_path, "output_dir": out}
    assert run(CLASSIFIER, model=model, **flags) == 0

    page, complaints, picture = display(browser, out / "report.html", tmp_path)
    assert complaints == []
    # Texts and labels are shown verbatim, and are never interpreted as HTML.
    assert "<title>a &lt;classifier&gt;: report</title>" in page
    assert "<script" not in page
    assert html.escape(NASTY, quote=False) in page.replace("&nbsp;", " ")
    titles = {
        "scored": f"Scores on {tmp_path / 'dev.tsv'}",
        "mistakes": "Most confident mistakes",
        "curves": "Training",
        "settings": "Settings",
        "data": "Data",
    }
    for name, title in titles.items():  # The contents list and the headings
        assert page.count(f'<a href="#{name}">{title}</a>') == 1
        assert page.count(f'<h2 id="{name}">{title}</h2>') == 1
    # Bars, confusion matrix, histogram, calibration, ROC, precision and recall, four curves, and
    # the dev metrics.
    assert page.count("<svg") == 11
    assert len(set(re.findall(r'<svg[^>]* width="([^"]*)"', page))) == 1
    words = set(re.findall(r"<text[^>]*>([^<]*)</text>", page))
    assert {"training", "Learning rate", "perfectly calibrated", "&lt;b&gt;", "$y$"} <= words
    assert {"Confidence", "Calibration", "gold label"} <= words
    # Settings that differ from their defaults come first; all others are folded.
    shown, _, folded = page.partition("<details>")
    assert '<td>learning_rate</td><td class="text">5e-05</td>' in shown
    assert '<td>warmup_proportion</td><td class="text">0.1</td>' in folded
    assert "<td>warmup_proportion</td>" not in shown
    assert_head(page, out, tmp_path / "dev.tsv")
    assert re.search(r"<p>Best model: step [24]\.</p>", page)
    assert picture.shape[:2] == (1500, 1200)
    assert (picture.min(axis=-1) < 0.5).mean() > 0.005  # Some of it is dark,
    assert (picture.min(axis=-1) > 0.99).mean() > 0.5  # and most of it is white.
    _assert_self_contained((out / "report.html").read_text(encoding="utf-8"))


def assert_head(page, out, scored):
    """Asserts that the head of the page of a classifier contains the closing summary."""
    head = page[page.index('<table class="summary">') : page.index("<nav")]
    texts = dict(re.findall(r'<th scope="row">(.*)</th><td class="text">(.*)</td>', head))
    assert list(texts) == ["macro_f1", "model", "training", "files", "next"]
    number = r"\d(\.\d+)?"
    interval = rf"95% confidence interval( of accuracy)?: {number} to {number}"
    pattern = rf"0\.\d{{4}} on {re.escape(str(scored))} \(6 rows, {interval}\)"
    assert re.fullmatch(pattern, texts["macro_f1"])
    folder = html.escape(str(out))
    assert re.fullmatch(
        rf"{re.escape(folder)}/best/model\.ckpt-[24], the best by macro_f1", texts["model"]
    )
    pattern = rf"6 rows of {re.escape(str(scored.parent))}, 2 epochs, 4 steps in 0:\d\d"
    assert re.fullmatch(pattern, texts["training"])
    assert texts["files"] == f"report.html, eval_results.txt, eval_results.json in {folder}"
    assert texts["next"] == (
        f"python run_classifier.py --do_predict=true '--output_dir={folder}' --predict_file=-"
    )


def _assert_self_contained(page):
    assert not re.search(r"(src|href)=\"(?!#|data:)", page)
    assert not re.search(r"@import|url\((?!#)", page)
    # Each id that a plot refers to is defined once.
    defined = re.findall(r'id="([^"]+)"', page)
    for name in set(re.findall(r'(?:url\(#|href="#)([^")]+)', page)):
        assert defined.count(name) == 1, name


def test_browser_displays_the_report_of_a_tagger(model, browser, tmp_path):
    sentences = ["Anna B-PER\nlives O\nin O\nParis B-LOC\n", "a O\n<i> O\nfilm O\n"] * 3
    for split in ("train", "dev"):
        write(tmp_path / f"{split}.txt", "\n".join(sentences))
    out = tmp_path / "out"
    flags = {**FLAGS, "task_name": "ner", "data_dir": tmp_path, "output_dir": out}
    assert run(TAGGER, model=model, **flags) == 0
    page, complaints, _ = display(browser, out / "report.html", tmp_path)
    assert complaints == []
    assert '<h2 id="mistakes">Most confident mistakes</h2>' in page
    marked = "<mark>Anna<small>PER</small></mark> lives in <mark>Paris<small>LOC</small></mark>"
    assert marked in page
    assert "<i>" not in page


def test_reliability_matches_values_worked_out_by_hand():
    mean, correct, counts = plots.reliability(
        np.array([0.05, 0.41, 0.45, 1.0, 0.95]), np.array([False, True, False, True, True])
    )
    assert mean == pytest.approx([0.05, 0.43, 0.975])
    assert correct == pytest.approx([0.0, 0.5, 1.0])
    assert counts.tolist() == [1, 2, 2]


def test_regression_report_can_be_written_to_a_directory_without_a_training_run(tmp_path):
    review = mistakes.review_regression(np.array([1.0, 2.0, 4.0]), np.array([1.0, 5.0, 3.5]))
    examples = [InputExample(text, text, text.upper(), "0") for text in "xyz"]
    details = mistakes.add_texts(review, examples)
    # The errors are 0, 3 and 0.5.
    scored = ScoredFile(ScoreFiles("dev.tsv"), {"mse": 37 / 12, "mae": 7 / 6}, "m", None, details)
    html_report.write(str(tmp_path), metrics=["mse"], scored=scored)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Largest errors" in page
    assert page.index("2 → 5") < page.index("4 → 3.5")
    assert "1 → 1" not in page
    assert page.count("<svg") == 1
    assert '<td>mse</td><td class="number">3.083</td><td>0 to 9</td>' in page
    assert "Settings" not in page
    _assert_self_contained(page)
