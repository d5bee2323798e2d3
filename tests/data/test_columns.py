"""Which column is the text and which the label: never by chance, and said where it is doubtful."""

import itertools
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from finetune.data.columns import ColumnIndexes, WantedColumns, find_columns, header_warning
from finetune.util.errors import InputError


def rows_of(*rows):
    """Rows from line 3 on, their cells given with "|" between."""
    return [(number, row.split("|")) for number, row in enumerate(rows, start=3)]


def find(*rows, need_label=True, **wanted):
    return find_columns(rows_of(*rows), "train.tsv", WantedColumns(**wanted), need_label).indexes


DATA = ("a good film|pos", "a bad film|neg", "not for me|neg", "nice|pos")


# A header.


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("text|label", ColumnIndexes(True, 0, None, 1)),
        ("label|text", ColumnIndexes(True, 1, None, 0)),
        ("Label | TEXT", ColumnIndexes(True, 1, None, 0)),
        # Kaggle's and others' names of columns.
        ("tweet|class", ColumnIndexes(True, 0, None, 1)),
        ("review|sentiment", ColumnIndexes(True, 0, None, 1)),
        ("Category|Message", ColumnIndexes(True, 1, None, 0)),
        ("id|comment|target", ColumnIndexes(True, 1, None, 2)),
        # GLUE's: SST-2, QQP, MNLI, MRPC.
        ("sentence|label", ColumnIndexes(True, 0, None, 1)),
        ("id|question1|question2|label", ColumnIndexes(True, 1, 2, 3)),
        ("index|premise|hypothesis|label", ColumnIndexes(True, 1, 2, 3)),
        ("Quality|#1 ID|#2 ID|#1 String|#2 String", ColumnIndexes(True, 3, 4, 0)),
        ("text_a|text_b|label", ColumnIndexes(True, 0, 1, 2)),
        # What is left beside a column that is known.
        ("Satz|label", ColumnIndexes(True, 0, None, 1)),
        ("text|Urteil", ColumnIndexes(True, 0, None, 1)),
        ("text|lable", ColumnIndexes(True, 0, None, 1)),
        # Of several usual names, the more usual one.
        ("title|text|emotion|label|id", ColumnIndexes(True, 1, None, 3)),
        ("text|label|", ColumnIndexes(True, 0, None, 1)),
    ],
)
def test_usual_names_of_columns_are_known(header, columns):
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
        # A name goes before a number.
        ("2|1|3", {"header": True, "text": "2", "label": "1"}, ColumnIndexes(True, 0, None, 1)),
        ("a|b|c", {"header": True, "text": "2", "label": "1"}, ColumnIndexes(True, 1, None, 0)),
    ],
)
def test_columns_of_a_header_can_be_said_by_name_or_number(header, wanted, columns):
    assert find(header, "one|two|three", "four|five|six", **wanted) == columns


def test_a_header_in_another_language_can_be_said_to_be_one():
    assert find("Texto|label", *DATA) == ColumnIndexes(True, 0, None, 1)
    assert find("Texto|Etiqueta", *DATA, header=True, label="2") == ColumnIndexes(True, 0, None, 1)
    with pytest.raises(InputError, match=r"train\.tsv:3: no column 'text'.*'Texto', 'Etiqueta'"):
        find("Texto|Etiqueta", *DATA, header=True)


def test_a_column_of_labels_may_be_missing_in_data_to_predict():
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
            r"no column 'text' in the header; .*Did you mean 'txt'\? Name the column with --text_column",  # noqa: E501
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
            r"no column 'other'.*'text', 'label'\. Name the column with --text_b_column",
        ),
        ("a|b|c", {"header": True}, r"no column 'text'.*'a', 'b', 'c'.*give --header=false"),
        ("text|label", {"label": "3"}, r"--label_column=3, but there are 2 columns"),
        ("text|label", {"text": "0", "label": "label"}, "--text_column=0, but there are 2"),
        ("text|label", {"text_b": "-3", "header": True}, "--text_b_column=-3, but there are 2"),
        ("text|text|label", {}, "the header names a column twice, 'text': text, text, label"),
        ("text|label\rgood|pos\r", {}, "lines end in CR only; convert the file"),
    ],
)
def test_headers_without_the_column_are_refused_with_what_there_is(header, wanted, message):
    rows = (header, "one|two|three", "four|five|six")
    with pytest.raises(InputError, match=r"^train\.tsv:3: " + message):
        find(*rows, **wanted)


# No header.


@pytest.mark.parametrize(
    ("rows", "wanted", "columns"),
    [
        (DATA, {}, ColumnIndexes(False, 0, None, 1)),
        (("pos|a good film", "neg|a bad film", "neg|nice"), {}, ColumnIndexes(False, 1, None, 0)),
        # Numbers of stars; then as many different texts as labels, of which labels are shorter.
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
        # The usual names as words of a text.
        (("text|label", *DATA), {"header": False}, ColumnIndexes(False, 0, None, 1)),
        (("the text is good|pos", "no label|neg"), {}, ColumnIndexes(False, 0, None, 1)),
    ],
)
def test_tables_without_a_header_have_columns_by_number(rows, wanted, columns):
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
def test_tables_to_predict_need_no_column_of_labels(rows, wanted, columns):
    assert find(*rows, need_label=False, header=False, **wanted) == columns


