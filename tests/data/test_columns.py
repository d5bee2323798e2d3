"""The text and label columns are found by rules; unclear tables cause an error or a warning."""

import itertools

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from finetune.data.columns import ColumnIndexes, WantedColumns, find_columns
from finetune.data.header_rules import header_warning
from finetune.util.errors import InputError
from tests.support.tables import DATA, rows_of


def find(*rows, need_label=True, **wanted):
    return find_columns(rows_of(*rows), "train.tsv", WantedColumns(**wanted), need_label).indexes


# Tables with a header


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("text|label", ColumnIndexes(True, 0, None, 1)),
        ("label|text", ColumnIndexes(True, 1, None, 0)),
        ("Label | TEXT", ColumnIndexes(True, 1, None, 0)),
        # Names on Kaggle and elsewhere
        ("tweet|class", ColumnIndexes(True, 0, None, 1)),
        ("review|sentiment", ColumnIndexes(True, 0, None, 1)),
        ("Category|Message", ColumnIndexes(True, 1, None, 0)),
        ("id|comment|target", ColumnIndexes(True, 1, None, 2)),
        # GLUE: SST-2, QQP, MNLI, MRPC
        ("sentence|label", ColumnIndexes(True, 0, None, 1)),
        ("id|question1|question2|label", ColumnIndexes(True, 1, 2, 3)),
        ("index|premise|hypothesis|label", ColumnIndexes(True, 1, 2, 3)),
        ("Quality|#1 ID|#2 ID|#1 String|#2 String", ColumnIndexes(True, 3, 4, 0)),
        ("text_a|text_b|label", ColumnIndexes(True, 0, 1, 2)),
        # The only other column
        ("Satz|label", ColumnIndexes(True, 0, None, 1)),
        ("text|Urteil", ColumnIndexes(True, 0, None, 1)),
        ("text|lable", ColumnIndexes(True, 0, None, 1)),
        # Several usual names: the first in the list wins.
        ("title|text|emotion|label|id", ColumnIndexes(True, 1, None, 3)),
        ("text|label|", ColumnIndexes(True, 0, None, 1)),
    ],
)
def test_usual_column_names_are_recognised(header, columns):
    rows = [f"{i}|{'cell|' * (header.count('|') - 1)}{i}" for i in range(5)]
    assert find(header, *rows) == columns


@pytest.mark.parametrize(
    ("header", "wanted", "columns"),
    [
        ("Satz|Urteil|id", {"text": "Satz", "label": "Urteil"}, ColumnIndexes(True, 0, None, 1)),
        ("Satz|Urteil|id", {"text": "Satz", "label": "-1"}, ColumnIndexes(True, 0, None, 2)),
        ("Satz|Urteil|id", {"text": "3", "label": "Satz"}, ColumnIndexes(True, 2, None, 0)),
        ("Satz|Urteil", {"label": "Urteil"}, ColumnIndexes(True, 0, None, 1)),
        ("Satz|Frage|Urteil", {"text": "Satz", "text_b": "Frage", "label": "Urteil"}, (1, 0, 1, 2)),
        ("text|label|topic", {"label": "topic"}, ColumnIndexes(True, 0, None, 2)),
        ("text|label|title", {"text": "title"}, ColumnIndexes(True, 2, None, 1)),
        # A name takes precedence over a number.
        ("2|1|3", {"header": True, "text": "2", "label": "1"}, ColumnIndexes(True, 0, None, 1)),
        ("a|b|c", {"header": True, "text": "2", "label": "1"}, ColumnIndexes(True, 1, None, 0)),
        # If the header has only some of the numbers, none of them is a name.
        ("3|1|x", {"header": True, "text": "2", "label": "3"}, ColumnIndexes(True, 1, None, 2)),
        ("text|3|label", {"text": "1", "label": "3"}, ColumnIndexes(True, 0, None, 2)),
        # pandas numbers columns without names from 0.
        ("0|1|2", {"text": "1", "label": "2"}, ColumnIndexes(True, 1, None, 2)),
    ],
)
def test_columns_of_a_header_can_be_specified_by_name_or_number(header, wanted, columns):
    assert find(header, "one|two|three", "four|five|six", **wanted) == columns


def test_a_header_in_another_language_can_be_declared():
    assert find("Texto|label", *DATA) == ColumnIndexes(True, 0, None, 1)
    assert find("Texto|Etiqueta", *DATA, header=True, label="2") == ColumnIndexes(True, 0, None, 1)
    with pytest.raises(InputError, match=r"train\.tsv:3: no column 'text'.*'Texto', 'Etiqueta'"):
        find("Texto|Etiqueta", *DATA, header=True)


