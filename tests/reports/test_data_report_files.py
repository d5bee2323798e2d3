"""The text and the JSON of a data report."""

import json

import pytest

from finetune.reports.data_findings import Finding
from finetune.reports.data_report import DataReport, SplitReport, TokenLengths, load, write
from finetune.reports.data_report_text import format_report
from finetune.util.errors import InputError
from tests.support import files as data_files
from tests.support.files import read_json
from tests.support.reports import table_of

PLACES = ["a.csv:2", "a.csv:11", "b.csv:3", "b.csv:5"]
REPORT = DataReport(
    max_seq_length=8,
    suggested_max_seq_length=16,
    suggestion_covers=0.998,
    splits={
        "train": SplitReport(
            rows=3,
            labels={"x": 1, "y": 2},
            label_shares={"x": 1 / 3, "y": 2 / 3},
            tokens=TokenLengths(median=5.5, p95=7, longest=11, cut=1),
            unknown_token_rate=0.125,
            empty=0,
            duplicates=0,
            contradictory=0,
            also_in_train=0,
        )
    },
    findings=[
        Finding("error", "a.csv:13: no label", 1, []),
        Finding("error", "train: 5 more rows with errors", 5, []),
        Finding("note", "train: strange rows", 7, PLACES),
    ],
)


def test_text_names_a_file_once_and_marks_omitted_places():
    shown = format_report(REPORT)
    assert shown.splitlines()[3] == "note: train: strange rows (a.csv:2, 11, b.csv:3, 5, …)"
    table = table_of(shown)
    assert list(table)[-2:] == ["label y", "label x"]  # The most frequent label first
    assert table["label y"] == ["2 (66.7%)"]
    assert table["unknown wordpieces"] == ["12.50%"]
    assert shown.splitlines()[-1] == ("Suggestion: --max_seq_length=16 fits 99.8% of the rows.")


def test_number_of_errors_is_the_sum_of_their_counts():
    assert (REPORT.num_errors, REPORT.first_error) == (6, "a.csv:13: no label")


def test_report_written_as_json_can_be_loaded(tmp_path):
    assert load(str(tmp_path)) is None
    write(REPORT, str(tmp_path))
    content = read_json(tmp_path / "data_report.json")
    assert list(content) == [
        "max_seq_length", "suggested_max_seq_length", "suggestion_covers", "splits", "problems",
    ]  # fmt: skip
    assert content["problems"][2] == {
        "severity": "note",
        "what": "train: strange rows",
        "count": 7,
        "places": PLACES,
    }
    assert load(str(tmp_path)) == REPORT


@pytest.mark.parametrize("damage", [{"rows": "x"}, {"labels": {"x": [3]}}, {"labels": 3}])
def test_report_whose_figures_are_not_numbers_raises_an_error(tmp_path, damage):
    content = json.loads(json.dumps(REPORT.to_json()))
    content["splits"]["train"].update(damage)
    data_files.write(tmp_path / "data_report.json", json.dumps(content))
    with pytest.raises(
        InputError, match=r"data_report\.json: not a data report .* Delete the file"
    ):
        load(str(tmp_path))


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"splits": {"train": {}}}'])
def test_damaged_report_raises_an_error(tmp_path, content):
    data_files.write(tmp_path / "data_report.json", content)
    with pytest.raises(InputError, match=r"data_report\.json: not a data report"):
        load(str(tmp_path))
