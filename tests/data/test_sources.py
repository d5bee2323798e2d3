"""The examples of a split: read anew each time; an error in a user's class points at its line."""

import csv
import gzip
import inspect
import json
import os
import re

import numpy as np
import pytest

from finetune.data.columns import WantedColumns
from finetune.data.lines import DataPath, read_lines
from finetune.data.sources import (
    Source,
    Subset,
    WrittenSplit,
    existing_file,
    from_processor,
    is_missing,
    places,
)
from finetune.data.tables import read_tsv
from finetune.tasks.classification.readers import TextFormat
from finetune.util.errors import InputError
from processors import DataProcessor, InputExample, MulticlassProcessor


class Lines(DataProcessor):
    """A text a line, as a user would write it; counts how often it begins to read."""

    begun = 0

    def read_examples(self, path, split):
        self.begun += 1
        for number, line in read_lines(path):
            cells = line.split("/")
            yield InputExample(
                f"{split}-{number}", cells[0], None, cells[1], where=f"{path}:{number}"
            )


def source(processor, split="train", data_dir="", path="", encoding="utf-8"):
    return from_processor(
        processor,
        split,
        data_dir=data_dir,
        path=str(path),
        encoding=encoding,
        example_class=InputExample,
    )


def write(tmp_path, content, name="train.tsv"):
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return str(tmp_path / name)


def line_of(cls, code):
    """The line of this file at which a class or function has some code."""
    lines, first = inspect.getsourcelines(cls)
    (place,) = (i for i, line in enumerate(lines) if code in line)
    return first + place


# Where the examples come from.


def test_examples_come_from_the_file_or_from_the_data_folder(tmp_path):
    write(tmp_path, "a/x\nb/y\n")
    other = write(tmp_path, "c/z\n", "other.tsv")
    assert [e.text_a for e in source(Lines(), data_dir=str(tmp_path))] == ["a", "b"]
    (example,) = source(Lines(), "test", data_dir=str(tmp_path), path=other)
    assert (example.guid, example.text_a, example.label) == ("test-1", "c", "z")
    assert example.where == f"{other}:1"


def test_examples_can_be_gone_through_again_and_are_read_anew(tmp_path):
    path, processor = write(tmp_path, "a/x\nb/y\n"), Lines()
    examples = source(processor, path=path)
    assert processor.begun == 0
    assert list(examples) == list(examples)
    assert processor.begun == 2
    write(tmp_path, "a/x\nb/y\nc/z\n")
    assert len(list(examples)) == 3


def test_examples_are_read_one_by_one(tmp_path):
    path = write(tmp_path, "a/x\n" * 4999 + "no label\n")
    examples = iter(source(Lines(), path=path))
    assert next(examples).guid == "train-1"
    assert next(examples).guid == "train-2"
    rows = 2
    with pytest.raises(InputError, match=r"the last row read was .*train\.tsv:4999"):
        for _ in examples:
            rows += 1
    assert rows == 4999


def test_standard_input_is_read_once_and_kept(tmp_path):
    kept = os.dup(0)
    with open(write(tmp_path, "a/x\nb/y\n"), "rb") as reader:
        os.dup2(reader.fileno(), 0)
    try:
        examples = source(Lines(), "test", path="-")
    finally:
        os.dup2(kept, 0)
        os.close(kept)
    assert [example.where for example in examples] == ["-:1", "-:2"]
    assert [example.where for example in examples] == ["-:1", "-:2"]


def test_the_encoding_is_that_of_the_file(tmp_path):
    path = write(tmp_path, b"caf\xe9/x\n")
    (example,) = source(Lines(), path=path, encoding="latin-1")
    assert example.text_a == "caf\u00e9"
    (example,) = source(Lines(), data_dir=str(tmp_path), encoding="latin-1")
    assert example.text_a == "caf\u00e9"
    with pytest.raises(InputError, match=r"train\.tsv:1: byte 0xe9.*--encoding=latin-1"):
        list(source(Lines(), path=path))


