"""The page: a person types a text with the keyboard and reads the answer."""

import pytest
import requests

from tests.serving.fakes import FakeModel, make_models, serving
from tests.support.browser import browsing

pytestmark = pytest.mark.slow

NASTY = "<img src=x onerror=\"document.title='run'\"> </script>"
RESULT = "document.getElementById('result')"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    models = {**make_models(), 'a "b" <i>': FakeModel("entities")}
    with serving(tmp_path_factory.mktemp("model"), models) as (url, _, _):
        yield url


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with browsing(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture
def page(browser, url):
    browser.complaints.clear()
    browser.open(url)
    yield browser
    assert browser.complaints == []
    assert browser.evaluate("document.title") == "Try the model"  # No text was run.


def choose(page, name):
    """Chooses a model as the browser does it for the arrow keys, and returns to the text."""
    page.evaluate(
        f"{{const names = document.getElementById('model'); names.value = {name!r};"
        "names.dispatchEvent(new Event('change'));"
        "document.querySelector('textarea').focus()}"
    )


def submit(page, *texts):
    """Types texts and submits them with the keyboard; returns the result as text."""
    before = page.evaluate(f"{RESULT}.innerText")
    for number, text in enumerate(texts):
        if number:
            page.press("Tab")
        page.type(text)
    page.press("Enter", control=True)
    return page.wait(f"{RESULT}.innerText != {before!r} && {RESULT}.innerText")


def marked(page):
    """Returns the marked texts; a type follows in parentheses."""
    return page.evaluate(
        "Array.from(document.querySelectorAll('mark'), (mark) => mark.firstChild.data"
        " + (mark.children.length ? ` (${mark.children[0].textContent})` : ''))"
    )


def test_labels_are_shown_as_bars(page):
    assert submit(page, "good").split() == ["✓", "good", "75.0%", "bad", "25.0%"]
    widths = "Array.from(document.querySelectorAll('.bar'), (bar) => bar.style.width)"
    assert page.evaluate(widths) == ["75%", "25%"]


def test_button_is_reached_with_the_tab_key(page):
    page.type("x")
    page.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Predict"
    page.press("Enter")
    assert page.wait(f"{RESULT}.innerText").split()[:3] == ["✓", "bad", "75.0%"]


def test_model_is_chosen_with_the_arrow_keys(page):
    page.evaluate("document.getElementById('model').focus()")
    page.press("ArrowDown")
    page.press("ArrowDown")
    assert page.evaluate("document.getElementById('model').value") == "pairs"
    page.press("Tab")
    shown = "Array.from(document.querySelectorAll('#texts label'), (label) => label.innerText)"
    assert page.evaluate(shown) == ["First text", "Second text"]
    # The fake model finds "good" in a tuple only if a text is just that.
    assert submit(page, "good", "x").split()[:3] == ["✓", "good", "75.0%"]


def test_several_labels_are_ticked(page):
    choose(page, "topics")
    words = ["✓", "bad", "87.5%", "✓", "good", "87.5%"]
    assert submit(page, "good and bad").split() == words
    page.evaluate("document.querySelector('textarea').value = ''")
    assert submit(page, "neither").split() == ["bad", "12.5%", "good", "12.5%"]


def test_entities_are_marked_and_nothing_is_taken_for_html(page):
    choose(page, "ner")
    text = f"😀 ANNA in {NASTY} PARIS"
    assert submit(page, text).strip() == text.replace("ANNA", "ANNAPER").replace(
        "PARIS", "PARISPER"
    )
    assert marked(page) == ["ANNA (PER)", "PARIS (PER)"]
    choose(page, 'a "b" <i>')
    page.evaluate("document.querySelector('textarea').value = ''")
    assert submit(page, "none").split("\n")[0] == "No entities were found."


def test_answer_is_marked_in_its_context(page):
    choose(page, "qa")
    assert submit(page, "Anna", "😀 Where is Anna?").split("\n")[0] == "Anna"
    assert marked(page) == ["Anna"]


def test_number_and_error_are_shown(page):
    choose(page, "stars")
    assert submit(page, "four") == "4.5"
    assert submit(page, "rejected") != "4.5"
    page.evaluate("document.querySelector('textarea').value = ''")
    assert submit(page, "rejected") == "Error: text 1: rejected."
    page.complaints.clear()  # The browser reports the status 400.


def test_page_fits_on_a_phone(browser, url):
    browser.open(url, width=360)
    submit(browser, "good " + "x" * 200)
    assert browser.evaluate("document.scrollingElement.scrollWidth") == 360


def test_browser_may_run_only_the_code_of_the_page(url):
    reply = requests.get(url, timeout=60)
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert "http" not in reply.text.replace("http-equiv", "")  # Nothing is loaded from elsewhere.
