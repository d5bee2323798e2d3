"""A training log with any content is read, and is continued when a training run resumes."""

import itertools
import json
import tempfile

import tensorflow.compat.v1 as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from finetune.output import train_log
from finetune.output.names import TRAIN_LOG
from tests.support.files import write
from tests.support.fuzzing import ANY_TEXT, fuzz

ROWS = [
    {"step": 10, "epoch": 0.5, "loss": 0.75, "gradient_norm": None, "tokens_per_second": 1e5},
    {"step": 20, "epoch": 1.0, "loss": 1e-30, "gradient_norm": 3.5, "tokens_per_second": 123456.5},
    {"step": 20, "epoch": 1.0, "eval/f1": 0.25, "eval/labels/é\n\u2028北/f1": None, "eval/n": 7},
    {"step": 30, "epoch": 1.5, "loss": 0.5, "gradient_norm": 1.0, "tokens_per_second": 99.0},
    {"step": 40, "epoch": 2.0, "eval/f1": 0.5, "eval/labels/é\n\u2028北/f1": 1.0, "eval/n": 7},
]
LINES = [(json.dumps(row, ensure_ascii=False) + "\n").encode() for row in ROWS]


def write_log(log, rows):
    """Writes rows; evaluation rows contain nested scores."""
    for row in rows:
        step, epoch, *values = row.items()
        if any(name.startswith("eval/") for name, _ in values):
            scores = {"labels": {}, "text": "not a number"}
            for name, value in values:
                *folders, last = name.split("/")[1:]
                place = scores["labels"].setdefault(folders[1], {}) if folders else scores
                place[last] = value
            log.write_evaluation(step[1], epoch[1], scores)
        else:
            log.write(step[1], epoch[1], dict(values))


@st.composite
def damaged_logs(draw):
    """Draws a log with bytes replaced or removed, and the number of intact lines before them."""
    content = b"".join(LINES)
    start = draw(st.integers(0, len(content)))
    end = draw(st.just(len(content)) | st.integers(start, min(start + 9, len(content))))
    pieces = b'\n \r \0 { } " [ null NaN \xff \xef\xbb\xbf'.split(b" ")
    piece = draw(st.just(b"") | st.sampled_from(pieces) | st.binary(max_size=6))
    before = sum(end <= start for end in itertools.accumulate(map(len, LINES)))
    return content[:start] + piece + content[end:], before


@settings(deadline=None, max_examples=200)
@given(damaged_logs())
def test_damaged_log_is_read_up_to_the_damage(folder, case):
    content, before = case
    write(folder / TRAIN_LOG, content)
    rows = train_log.read(str(folder))
    assert rows[:before] == ROWS[:before]
    assert all(type(row["step"]) is int for row in rows)
    evaluations = train_log.evaluations_of(rows)
    assert evaluations[: sum("eval/f1" in row for row in ROWS[:before])] == [
        {name.removeprefix("eval/"): value for name, value in row.items()}
        for row in ROWS[:before]
        if "eval/f1" in row
    ]


# Lines that end the log.
MALFORMED_ROWS = [
    "", "x", "{}", "[]", "3", "null", '"step"', '{"step": [1]}', '{"step": null}', '{"step": {}}',
    '{"step": NaN}', '{"step": "x"}', '{"epoch": 1}', '{"step": 1',
    '{"step": 1}}', '[{"step": 1}]', '\ufeff{"step": 1}', "{'step': 1}", '{"step": 1, "a": "\0"}',
    '{"step": 1, "loss": "x"}', '{"step": 1, "loss": [3]}', '{"step": 1, "loss": {"a": 3}}',
    '{"step": 1, "eval/f1": 0.5}', '{"step": 1, "epoch": null, "eval/f1": 0.5}',
]  # fmt: skip
# Lines that are rows nevertheless; None if the row contains NaN, which equals nothing.
ODD_ROWS = {
    '{"step": "4"}': {"step": 4},
    '{"step": 8.0, "epoch": 2, "eval/f1": 0.5}': {"step": 8, "epoch": 2, "eval/f1": 0.5},
    ' {"step": -1, "step": 50}\r': {"step": 50},
    '{"": NaN, "step": 1e15, "\\n": null}': None,
    '{"step": 1, "\\ud800": 1}': {"step": 1, "\ud800": 1},
}


