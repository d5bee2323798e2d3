"""JSON files are checked against a schema when they are read."""

import dataclasses
import os
from typing import Annotated, Any, Dict, List, Literal, Optional, Tuple, TypedDict, Union

import pytest

from finetune.util.errors import InputError
from finetune.util.json_files import Range, SchemaError, parse, read_json_object, read_schema
from tests.support.files import write_json


def test_json_object_is_read_as_utf8(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes('{"é": [3]}'.encode())
    assert read_json_object(str(path), kind="a plan", advice="Delete it.") == {"é": [3]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"not a plan \(Expecting value.*\)\. Delete it\."),
        (b"\xff", r"not a plan \('utf-8' codec can't decode .*\)\. Delete it\."),
        (b"[" * 100000, r"not a plan \(nested too deeply\)\. Delete it\."),
        (b"[3]", r"not a plan \(not a JSON object\)\. Delete it\."),
        (None, r"cannot be read: No such file or directory\. Delete it\."),
    ],
)
def test_damaged_json_file_gets_one_line(tmp_path, content, message):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.json: {message}$") as caught:
        read_json_object(str(path), kind="a plan", advice="Delete it.")
    assert str(caught.value).startswith(str(path))


def test_json_file_that_is_a_folder_is_not_called_damaged(tmp_path):
    with pytest.raises(InputError, match=r"cannot be read: Is a directory\.$"):
        read_json_object(str(tmp_path), kind="a plan", advice="Delete it.")


def test_pipe_is_rejected_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(InputError, match=r"a\.json is a pipe; expected a file"):
        read_json_object(str(tmp_path / "a.json"), kind="a plan", advice="Delete it.")


def test_byte_order_mark_is_not_part_of_the_json(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf{}")
    assert read_json_object(str(tmp_path / "a.json"), kind="a plan", advice="") == {}


class Extra(TypedDict, total=False):
    pairs: Optional[bool]


@dataclasses.dataclass(frozen=True)
class Point:
    x: float


@dataclasses.dataclass(frozen=True)
class Plan:
    name: str
    size: Annotated[int, Range(1, 8)]
    points: List[Point] = dataclasses.field(default_factory=list)
    span: Optional[Tuple[int, int]] = None
    scores: Dict[str, float] = dataclasses.field(default_factory=dict)
    kind: Literal["a", "b"] = "a"
    value: Union[str, List[str], None] = None
    extra: Optional[Extra] = None
    anything: Any = None
    deep: Optional[bool] = None


def test_object_becomes_an_instance_of_its_schema():
    content = {
        "name": "é",
        "size": 8,
        "points": [{"x": 1}, {"x": 2.5}],
        "span": [3, 5],
        "scores": {"f1": 0.5},
        "kind": "b",
        "value": ["u"],
        "extra": {"pairs": None, "unknown": 3},
        "anything": [{}],
        "unknown": 3,
    }
    plan = Plan(
        name="é",
        size=8,
        points=[Point(1), Point(2.5)],
        span=(3, 5),
        scores={"f1": 0.5},
        kind="b",
        value=["u"],
        extra={"pairs": None},
        anything=[{}],
    )
    assert parse(content, Plan) == plan
    assert parse({"name": "", "size": 1}, Plan) == Plan("", 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": None}, "name is null; expected text"),
        ({"name": 3}, "name is 3; expected text"),
        ({"size": "8"}, "size is '8'; expected a whole number"),
        ({"size": 8.0}, "size is 8.0; expected a whole number"),
        ({"size": True}, "size is true; expected a whole number"),
        ({"size": 9}, "size is 9; expected a whole number from 1 to 8"),
        ({"size": 0}, "size is 0; expected a whole number from 1 to 8"),
        (
            {"size": 10**100},
            "size is 100000000000000000...0000000000000000000; expected a whole number from 1 to 8",
        ),
        ({"points": {}}, "points is {}; expected a list"),
        ({"points": [{"x": 1}, 5]}, "points[1] is 5; expected an object"),
        ({"points": [{"x": 1}, {}]}, "points[1].x is missing; expected a number"),
        ({"points": [{"x": float("nan")}]}, "points[0].x is nan; expected a number"),
        ({"points": [{"x": True}]}, "points[0].x is true; expected a number"),
        ({"span": [3]}, "span is [3]; expected a list or null"),
        ({"span": [3, "5"]}, "span[1] is '5'; expected a whole number"),
        ({"scores": []}, "scores is []; expected an object"),
        ({"scores": {"f 1": "x"}}, "scores.'f 1' is 'x'; expected a number"),
        ({"kind": "c"}, """kind is 'c'; expected "a" or "b\""""),
        ({"kind": ["a"]}, """kind is ['a']; expected "a" or "b\""""),
        ({"value": 3}, "value is 3; expected text or a list or null"),
        ({"value": ["a", 3]}, "value[1] is 3; expected text"),
        ({"extra": {"pairs": 3}}, "extra.pairs is 3; expected true or false or null"),
        (
            {"deep": "x" * 10**6},
            "deep is 'xxxxxxxxxxxx...xxxxxxxxxxxxx'; expected true or false or",
        ),
        (
            {"deep": [[[[[[[[[[3]]]]]]]]]]},
            "deep is [[[[[[[...]]]]]]]; expected ",
        ),
    ],
)
def test_value_that_does_not_conform_is_described_with_its_key(changes, message):
    with pytest.raises(SchemaError) as caught:
        parse({"name": "", "size": 1, **changes}, Plan)
    assert str(caught.value).startswith(message)
    assert str(caught.value).splitlines() == [str(caught.value)]


def test_missing_key_is_named():
    with pytest.raises(SchemaError, match=r"^name is missing; expected text$"):
        parse({"size": 1}, Plan)


def test_error_names_the_file_and_says_what_to_do(tmp_path):
    path = write_json(tmp_path / "a.json", {"name": "x", "size": 9})
    with pytest.raises(InputError) as caught:
        read_schema(str(path), Plan, kind="a plan", advice="Delete it.")
    assert str(caught.value) == (
        f"{path}: not a plan (size is 9; expected a whole number from 1 to 8). Delete it."
    )


def test_file_that_conforms_is_read(tmp_path):
    path = write_json(tmp_path / "a.json", {"name": "x", "size": 7})
    assert read_schema(str(path), Plan, kind="a plan", advice="") == Plan("x", 7)


def test_key_of_any_text_is_shown_in_one_line():
    with pytest.raises(SchemaError) as caught:
        parse({"name": "", "size": 1, "scores": {"a\nb": None}}, Plan)
    assert str(caught.value) == "scores.'a\\nb' is null; expected a number"