def test_a_processor_that_knows_all_forms_reads_what_is_there(tmp_path):
    class Stars(MulticlassProcessor):
        options = TextFormat(columns=WantedColumns(text="review", label="stars"))

    write(tmp_path, gzip.compress(b'id,stars,review\n1,5,"good, really"\n'), "train.csv.gz")
    write(tmp_path, '{"review": "bad", "stars": 1}\n', "valid.jsonl")
    (tmp_path / "test").mkdir()
    write(tmp_path, "nice", "test/1.txt")
    read = {
        split: list(source(Stars(), split, str(tmp_path))) for split in ("train", "dev", "test")
    }
    assert [(e.guid, e.text_a, e.label) for es in read.values() for e in es] == [
        ("train-2", "good, really", "5"), ("dev-1", "bad", "1"), ("test-1.txt", "nice", None),
    ]  # fmt: skip


class GoogleLike(DataProcessor):
    """As classes for Google's BERT are written."""

    def get_train_examples(self, data_dir):
        rows = self._read_tsv(f"{data_dir}/train.tsv")
        return [InputExample(f"train-{i}", row[3], None, row[1]) for i, row in enumerate(rows)]

    def get_labels(self):
        return ["0", "1"]


def test_a_class_that_finds_its_files_itself_works_as_it_did(tmp_path):
    path = write(tmp_path, "gj04\t1\t\tThe sailors\nks08\t0\t*\tKim rode.\n")
    examples = source(GoogleLike(), data_dir=str(tmp_path))
    assert [(e.text_a, e.label) for e in examples] == [("The sailors", "1"), ("Kim rode.", "0")]
    with pytest.raises(InputError, match=r"train\.tsv: GoogleLike overrides get_train_examples"):
        source(GoogleLike(), path=path)
    write(tmp_path, "gj04\t1\n")
    with pytest.raises(InputError) as caught:
        list(examples)
    line = line_of(GoogleLike, "row[3]")
    assert str(caught.value) == (
        f"test_sources.py:{line}, GoogleLike: IndexError: list index out of range; no row had been "
        "read. --debug=true shows the traceback."
    )


# Errors in a user's class.


def test_an_error_in_a_users_class_points_at_its_line_and_the_row_before(tmp_path):
    path = write(tmp_path, "a/x\nb/y\nno label\nc/z\n")
    with pytest.raises(InputError) as caught:
        list(source(Lines(), path=path))
    assert str(caught.value) == (
        f"test_sources.py:{line_of(Lines, 'cells[1]')}, Lines: IndexError: list index out of "
        f"range; the last row read was {path}:2. --debug=true shows the traceback."
    )
    assert isinstance(caught.value.__cause__, IndexError)


def test_a_value_that_python_refuses_is_found_by_the_row_before(tmp_path):
    class Rated(DataProcessor):
        def read_examples(self, path, split):
            for number, line in read_lines(path):
                text, rating = line.split("/")
                yield InputExample(str(number), text, None, float(rating), f"{path}:{number}")

    path = write(tmp_path, "a/1\nb/2\nc/three\n")
    with pytest.raises(InputError, match=r"could not convert string to float.*last row.*tsv:2"):
        list(source(Rated(), path=path))
    path = write(tmp_path, "a/1\nb\n")
    with pytest.raises(InputError, match=r"not enough values to unpack.*last row.*tsv:1"):
        list(source(Rated(), path=path))


def failing(code):
    """A processor whose read_examples is what `code` does with `path`, after a first example."""

    class Failing(DataProcessor):
        def read_examples(self, path, split):
            yield InputExample("first", "text", None, "label")
            code(path)

    return Failing()


def key_error(path):
    return json.loads('{"txt": "a"}')["text"]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (lambda path: {}["text"], "KeyError: 'text'"),
        (lambda path: [][7], "IndexError: list index out of range"),
        (lambda path: path.no_such_method(), "AttributeError: .*no_such_method"),
        (lambda path: int(None), "TypeError: int\\(\\) argument must be"),
        (lambda path: 1 / 0, "ZeroDivisionError: division by zero"),
        (key_error, "KeyError: 'text'"),
        (lambda path: json.loads("{"), "JSONDecodeError: Expecting property name"),
        (lambda path: b"\xe9".decode(), "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xe9"),
        (lambda path: list(csv.reader(['"a'], strict=True)), "Error: unexpected end of data"),
    ],
)
def test_any_error_becomes_one_line_with_its_kind(code, found):
    with pytest.raises(InputError) as caught:
        list(source(failing(code), path="any.tsv"))
    message = str(caught.value)
    assert re.match(rf"test_sources\.py:\d+, Failing: {found}", message)
    assert "the last row read was first" in message
    assert "\n" not in message


