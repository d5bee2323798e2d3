"""train_log.jsonl: its contents, and the rows that survive a kill."""

import pytest

from finetune.output import train_log
from finetune.output.train_log import TrainLog
from tests.support.files import read_jsonl


def write_steps(folder):
    """Writes a log of three steps; returns its path."""
    log = TrainLog(str(folder), 0)
    for step in (1, 2, 3):
        log.write(step, step / 3, {"loss": 0.5})
    log.close()
    return folder / "train_log.jsonl"


def test_truncated_log_loses_only_its_last_row(tmp_path):
    path = write_steps(tmp_path)
    path.write_bytes(path.read_bytes()[:-9])
    assert [row["step"] for row in train_log.read(str(tmp_path))] == [1, 2]


def test_resumed_log_loses_the_rows_after_the_checkpoint(tmp_path):
    path = write_steps(tmp_path)
    TrainLog(str(tmp_path), 1).close()
    assert read_jsonl(path) == [{"step": 1, "epoch": 0.3333, "loss": 0.5}]


def test_duration_includes_the_training_before_it_resumed(tmp_path, monkeypatch):
    times = iter([100.0, 107.25, 500.0, 502.0])
    monkeypatch.setattr(train_log.time, "monotonic", lambda: next(times))
    for step in (1, 2):
        log = TrainLog(str(tmp_path), step - 1)
        log.write(step, 1.0, {"loss": 0.5, "seconds": log.seconds()})
        log.close()
    rows = train_log.read(str(tmp_path))
    assert [row["seconds"] for row in rows] == [7.2, 9.2]
    assert train_log.duration_of(rows) == 9.2
    assert train_log.duration_of([{"step": 1}]) == 0


def test_evaluations_are_returned_under_the_names_of_their_metrics(tmp_path):
    write_steps(tmp_path)
    log = TrainLog(str(tmp_path), 3)
    log.write_evaluation(3, 1.0, {"f1": 0.75, "labels": {"a": {"recall": None}}, "types": ["x"]})
    log.close()
    expected = [{"step": 3, "epoch": 1.0, "f1": 0.75, "labels/a/recall": None}]
    assert log.evaluations() == expected
    rows = train_log.read(str(tmp_path))
    assert rows[3] == {"step": 3, "epoch": 1.0, "eval/f1": 0.75, "eval/labels/a/recall": None}
    assert train_log.evaluations_of(rows) == expected

    train_log.forget_evaluations(str(tmp_path))
    assert train_log.read(str(tmp_path)) == rows[:3]


def test_directory_without_a_log_has_no_rows(tmp_path):
    assert train_log.read(str(tmp_path)) == []


@pytest.mark.parametrize(
    "end", [b"{", b"[]\n", b'{"epoch": 1}\n', b"\xff\n", b'{"step": 4, "loss": "x"}\n']
)
def test_reading_stops_at_the_first_line_that_is_not_a_row(tmp_path, end):
    path = write_steps(tmp_path)
    path.write_bytes(path.read_bytes() + end + b'{"step": 5}\n')
    assert [row["step"] for row in train_log.read(str(tmp_path))] == [1, 2, 3]