@pytest.mark.parametrize(
    ("rows", "wanted", "message"),
    [
        (("7|good|pos", "9|bad|neg"), {}, r"3 columns, '7', 'good', 'pos', none of which is named"),
        (("7|good|pos", "9|bad|neg"), {"text": "2"}, r"3 columns.*--text_column and --label_"),
        (("good", "bad"), {}, r"1 column, 'good', none of which is named as text or label"),
        (DATA, {"header": False, "label": "label"}, "--label_column=label is a name, but the file"),
        (
            DATA,
            {"text": "3", "label": "2"},
            r"--text_column=3, but there are 2 columns: expected",
        ),
        (DATA, {"text": "1", "label": "-3"}, "--label_column=-3, but there are 2"),
        (
            DATA,
            {"label": "0"},
            r"--label_column=0.*expected 1 for the first to 2, or -1 for the last",
        ),
        # A name that is not there makes the first line a header, whose columns are listed.
        (DATA, {"label": "label"}, "no column 'label' in the header; .*'a good film', 'pos'"),
    ],
)
def test_tables_without_a_header_are_refused_if_the_columns_are_open(rows, wanted, message):
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
    ("rows", "wanted"),
    [
        (DATA, {"text": "1", "label": "1"}),
        (DATA, {"text": "2", "label": "-1"}),
        (("text|label", *DATA), {"text": "text", "label": "text"}),
        (("text|label", *DATA), {"text": "text", "text_b": "text"}),
    ],
)
def test_a_column_cannot_be_two_things(rows, wanted):
    with pytest.raises(InputError, match=r"^train\.tsv:3: "):
        find(*rows, **wanted)


# Suspicion.


def test_a_row_taken_for_a_header_is_suspected():
    rows = rows_of("the text|pos", "bad|neg", "good|pos", "nice|pos")
    found = header_warning(rows, "train.tsv", ColumnIndexes(True, 0, None, 1))
    assert re.match(
        r"train\.tsv:3: read as a header, but 'pos' is also the label of other rows", found
    )
    assert "--header=false" in found


def test_a_header_taken_for_a_row_is_suspected():
    rows = rows_of("Texto|Etiqueta", *DATA * 3)
    columns = find_columns(rows, "train.tsv", WantedColumns(), need_label=True).indexes
    assert columns == ColumnIndexes(False, 0, None, 1)
    found = header_warning(rows, "train.tsv", columns)
    assert re.match(r"train\.tsv:3: read as a row, but its label 'Etiqueta' occurs in no", found)
    assert "of the first 13 rows." in found
    assert "--header=true" in found


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (("text|label", *DATA * 3), ColumnIndexes(True, 0, None, 1)),
        (DATA * 3, ColumnIndexes(False, 0, None, 1)),
        # A rare label in the first row is none to suspect where others are rare, too.
        (("so so|neutral", *DATA * 3, "well|mixed"), ColumnIndexes(False, 0, None, 1)),
        # Each label is another one: numbers of a regression.
        (("first|1.5", *(f"text|{i}.25" for i in range(13))), ColumnIndexes(False, 0, None, 1)),
        (("text|label", "a|5", "b|label", "c|7"), ColumnIndexes(True, 0, None, 1)),
        (("text", *DATA * 3), ColumnIndexes(False, 0, None, None)),
        (("good|pos", "bad|neg"), ColumnIndexes(False, 0, None, 1)),
    ],
)
def test_usual_files_are_not_suspected(rows, columns):
    assert header_warning(rows_of(*rows), "train.tsv", columns) is None


# Whatever stands in the cells.

CELLS = st.one_of(
    st.sampled_from(["text", "label", "Label ", "text_b", "score", "1", "-1", "0", "", " ", "x"]),
    st.text(max_size=4),
)
NAMES = st.none() | st.sampled_from(
    ["text", "label", "x", "1", "2", "3", "-1", "-2", "0", "\u00b2"]
)


@settings(deadline=None, max_examples=300)
@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=6
        )
    ),
    st.builds(WantedColumns, st.none() | st.booleans(), NAMES, NAMES, NAMES),
    st.booleans(),
)
def test_columns_are_found_within_the_row_or_refused_with_its_place(cells, wanted, need_label):
    rows = list(enumerate(cells, start=7))
    try:
        found = find_columns(rows, "rows.csv", wanted, need_label).indexes
    except InputError as error:
        assert str(error).startswith("rows.csv:7: ")
        return
    width = len(cells[0])
    assert 0 <= found.text < width
    assert not need_label or found.label is not None
    for place, name in ((found.text, wanted.text), (found.label, wanted.label)):
        assert place is None or 0 <= place < width
        if found.header and name in cells[0]:
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
