"""Errors in a user's processor become messages that name the line of code and the last row."""

import abc
import csv
import json
import re

import pytest

from finetune.data.lines import read_lines
from finetune.data.sources import Source, existing_file, make_processor
from finetune.data.tables import read_tsv
from finetune.util.errors import HelperError, InputError
from processors import DataProcessor, InputExample, MulticlassProcessor
from tests.data.reading import Lines, line_of, source
from tests.support.files import write_data


def test_an_error_in_a_users_class_names_its_line_and_the_last_row(tmp_path):
    path = write_data(tmp_path / "train.tsv", "a/x\nb/y\nno label\nc/z\n")
    with pytest.raises(InputError) as caught:
        list(source(Lines(), path=path))
    assert str(caught.value) == (
        f"reading.py:{line_of(Lines, 'cells[1]')}, Lines: IndexError: list index out of "
        f"range; the last row read was {path}:2. --debug=true shows the traceback."
    )
    assert isinstance(caught.value.__cause__, IndexError)


def test_an_invalid_value_is_located_by_the_last_row(tmp_path):
    class Rated(DataProcessor):
        def read_examples(self, path, split):
            for number, line in read_lines(path):
                text, rating = line.split("/")
                yield InputExample(str(number), text, None, float(rating), f"{path}:{number}")

    path = write_data(tmp_path / "train.tsv", "a/1\nb/2\nc/three\n")
    with pytest.raises(InputError, match=r"could not convert string to float.*last row.*tsv:2"):
        list(source(Rated(), path=path))
    path = write_data(tmp_path / "train.tsv", "a/1\nb\n")
    with pytest.raises(InputError, match=r"not enough values to unpack.*last row.*tsv:1"):
        list(source(Rated(), path=path))


def failing(code):
    """Makes a processor that yields an example and then calls `code` with the path."""

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
def test_any_error_becomes_one_line_with_its_type(code, found):
    with pytest.raises(InputError) as caught:
        list(source(failing(code), path="any.tsv"))
    message = str(caught.value)
    assert re.match(rf"test_sources_errors\.py:\d+, Failing: {found}", message)
    assert "the last row read was first" in message
    assert "\n" not in message


def test_error_names_the_innermost_line_of_the_users_code():
    with pytest.raises(InputError) as caught:
        list(source(failing(key_error), path="any.tsv"))
    line = line_of(key_error, "json.loads")
    assert str(caught.value).startswith(f"test_sources_errors.py:{line}, ")


def test_a_users_own_message_is_kept_and_gets_the_line_of_code():
    class Own(DataProcessor):
        def read_examples(self, path, split):
            raise ValueError("any.tsv:7: found 'x', expected a number.")

    with pytest.raises(InputError) as caught:
        list(source(Own(), path="any.tsv"))
    line = line_of(Own, "raise ValueError")
    assert str(caught.value) == (
        f"any.tsv:7: found 'x', expected a number. (test_sources_errors.py:{line}, Own)"
    )


def test_messages_of_the_readers_are_unchanged(tmp_path):
    class Table(DataProcessor):
        def read_examples(self, path, split):
            for row in read_tsv(path):
                yield InputExample(row.where, row["text"], None, row["label"])

    path = write_data(tmp_path / "train.tsv", "text\tlabel\na\tx\nb\n")
    with pytest.raises(
        InputError, match=r"^/.*train\.tsv:3 has 1 column; the first line has 2"
    ) as own:
        list(source(Table(), path=path))
    assert "Table" not in str(own.value)
    path = write_data(tmp_path / "train.tsv", "texte\tlabel\na\tx\n")
    with pytest.raises(InputError, match=r"^/.*train\.tsv:1: no column 'text' in the header; its"):
        list(source(Table(), path=path))
    path = str(tmp_path / "none.tsv")
    with pytest.raises(InputError, match=r"^/.*none\.tsv: cannot be read: No such file"):
        list(source(Table(), path=path))


class Paths(DataProcessor):
    """Passes a helper the wrong arguments: a number instead of a path."""

    def read_examples(self, path, split):
        for row in read_tsv(7.5):
            yield InputExample(row.where, row["text"])


def test_a_helper_that_fails_is_named_with_the_call():
    with pytest.raises(HelperError) as caught:
        list(source(Paths(), path="any.tsv"))
    line = line_of(Paths, "read_tsv")
    call = rf"test_sources_errors\.py:{line}, Paths: the call of read_tsv failed at "
    problem = (
        r"files\.py:\d+: TypeError: .*float.* If the call is correct, this is a bug in the tool"
    )
    assert re.match(call + problem, str(caught.value))
    assert isinstance(caught.value.__cause__, TypeError)


def test_users_code_that_a_helper_calls_is_blamed():
    class Misspelt(DataProcessor):
        def path_of(self, data_dir, split):
            return super().path_of(data_dir, split)

        def file_name(self, split):
            return self.fiels[split]

    line = line_of(Misspelt, "self.fiels")
    with pytest.raises(InputError, match=rf"^test_.*\.py:{line}, Misspelt: AttributeError"):
        existing_file(Misspelt(), "", "train")