def test_the_label_column_may_be_missing_in_data_to_predict():
    assert find("id|text", "1|one", need_label=False) == ColumnIndexes(True, 1, None, None)
    assert find("text", "one", need_label=False) == ColumnIndexes(True, 0, None, None)
    wanted = {"header": True, "text": "text", "label": "label", "need_label": False}
    assert find("text", "one", **wanted) == ColumnIndexes(True, 0, None, None)
    assert find("id|text|other", "1|one|x", **wanted) == ColumnIndexes(True, 1, None, None)
    assert find("label|id|text", "x|1|one", **wanted) == ColumnIndexes(True, 2, None, 0)


@pytest.mark.parametrize(
    ("header", "wanted", "message"),
    [
        (
            "text|id|lable",
            {},
            "no column 'label' in the header; .*Did you mean 'lable'.*--label_col",
        ),
        (
            "txt|id|label",
            {},
            r"no column 'text' in the header; .*Did you mean 'txt'\? Specify the column with --text_column",  # noqa: E501
        ),
        (
            "text|label",
            {"label": "lable"},
            r"no column 'lable'.*'text', 'label'\. Did you mean 'label'",
        ),
        ("text|label", {"text": "Text"}, r"no column 'Text'.*Did you mean 'text'\?"),
        (
            "text|label",
            {"text_b": "other"},
            r"no column 'other'.*'text', 'label'\. Specify the column with --text_b_column",
        ),
        ("a|b|c", {"header": True}, r"no column 'text'.*'a', 'b', 'c'.*use --header=false"),
        ("text|label", {"label": "3"}, r"--label_column=3, but there are 2 columns"),
        ("text|label", {"text": "0", "label": "label"}, "--text_column=0, but there are 2"),
        ("text|label", {"text_b": "-3", "header": True}, "--text_b_column=-3, but there are 2"),
        ("text|text|label", {}, "the header names a column twice, 'text': text, text, label"),
        ("text|label\rgood|pos\r", {}, "a CR inside the line"),
    ],
)
def test_a_missing_column_raises_an_error_that_lists_the_columns(header, wanted, message):
    rows = (header, "one|two|three", "four|five|six")
    with pytest.raises(InputError, match=r"^train\.tsv:3: " + message):
        find(*rows, **wanted)


# Tables without a header


@pytest.mark.parametrize(
    ("rows", "wanted", "columns"),
    [
        (DATA, {}, ColumnIndexes(False, 0, None, 1)),
        (("pos|a good film", "neg|a bad film", "neg|nice"), {}, ColumnIndexes(False, 1, None, 0)),
        # Star ratings; then as many distinct texts as labels, but the labels are shorter
        (("1|bad", "5|nice", "5|good", "1|no"), {}, ColumnIndexes(False, 1, None, 0)),
        (("a good film|1", "a bad film|2"), {}, ColumnIndexes(False, 0, None, 1)),
        (("1|a good film",), {}, ColumnIndexes(False, 1, None, 0)),
        (DATA, {"text": "2"}, ColumnIndexes(False, 1, None, 0)),
        (DATA, {"label": "1"}, ColumnIndexes(False, 1, None, 0)),
        (DATA, {"label": "-1"}, ColumnIndexes(False, 0, None, 1)),
        (
            ("7|good|pos", "9|bad|neg"),
            {"text": "2", "label": "-1"},
            ColumnIndexes(False, 1, None, 2),
        ),
        (("a|b|pos", "c|d|neg"), {"text": "1", "text_b": "2", "label": "3"}, (0, 0, 1, 2)),
        # A first cell that is the number of a column does not make its row a header.
        (("3|a|b", "1|c|d"), {"label": "1", "text": "2", "text_b": "3"}, (0, 1, 2, 0)),
        # Usual names as words of a text
        (("text|label", *DATA), {"header": False}, ColumnIndexes(False, 0, None, 1)),
        (("the text is good|pos", "no label|neg"), {}, ColumnIndexes(False, 0, None, 1)),
    ],
)
def test_without_a_header_columns_are_found_by_number(rows, wanted, columns):
    assert find(*rows, **wanted) == columns


@pytest.mark.parametrize(
    ("rows", "wanted", "columns"),
    [
        (("good",), {}, ColumnIndexes(False, 0, None, None)),
        (("good",), {"text": "2", "label": "1"}, ColumnIndexes(False, 0, None, None)),
        (("7|good",), {"text": "2", "label": "3"}, ColumnIndexes(False, 1, None, None)),
        (("good|pos",), {"text": "1", "label": "2"}, ColumnIndexes(False, 0, None, 1)),
        (
            ("good|bad",),
            {"text": "1", "text_b": "2", "label": "3"},
            ColumnIndexes(False, 0, 1, None),
        ),
    ],
)
def test_a_table_to_predict_needs_no_label_column(rows, wanted, columns):
    assert find(*rows, need_label=False, header=False, **wanted) == columns