def test_of_several_lines_the_innermost_is_named():
    with pytest.raises(InputError) as caught:
        list(source(failing(key_error), path="any.tsv"))
    assert str(caught.value).startswith(f"test_sources.py:{line_of(key_error, 'json.loads')}, ")


def test_a_message_of_the_users_own_stays_and_gets_the_line():
    class Own(DataProcessor):
        def read_examples(self, path, split):
            raise ValueError("any.tsv:7: found 'x', expected a number.")

    with pytest.raises(InputError) as caught:
        list(source(Own(), path="any.tsv"))
    line = line_of(Own, "raise ValueError")
    assert str(caught.value) == (
        f"any.tsv:7: found 'x', expected a number. (test_sources.py:{line}, Own)"
    )


def test_messages_of_the_readers_stay_as_they_are(tmp_path):
    class Table(DataProcessor):
        def read_examples(self, path, split):
            for row in read_tsv(path):
                yield InputExample(row.where, row["text"], None, row["label"])

    path = write(tmp_path, "text\tlabel\na\tx\nb\n")
    with pytest.raises(
        InputError, match=r"^/.*train\.tsv:3 has 1 column; the first line has 2"
    ) as own:
        list(source(Table(), path=path))
    assert "Table" not in str(own.value)
    path = write(tmp_path, "texte\tlabel\na\tx\n")
    with pytest.raises(InputError, match=r"^/.*train\.tsv:1: no column 'text' in the header; its"):
        list(source(Table(), path=path))
    path = str(tmp_path / "none.tsv")
    with pytest.raises(InputError, match=r"^/.*none\.tsv: cannot be read: No such file"):
        list(source(Table(), path=path))


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_class_that_returns_nothing_is_told_so(split):
    class Forgets(DataProcessor):
        def get_train_examples(self, data_dir):
            [InputExample("1", data_dir)]

        def read_examples(self, path, split):
            [InputExample("1", path)]

    with pytest.raises(InputError, match="^Forgets: .* returned NoneType; expected InputExamples"):
        list(source(Forgets(), split, path="" if split == "train" else "any.tsv"))


@pytest.mark.parametrize("found", ["a text", None, ("1", "a text")])
def test_what_is_no_example_is_refused(found):
    class Texts(DataProcessor):
        def read_examples(self, path, split):
            return [InputExample("1", "a"), found]

    examples = iter(source(Texts(), path="any.tsv"))
    assert next(examples).guid == "1"
    kind = type(found).__name__
    with pytest.raises(
        InputError, match=f"^Texts: read_examples returned {kind}; expected InputEx"
    ):
        next(examples)


def test_a_file_that_is_not_there_does_not_exist(tmp_path):
    path = write(tmp_path, "", "train.csv")
    for name in ("dev.tsv", "dev.csv"):
        write(tmp_path, "", name)
    processor = MulticlassProcessor()
    assert existing_file(processor, str(tmp_path), "train") == path
    assert existing_file(processor, str(tmp_path), "test") == ""
    with pytest.raises(InputError, match="both contain dev data"):
        existing_file(processor, str(tmp_path), "dev")
    assert existing_file(DataProcessor(), str(tmp_path), "dev") == str(tmp_path / "dev.tsv")
    assert existing_file(DataProcessor(), str(tmp_path), "test") == ""


def test_an_error_in_finding_a_file_points_at_its_line(tmp_path):
    class Misspelt(DataProcessor):
        def path_of(self, data_dir, split):
            return self.fiels[split]

    line = line_of(Misspelt, "self.fiels")
    for find in (source, lambda processor: existing_file(processor, "", "train")):
        with pytest.raises(
            InputError, match=rf"^test_sources\.py:{line}, Misspelt: AttributeError"
        ):
            find(Misspelt())


def test_an_iterator_that_ends_too_early_points_at_the_line(tmp_path):
    # As where a header is passed over, and the file is empty.
    class PassesHeader(DataProcessor):
        def read_examples(self, path, split):
            with open(path) as reader:
                rows = csv.reader(reader)
                next(rows)
                yield from rows

    line = line_of(PassesHeader, "next(rows)")
    with pytest.raises(InputError, match=rf"test_sources\.py:{line}, PassesHeader: StopIteration"):
        list(source(PassesHeader(), path=write(tmp_path, "")))


