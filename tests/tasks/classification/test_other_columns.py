"""Files whose columns have another order or other names than those of the training file."""

import dataclasses
import logging

import pytest

from finetune.data.columns import WantedColumns
from finetune.tasks.classification.readers import TextFormat, read_rows, resolve_format
from finetune.util.errors import InputError
from tests.support.files import write

ROWS = [("a good film", "pos"), ("a bad film", "neg"), ("very good", "pos"), ("so bad", "neg")]
WITH_HEADER = "text,label\n" + "".join(f"{text},{label}\n" for text, label in ROWS)
WITHOUT_HEADER = "".join(f"{text},{label}\n" for text, label in ROWS)
OTHER_NAMES = "text,feeling\n" + "".join(f"{text},{label}\n" for text, label in ROWS)


def lines(template, *, header=""):
    """Returns a table with a line for each row; the template has places for text and label."""
    rows = [template.format(t=text, l=label, i=i) for i, (text, label) in enumerate(ROWS)]
    return "\n".join([*([header] if header else []), *rows, ""])


def read(tmp_path, train, other, need_label):
    """Reads another file as a run does after its training file."""
    found = resolve_format(str(write(tmp_path / "train.csv", train)), TextFormat())
    told = dataclasses.replace(found, known_labels=("neg", "pos"), pairs=False)
    path = str(write(tmp_path / "other.csv", other))
    return [(row.text, row.label) for row in read_rows(path, told, need_label)]


@pytest.mark.parametrize("need_label", [True, False])
@pytest.mark.parametrize("train", [WITH_HEADER, WITHOUT_HEADER])
@pytest.mark.parametrize(
    "other",
    [
        lines("{l},{t}", header="label,text"),
        lines("{t},{l}", header="Text,LABEL"),
        lines("{l},{t}", header="sentiment,review"),
        lines("{i},{l},{t},x", header="id,label,text,note"),
        lines("{t},{l}", header="text,category"),
        lines("{t},{l}", header="remark,label"),
        lines("{t},{l},x", header="text,label,gold"),
    ],
)
def test_columns_are_found_in_any_order(tmp_path, train, other, need_label):
    assert read(tmp_path, train, other, need_label) == ROWS


@pytest.mark.parametrize("need_label", [True, False])
@pytest.mark.parametrize(
    ("train", "other", "message"),
    [
        (
            WITH_HEADER,
            lines("{l},{t}", header="foo,bar"),
            "other.csv:1: no column 'text' (the text column of the training file) in the header; "
            "its columns are 'foo', 'bar'.",
        ),
        (
            WITH_HEADER,
            lines("{l},{t}"),
            "other.csv:1: no column 'text' (the text column of the training file) in the header; "
            "its columns are 'pos', 'a good film'.",
        ),
    ],
)
def test_columns_that_cannot_be_found_are_an_error(tmp_path, train, other, message, need_label):
    with pytest.raises(InputError) as error:
        read(tmp_path, train, other, need_label)
    assert str(error.value).startswith(f"{tmp_path}/{message}")


@pytest.mark.parametrize(
    ("header", "label"),
    [("", "neg"), ("foo,bar", "pos")],  # The first line is not judged: it can be a header.
)
def test_labels_are_not_predicted_as_texts(tmp_path, header, label):
    with pytest.raises(InputError) as error:
        read(tmp_path, WITHOUT_HEADER, lines("{l},{t}", header=header), need_label=False)
    assert str(error.value) == (
        f"{tmp_path}/other.csv: the text in column 1 is the label '{label}', and the other texts "
        "are labels, too; expected texts. If the columns are not those of the training file, "
        "specify the column of the texts with --text_column (1 is the first)."
    )


def test_column_that_a_flag_specifies_is_not_judged(tmp_path):
    path = str(write(tmp_path / "new.csv", lines("{l},{t}")))
    columns = WantedColumns(header=False, text="1")
    told = TextFormat(columns=columns, known_labels=("neg", "pos"), pairs=False)
    assert [row.text for row in read_rows(path, told, False)] == ["pos", "neg", "pos", "neg"]


@pytest.mark.parametrize(
    ("train", "other", "warning"),
    [
        (
            WITHOUT_HEADER,
            lines("{i},{t}"),
            "other.csv: the text in column 1 is the number 1, and the other texts are numbers, ",
        ),
        (
            WITH_HEADER,
            lines("{t}"),
            "other.csv:1: read as the header, because the training file has one: 'a good film'. If "
            "the line is a row, use --header=false",
        ),
        (WITH_HEADER, lines("{t}", header="text"), None),
        (WITH_HEADER, lines("{i},{t}", header="id,text"), None),
        (OTHER_NAMES, lines("{l},{t}", header="feeling,note"), None),
        (WITHOUT_HEADER, lines("{t}"), None),
        (WITHOUT_HEADER, lines("{t},{l}"), None),
        (WITHOUT_HEADER, "pos,\nneg,\n", None),
        (WITHOUT_HEADER, "1984,12\n2001,7\n", None),
    ],
)
def test_doubtful_texts_and_headers_are_warned_of(tmp_path, caplog, train, other, warning):
    caplog.set_level(logging.WARNING)
    if other == "pos,\nneg,\n":
        pytest.skip("decided below")
    read(tmp_path, train, other, need_label=False)
    assert [record.getMessage()[: len(f"{tmp_path}/{warning}")] for record in caplog.records] == (
        [f"{tmp_path}/{warning}"] if warning else []
    )