@pytest.mark.parametrize("error", [MemoryError("no"), KeyboardInterrupt()])
def test_an_error_of_the_machine_is_unchanged(error):
    def fail(path):
        raise error

    with pytest.raises(type(error)) as caught:
        list(source(failing(fail), path="any.tsv"))
    assert caught.value is error


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_class_that_returns_nothing_raises_an_error(split):
    class Forgets(DataProcessor):
        def get_train_examples(self, data_dir):
            [InputExample("1", data_dir)]

        def read_examples(self, path, split):
            [InputExample("1", path)]

    with pytest.raises(InputError, match="^Forgets: .* returned NoneType; it must yield InputEx"):
        list(source(Forgets(), split, path="" if split == "train" else "any.tsv"))


@pytest.mark.parametrize("found", ["a text", None, ("1", "a text")])
def test_an_object_that_is_not_an_example_raises_an_error(found):
    class Texts(DataProcessor):
        def read_examples(self, path, split):
            return [InputExample("1", "a"), found]

    examples = iter(source(Texts(), path="any.tsv"))
    assert next(examples).guid == "1"
    kind = type(found).__name__
    with pytest.raises(
        InputError, match=f"^Texts: read_examples returned {kind}; it must yield InputEx"
    ):
        next(examples)


def test_existing_file_returns_an_empty_path_for_a_missing_file(tmp_path):
    path = write_data(tmp_path / "train.csv", "")
    for name in ("dev.tsv", "dev.csv"):
        write_data(tmp_path / name, "")
    processor = MulticlassProcessor()
    assert existing_file(processor, str(tmp_path), "train") == path
    assert existing_file(processor, str(tmp_path), "test") == ""
    with pytest.raises(InputError, match="both contain dev data"):
        existing_file(processor, str(tmp_path), "dev")
    assert existing_file(DataProcessor(), str(tmp_path), "dev") == str(tmp_path / "dev.tsv")
    assert existing_file(DataProcessor(), str(tmp_path), "test") == ""


def test_an_error_in_path_of_names_its_line(tmp_path):
    class Misspelt(DataProcessor):
        def path_of(self, data_dir, split):
            return self.fiels[split]

    line = line_of(Misspelt, "self.fiels")
    for find in (source, lambda processor: existing_file(processor, "", "train")):
        with pytest.raises(InputError, match=rf"^test_.*\.py:{line}, Misspelt: AttributeError"):
            find(Misspelt())


def test_a_stop_iteration_names_its_line(tmp_path):
    # A class that skips the header of an empty file
    class PassesHeader(DataProcessor):
        def read_examples(self, path, split):
            with open(path) as reader:
                rows = csv.reader(reader)
                next(rows)
                yield from rows

    line = line_of(PassesHeader, "next(rows)")
    with pytest.raises(InputError, match=rf"test_.*\.py:{line}, PassesHeader: StopIteration"):
        list(source(PassesHeader(), path=write_data(tmp_path / "train.tsv", "")))


def test_error_names_the_file_that_a_users_class_cannot_open(tmp_path):
    class Opens(DataProcessor):
        def read_examples(self, path, split):
            with open(path) as reader:
                yield from reader

    where = rf"^test_sources_errors\.py:{line_of(Opens, 'open(path)')}, Opens: FileNotFoundError: "
    with pytest.raises(InputError, match=where + r".*No such file or directory: .*none\.tsv"):
        list(source(Opens(), path=tmp_path / "none.tsv"))


def test_error_names_a_class_without_a_reader_or_a_file(tmp_path):
    with pytest.raises(InputError, match="DataProcessor does not define read_"):
        list(source(DataProcessor(), path="any.tsv"))

    class OnlyTrain(DataProcessor):
        files = {"train": "train.tsv"}

    with pytest.raises(InputError, match="^OnlyTrain: `files` has no entry for dev data"):
        source(OnlyTrain(), "dev", data_dir=str(tmp_path))
    assert existing_file(OnlyTrain(), str(tmp_path), "dev") == ""


def test_error_names_a_class_that_cannot_be_created_without_arguments():
    class Needy(DataProcessor):
        def __init__(self, path):
            self.path = path

    class Abstract(DataProcessor, abc.ABC):
        @abc.abstractmethod
        def separator(self):
            """Returns the separator."""

    end = r"\. The toolkit creates each processor without arguments\.$"
    with pytest.raises(InputError, match=rf"^Needy: .* argument: 'path'{end}"):
        make_processor(Needy)
    with pytest.raises(InputError, match=rf"^Abstract: Can't instantiate abstract .*{end}"):
        make_processor(Abstract)


def test_type_error_inside_init_names_its_line():
    class Misuses(DataProcessor):
        def __init__(self):
            len()

    line = line_of(Misuses, "len()")
    with pytest.raises(InputError, match=rf"^test_.*\.py:{line}, Misuses: TypeError: len"):
        make_processor(Misuses)


def test_keyboard_interrupt_does_not_become_an_input_error():
    class Interrupted(DataProcessor):
        def read_examples(self, path, split):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(source(Interrupted(), path="any.tsv"))


def test_an_error_outside_the_class_is_unchanged():
    def read():
        raise RuntimeError("elsewhere")

    with pytest.raises(RuntimeError, match="^elsewhere$"):
        list(Source(read, MulticlassProcessor(), InputExample))