@fuzz
@given(
    st.lists(
        st.integers(0, len(ROWS) - 1).map(lambda i: (LINES[i].decode(), ROWS[i]))
        | st.sampled_from(sorted(ODD_ROWS)).map(lambda line: (line + "\n", ODD_ROWS[line]))
        | st.sampled_from(MALFORMED_ROWS).map(lambda line: (line + "\n", "none")),
        max_size=6,
    )
)
def test_log_is_read_up_to_the_first_malformed_line(folder, lines):
    text = "".join(line for line, _ in lines)
    write(folder / TRAIN_LOG, text)
    expected = list(itertools.takewhile(lambda row: row != "none", (row for _, row in lines)))
    rows = train_log.read(str(folder))
    assert len(rows) == len(expected)
    for row, expected_row in zip(rows, expected):
        assert type(row["step"]) is int
        assert expected_row is None or row == expected_row
    assert len(train_log.evaluations_of(rows)) == sum("eval/f1" in row for row in rows)


@fuzz
@given(st.binary(max_size=60))
@example(b"")
@example(b"\n" + LINES[0])
@example(b"\xef\xbb\xbf" + LINES[0])
@example(LINES[0].rstrip(b"\n"))
@example(b'{"step": %s}' % (b"9" * 5000))
def test_log_of_any_bytes_yields_rows_with_integer_steps(folder, content):
    write(folder / TRAIN_LOG, content)
    assert all(type(row["step"]) is int for row in train_log.read(str(folder)))


def test_deeply_nested_row_ends_the_log(folder):
    write(folder / TRAIN_LOG, b'{"step": 1}\n' + b"[" * 100000)
    assert train_log.read(str(folder)) == [{"step": 1}]


@fuzz
@given(damaged_logs(), st.integers(0, 45))
@example((b"".join(LINES), 5), 20)
def test_resumed_training_run_keeps_its_log_up_to_its_step(folder, case, start_step):
    content, _ = case
    with tempfile.TemporaryDirectory(dir=folder) as place:
        write(f"{place}/{TRAIN_LOG}", content)
        expected = [row for row in train_log.read(place) if row["step"] <= start_step]
        log = train_log.TrainLog(place, start_step)
        write_log(log, ROWS)
        log.close()
        tf.summary.FileWriterCache.clear()
        assert train_log.read(place) == expected + ROWS
        assert log.evaluations() == train_log.evaluations_of(expected + ROWS)


def test_training_resumes_when_its_log_contains_a_lone_surrogate(folder):
    write(folder / TRAIN_LOG, b'{"step": 1, "\\ud800": 1}\n')
    log = train_log.TrainLog(str(folder), 1)
    log.close()
    tf.summary.FileWriterCache.clear()
    assert [row["step"] for row in train_log.read(str(folder))] == [1]


NAMES = st.text(st.characters(exclude_characters="/"), max_size=3)
SCORE_VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
SCORES = st.dictionaries(
    NAMES,
    st.recursive(
        SCORE_VALUES | ANY_TEXT | st.lists(SCORE_VALUES, max_size=2),
        lambda values: st.dictionaries(NAMES, values, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


def numbers_in(value):
    """Counts the numbers, and the Nones in place of numbers, in a nested dictionary."""
    if isinstance(value, dict):
        return sum(map(numbers_in, value.values()))
    return int(value is None or isinstance(value, (bool, int, float)))


@fuzz
@given(SCORES)
def test_each_number_is_listed_once_under_its_path(scores):
    numbers = list(train_log.figures_of(scores))
    assert len(dict(numbers)) == len(numbers) == numbers_in(scores)
    for name, value in numbers:
        place = scores
        for part in name.split("/"):
            place = place[part]
        assert place is value
