"""Values in a JSON file: one per line, in a list, or in any other layout."""

import itertools
import json
import tracemalloc

import pytest

from finetune.data.data_path import DataPath, StreamPath
from finetune.data.json_values import is_json_document, read_values
from finetune.util.errors import InputError
from tests.support.files import write, write_data

ROWS = [{"text": 'a "[{', "label": "x"}, {"text": "b\n]}", "label": ["y", {}]}]


def values(tmp_path, content, encoding="utf-8"):
    return list(read_values(write_data(tmp_path / "a.json", content.encode(encoding), encoding)))


def places(tmp_path, content):
    start = len(f"{tmp_path}/a.json:")
    return [(value.name, value.where[start:]) for value in values(tmp_path, content)]


@pytest.mark.parametrize("indent", [None, 0, 2, "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("before", ["", "\n \n"])
def test_every_layout_has_the_same_values(tmp_path, indent, encoding, before):
    texts = [json.dumps(row, indent=indent, ensure_ascii=False) for row in ROWS]
    layouts = [
        "\n".join(texts),
        "\r\n".join(texts) + "\r\n",
        "[" + ",".join(texts) + "]",
        "[\n" + "\n,\n".join(texts) + "\n]\n",
        "[\n" + ",\r\n".join(texts) + "]",
        "".join(f"[{text}]\n" for text in texts),
        "".join(f"[\n{text}\n] [ ]" for text in texts),
    ]
    for layout in layouts:
        found = values(tmp_path, before + layout, encoding)
        assert [value.value for value in found] == ROWS, layout


def test_places_are_lines_and_numbers_of_items(tmp_path):
    lines = '{"a": 1}\n\n{"a": 2}\n'
    assert places(tmp_path, lines) == [("1", "1"), ("3", "3")]
    assert places(tmp_path, '[{"a": 1}, {"a": 2}]') == [("1", "1, item 1"), ("2", "1, item 2")]
    content = json.dumps(ROWS, indent=1)
    assert content.split("\n")[1:6] == [" {", '  "text": "a \\"[{",', '  "label": "x"', " },", " {"]
    assert places(tmp_path, content) == [("1", "2, item 1"), ("2", "6, item 2")]
    assert places(tmp_path, content + "\n" + content)[2:] == [
        ("3", "15, item 3"),
        ("4", "19, item 4"),
    ]


def test_pairs_and_strings(tmp_path):
    pairs = [["a", {"x": []}], ["b", {}]]
    lines = "".join(json.dumps(pair) + "\n" for pair in pairs)
    pretty = "\n".join(json.dumps(pair, indent=1) for pair in pairs)
    for content in (lines, pretty, json.dumps(pairs), json.dumps(pairs, indent=1)):
        assert [value.value for value in values(tmp_path, content)] == pairs
    assert [value.value for value in values(tmp_path, '["a", "b",\n"c"]')] == ["a", "b", "c"]
    assert values(tmp_path, "[]") == values(tmp_path, "[\n]\n") == values(tmp_path, "\n") == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1}\n{"b": 2\n{"c": 3}\n', r":2: not JSON .*expected one object per line"),
        ('{"a": 1\n{"b": 2}\n', ":1: not JSON"),
        ('{"a": 1} {"b": 2}\n', ":1: not JSON"),
        ('[\n{"a": 1},\n{"b" 2}\n]', r":3: not JSON \(Expecting ':' delimiter\); expected objects"),
        ('[\n{"a": 1}\n{"b": 2}\n]', r":3: not JSON \(expected ',' or '\]' after an item"),
        ('[\n{"a": 1},\n{"b": 2}\n', r":3: not JSON \(expected ',' or '\]' after an item"),
        ('[\n{"a": 1},\n', r":3: not JSON \(Expecting value\)|:2: not JSON \(Expecting value\)"),
        ('[\n{"a": "b', r":2: not JSON \((Unterminated string|Invalid control)"),
        ('[{"a": 1}]\n{"b"}\n', ":2: not JSON"),
        ("[" * 100_000, ":1: not JSON"),
        ("[" + "1" * 5000 + "]", ":1: not JSON"),
    ],
)
def test_errors_name_the_line(tmp_path, content, message):
    with pytest.raises(InputError, match=r"a\.json" + message):
        values(tmp_path, content)


def test_rows_are_yielded_before_a_later_error(tmp_path):
    content = "[" + ",\n".join(json.dumps({"a": i}) for i in range(3000)) + ", oops"
    rows = read_values(write_data(tmp_path / "a.json", content))
    assert [row.value["a"] for row in itertools.islice(rows, 3000)] == [*range(3000)]
    with pytest.raises(InputError, match=r"a\.json:3000: not JSON \(Expecting value\)"):
        next(rows)


def test_number_at_the_end_of_a_block_is_read_whole(tmp_path):
    # Spaces move the number across every position near the end of the first block.
    for length in range(65_530, 65_540):
        content = "[" + " " * length + "\n12\n,\n34\n]\n"
        assert [value.value for value in values(tmp_path, content)] == [12, 34]


def test_list_over_many_lines_is_never_all_in_memory(tmp_path):
    row = json.dumps({"text": "a" * 20_000})
    path = write_data(tmp_path / "a.json", "[\n" + ",\n".join([row] * 500) + "\n]\n")  # 10 MB
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_values(path)) == 500
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


def test_list_of_a_hundred_thousand_objects_in_one_line(tmp_path):
    rows = [{"text": f"text {i}", "label": i % 7} for i in range(100_000)]
    found = values(tmp_path, json.dumps(rows))
    assert [value.value for value in found] == rows
    assert found[-1].name == "100000"


def test_list_can_be_longer_than_a_line(tmp_path):
    path = write_data(tmp_path / "a.json", '[{"a": 1}, {"a": 2}]')
    path.max_line_length = 7
    assert [value.value for value in read_values(path)] == [{"a": 1}, {"a": 2}]
    path = write_data(tmp_path / "a.json", '{"a": 1}\n{"a": 2}\n')
    path.max_line_length = 7
    with pytest.raises(InputError, match=r"a\.json:1: the line is longer than 7 characters"):
        list(read_values(path))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('[{"a": 1}]', True),
        ('\n[\n  {\n    "a": 1\n  }\n]', True),
        ('{\n  "a": 1\n}\n', True),
        ('["a", {"b": 1}]\n["c", {}]\n', True),
        ('{"a": 1}\n', False),  # JSON lines
        ("[]", False),
        ('["a", "b"]', False),
        ("[1, 2]", False),
        ("[laughs] a text\n", False),
        ("[ O\n", False),
        ("{\nA text\n", False),
        ("", False),
    ],
)
def test_documents_are_recognised(tmp_path, content, expected):
    assert is_json_document(write_data(tmp_path / "a", content)) == expected


def test_a_value_in_a_stream_that_does_not_end_is_an_error(tmp_path):
    path = write(tmp_path / "rows", '[{"a": 1},\n' + '"b\n' * 100)
    stream = StreamPath.opened(DataPath.of(str(path), "utf-8", 50))
    values = read_values(stream)
    assert next(values).value == {"a": 1}
    with pytest.raises(InputError, match=r"a value is longer than 50 characters \(--max_line"):
        next(values)