def test_files_that_a_users_class_cannot_open_are_named(tmp_path):
    class Opens(DataProcessor):
        def read_examples(self, path, split):
            with open(path) as reader:
                yield from reader

    with pytest.raises((InputError, OSError), match=r"No such file or directory: .*none\.tsv"):
        list(source(Opens(), path=tmp_path / "none.tsv"))


def test_a_class_without_a_reader_and_one_without_a_file_are_named(tmp_path):
    with pytest.raises(InputError, match="DataProcessor does not define read_"):
        list(source(DataProcessor(), path="any.tsv"))

    class TrainAlone(DataProcessor):
        files = {"train": "train.tsv"}

    with pytest.raises(InputError, match="^TrainAlone: its files name no dev data"):
        source(TrainAlone(), "dev", data_dir=str(tmp_path))
    assert existing_file(TrainAlone(), str(tmp_path), "dev") == ""


def test_what_stops_a_run_is_no_error_of_the_class():
    class Interrupted(DataProcessor):
        def read_examples(self, path, split):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(source(Interrupted(), path="any.tsv"))


def test_an_error_that_is_not_of_the_class_stays_as_it_is():
    def read():
        raise RuntimeError("elsewhere")

    with pytest.raises(RuntimeError, match="^elsewhere$"):
        list(Source(read, MulticlassProcessor(), InputExample))


# Parts of sources.


def subset(source, *kept):
    """A subset whose rows' hashes are numbers of their first letters."""
    hashes = np.array([ord(letter) for letter in "abcde"[: len(kept)]], np.uint64)
    return Subset(source, np.array(kept), hashes, lambda row: ord(getattr(row, "text_a", row)[0]))


def test_a_subset_keeps_the_order_and_can_be_gone_through_again():
    rows = subset(["a", "b", "c", "d", "e"], True, False, False, True, True)
    assert list(rows) == ["a", "d", "e"]
    assert list(rows) == ["a", "d", "e"]
    assert list(subset(["a", "b"], False, False)) == []


@pytest.mark.parametrize("rows", [["b", "a", "c"], ["a", "b"], ["a", "b", "c", "d"]])
def test_rows_that_are_others_when_they_are_read_again_are_refused(rows):
    with pytest.raises(InputError, match="changed between two passes"):
        list(subset(rows, True, False, True))


def test_a_subset_says_what_is_wrong_in_a_row_that_it_leaves_out(tmp_path):
    path = write(tmp_path, "a/x\nno label\nb/y\n")
    with pytest.raises(InputError, match=r"test_sources\.py:\d+, Lines"):
        list(subset(source(Lines(), path=path), True, False, True))


def test_written_examples_are_those_that_were_read(tmp_path):
    rows = [InputExample("train-7", "a", "b", ["x", "y"], "f:7"), InputExample("1", "\u2028\n")]
    path = write(tmp_path, "".join(json.dumps(vars(row)) + "\n" for row in rows), "dev.jsonl")
    examples = WrittenSplit(path, InputExample)
    assert list(examples) == rows
    assert list(examples) == rows


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"guid": "1"}', '{"guid": "1", "text_a": "", "x": 1}']
)
def test_what_is_no_written_example_is_refused_with_its_line(tmp_path, line):
    path = write(tmp_path, f'{{"guid": "1", "text_a": "a"}}\n{line}\n', "dev.jsonl")
    with pytest.raises(InputError, match=r"dev\.jsonl:2: not an example as the training wrote it"):
        list(WrittenSplit(path, InputExample))


def test_places_are_found_by_the_numbers_of_rows():
    examples = [InputExample(str(i), "", where=f"f:{i}") for i in (3, 5, 7, 11)]
    assert places(examples, [2, 0]) == {0: "f:3", 2: "f:7"}
    assert places(examples, []) == {}
    assert places(examples, [9]) == {}


def test_places_read_no_further_than_the_last_that_is_wanted():
    def read():
        yield InputExample("1", "", where="f:1")
        yield InputExample("2", "", where="f:2")
        raise AssertionError("read too far")

    assert places(read(), [1]) == {1: "f:2"}


def test_a_path_is_missing_if_neither_file_nor_folder_nor_standard_input(tmp_path):
    path = write(tmp_path, "")
    assert [is_missing(p) for p in (path, str(tmp_path), "-", path + "x")] == [0, 0, 0, 1]
    assert is_missing(DataPath.of(path + "x", "latin-1"))