@pytest.mark.parametrize(
    ("rows", "wanted", "message"),
    [
        (
            ("7|good|pos", "9|bad|neg"),
            {},
            "cannot tell which column is the text and which is the label; found 3 columns: "
            r"'7', 'good', 'pos'\. ",
        ),
        (
            ("7|good|pos", "9|bad|neg"),
            {"text": "2"},
            r"cannot tell .*3 columns.*--text_column and --label_",
        ),
        (
            ("good", "bad"),
            {},
            r"cannot tell which column .*; found 1 column: 'good'\. Specify them with",
        ),
        (DATA, {"header": False, "label": "label"}, "--label_column=label is a name, but the file"),
        (
            DATA,
            {"text": "3", "label": "2"},
            r"--text_column=3, but there are 2 columns; specify a number from 1 \(the first\) to 2",
        ),
        (DATA, {"text": "1", "label": "-3"}, "--label_column=-3, but there are 2"),
        (
            DATA,
            {"label": "0"},
            r"--label_column=0.*specify a number from 1 \(the first\) to 2, or -1 for the last\.",
        ),
        # A name makes the first line a header, and the error lists its cells.
        (DATA, {"label": "label"}, "no column 'label' in the header; .*'a good film', 'pos'"),
    ],
)
def test_without_a_header_unclear_columns_raise_an_error(rows, wanted, message):
    with pytest.raises(InputError, match=r"^train\.tsv:3: " + message):
        find(*rows, **wanted)


def test_a_label_that_is_a_usual_name_does_not_make_its_row_a_header():
    rows = ("the match|score", "the other one|other", "the third|score", "last|other")
    assert find(*rows) == ColumnIndexes(False, 0, None, 1)
    assert find(*rows, header=True) == ColumnIndexes(True, 0, None, 1)


def test_a_label_that_is_a_usual_name_of_texts_does_not_make_its_row_a_header():
    rows = ("comment|nice one", "question|how is it?", "comment|so it is", "question|really?")
    assert find(*rows) == ColumnIndexes(False, 1, None, 0)


@pytest.mark.parametrize(
    ("rows", "wanted", "message"),
    [
        (
            DATA,
            {"text": "1", "label": "1"},
            "--label_column=1 and --text_column=1 are the same column, 'a good film'. "
            "Specify different ones.",
        ),
        (
            DATA,
            {"text": "2", "label": "-1"},
            "--label_column=-1 and --text_column=2 are the same column, 'pos'. "
            "Specify different ones.",
        ),
        (
            ("text|label", *DATA),
            {"text": "text", "label": "text"},
            "--text_column=text and --label_column=text are the same column, 'text'. "
            "Specify different ones. If the file has no header, use --header=false.",
        ),
        (
            ("text|label", *DATA),
            {"text_b": "text"},
            "the text column and --text_b_column=text are the same column, 'text'. "
            "Specify different ones. If the file has no header, use --header=false.",
        ),
    ],
)
def test_one_column_cannot_be_used_twice(rows, wanted, message):
    with pytest.raises(InputError) as caught:
        find(*rows, **wanted)
    assert str(caught.value) == f"train.tsv:3: {message}"


# Generated cells

CELLS = st.one_of(
    st.sampled_from(["text", "label", "Label ", "text_b", "score", "1", "-1", "0", "", " ", "x"]),
    st.text(max_size=4),
)
NAMES = st.none() | st.sampled_from(
    ["text", "label", "x", "1", "2", "3", "-1", "-2", "0", "\u00b2", "1,2", "x,text"]
)
REMEMBERED = st.sets(st.sampled_from(["header", "text", "text_b", "label"])).map(frozenset)


@settings(deadline=None, max_examples=300)
@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=6
        )
    ),
    st.builds(WantedColumns, st.none() | st.booleans(), NAMES, NAMES, NAMES, REMEMBERED),
    st.booleans(),
)
def test_columns_are_within_the_row_or_an_error_names_its_line(cells, wanted, need_label):
    rows = list(enumerate(cells, start=7))
    try:
        found = find_columns(rows, "rows.csv", wanted, need_label).indexes
    except InputError as error:
        is_late_header = "the line looks like a header" in str(error)
        assert str(error).startswith("rows.csv:7: ") or is_late_header
        return
    width = len(cells[0])
    assert 0 <= found.text < width
    assert not need_label or found.label is not None
    for place, name in ((found.text, wanted.text), (found.label, wanted.label)):
        assert place is None or 0 <= place < width
        if found.header and name in cells[0] and not name.lstrip("-").isdigit():
            assert cells[0][place] == name
    doubt = header_warning(rows, "rows.csv", found)
    assert doubt is None or doubt.startswith("rows.csv:7: ")


@given(st.permutations(["text", "label", "id", "date", "author"]), st.lists(st.text(), min_size=5))
def test_the_order_of_named_columns_does_not_matter(names, cells):
    first, *others = (cells[i : i + 5] for i in range(0, len(cells) // 5 * 5, 5))
    assume("label" not in itertools.chain(first, *others))
    rows = list(enumerate([names, first, *others], start=1))
    found = find_columns(rows, "rows.csv", WantedColumns(), need_label=True).indexes
    assert found == ColumnIndexes(True, names.index("text"), None, names.index("label"))
