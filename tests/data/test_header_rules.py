"""Warnings about a first line that may have been misread."""

import re

import pytest

from finetune.data.columns import ColumnIndexes, WantedColumns, find_columns
from finetune.data.header_rules import header_warning
from tests.support.tables import DATA, rows_of


def test_a_row_read_as_a_header_causes_a_warning():
    rows = rows_of("the text|pos", "bad|neg", "good|pos", "nice|pos")
    found = header_warning(rows, "train.tsv", ColumnIndexes(True, 0, None, 1))
    assert re.match(
        r"train\.tsv:3: read as a header, but 'pos' is also the label of other rows", found
    )
    assert "--header=false" in found


def test_a_header_read_as_a_row_causes_a_warning():
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
        # The first label is rare, but so are others.
        (("so so|neutral", *DATA * 3, "well|mixed"), ColumnIndexes(False, 0, None, 1)),
        # All labels differ: regression targets
        (("first|1.5", *(f"text|{i}.25" for i in range(13))), ColumnIndexes(False, 0, None, 1)),
        (("text|label", "a|5", "b|label", "c|7"), ColumnIndexes(True, 0, None, 1)),
        (("text", *DATA * 3), ColumnIndexes(False, 0, None, None)),
        (("good|pos", "bad|neg"), ColumnIndexes(False, 0, None, 1)),
    ],
)
def test_usual_files_cause_no_warning(rows, columns):
    assert header_warning(rows_of(*rows), "train.tsv", columns) is None
