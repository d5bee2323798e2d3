"""report.html: what it shows, and that a browser without a network displays it."""

import html
import os
import re
import shutil
import subprocess

import numpy as np
import pytest
from matplotlib import image

from finetune.data.processor import InputExample
from finetune.reports import html_report, plots
from finetune.tasks.classification import mistakes
from tests.support.commands import CLASSIFIER, TAGGER, run
from tests.support.files import write, write_tsv

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
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
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None and not os.environ.get("CI"):
        pytest.skip(f"No browser: none of {', '.join(BROWSERS)} is installed.")
    return found


def display(browser, page, folder):
    """Returns the page as the browser renders it, the browser's complaints, and a picture."""
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
    # Texts and labels are shown as they are, and never act as HTML.
    assert "<title>a &lt;classifier&gt;: report</title>" in page
    assert "<script" not in page
    assert html.escape(NASTY, quote=False) in page.replace("&nbsp;", " ")
    for title in ("Scores on the dev file", "Most confident mistakes", "Training", "Settings",
                  "Data"):  # fmt: skip
        assert f"<h2>{title}</h2>" in page
    # Bars, confusion matrix, histogram, calibration, four curves, and the dev metrics.
    assert page.count("<svg") == 9
    words = set(re.findall(r"<text[^>]*>([^<]*)</text>", page))
    assert {"training", "Learning rate", "perfectly calibrated", "&lt;b&gt;", "$y$"} <= words
    assert {"Confidence", "Calibration", "true label"} <= words
    assert '<td>learning_rate</td><td class="text">5e-05</td>' in page
    assert re.search(r"<p>Best model: step [24]\.</p>", page)
    assert picture.shape[:2] == (1500, 1200)
    assert (picture.min(axis=-1) < 0.5).mean() > 0.005  # Some of it is dark,
    assert (picture.min(axis=-1) > 0.99).mean() > 0.5  # and most of it is white.
    _assert_self_contained((out / "report.html").read_text(encoding="utf-8"))


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
    assert "<h2>Most confident mistakes</h2>" in page
    marked = "<mark>Anna<small>PER</small></mark> lives in <mark>Paris<small>LOC</small></mark>"
    assert marked in page
    assert "<i>" not in page


def test_reliability_by_hand():
    mean, correct = plots.reliability(
        np.array([0.05, 0.41, 0.45, 1.0, 0.95]), np.array([False, True, False, True, True])
    )
    assert mean == pytest.approx([0.05, 0.43, 0.975])
    assert correct == pytest.approx([0.0, 0.5, 1.0])


def test_regression_in_a_directory_without_a_training_has_a_report(tmp_path):
    review = mistakes.review_regression(np.array([1.0, 2.0, 4.0]), np.array([1.0, 5.0, 3.5]))
    examples = [InputExample(text, text, text.upper(), "0") for text in "xyz"]
    details = mistakes.add_texts(review, examples)
    html_report.write(
        str(tmp_path), metrics=["mse"], scores={"mse": 3.1}, figures="m", details=details
    )
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Largest errors" in page
    assert page.index("2 → 5") < page.index("4 → 3.5")
    assert "1 → 1" not in page
    assert page.count("<svg") == 1
    _assert_self_contained(page)
