"""Files without an end: pipes, devices and sockets are refused unopened; lines have a maximum."""

import gzip
import os
import socket
import subprocess
import sys

import pytest

from finetune.data.data_path import DataPath, stream_of
from finetune.data.lines import read_lines
from finetune.data.tables import read_quoted_cells
from finetune.tasks.classification.readers import TextFormat, read_rows
from finetune.tasks.tagging.readers import read_texts
from finetune.tasks.tagging.tag_format import TagFormat
from finetune.util.errors import InputError
from tests.data.reading import Lines, source
from tests.support import ROOT
from tests.support.files import write


@pytest.fixture
def special(tmp_path):
    """Paths that are no files, each with what it is. To open the pipe would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    os.symlink("/dev/zero", tmp_path / "link")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    listener.close()
    kinds = {"pipe": "a pipe", "link": "a device", "socket": "a socket"}
    return {tmp_path / name: kind for name, kind in kinds.items()}


def expect_refusal(path, kind, read):
    with pytest.raises(InputError) as caught:
        list(read())
    assert str(caught.value) == (
        f"{path} is {kind}; expected a file, which can be read more than once."
    )


def test_lines_are_read_only_from_files(special):
    for path, kind in special.items():
        expect_refusal(path, kind, lambda path=path: read_lines(str(path)))


def test_a_link_to_a_file_is_a_file(tmp_path):
    write(tmp_path / "rows.txt", "one\n")
    os.symlink(tmp_path / "rows.txt", tmp_path / "link")
    assert list(read_lines(str(tmp_path / "link"))) == [(1, "one")]


def test_a_users_class_gets_only_files(tmp_path):
    os.mkfifo(tmp_path / "train.tsv")
    expect_refusal(
        tmp_path / "train.tsv", "a pipe", lambda: source(Lines(), data_dir=str(tmp_path))
    )


def test_special_files_in_label_folders_are_refused(tmp_path):
    write(tmp_path / "data" / "pos" / "1.txt", "good")
    os.mkfifo(tmp_path / "data" / "pos" / "2.txt")
    expect_refusal(
        tmp_path / "data" / "pos" / "2.txt",
        "a pipe",
        lambda: read_rows(str(tmp_path / "data"), TextFormat(), need_label=True),
    )


@pytest.mark.parametrize("name", ["texts.txt", "labels.txt"])
def test_special_files_of_texts_and_labels_are_refused(tmp_path, name):
    for other in {"texts.txt", "labels.txt"} - {name}:
        write(tmp_path / other, "O\n")
    os.mkfifo(tmp_path / name)
    texts = str(tmp_path / "texts.txt")
    expect_refusal(
        tmp_path / name, "a pipe", lambda: read_texts(texts, "auto", "train", TagFormat())
    )


def test_only_pipes_and_standard_input_are_streams(special, tmp_path):
    path = {kind: str(path) for path, kind in special.items()}
    assert stream_of("-") == "-"
    assert stream_of(path["a pipe"]) == path["a pipe"]
    assert stream_of(path["a device"]) is stream_of(path["a socket"]) is None
    assert stream_of(str(write(tmp_path / "file", ""))) is None
    assert stream_of(str(tmp_path / "none")) is None


# The longest line.


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_line_has_a_maximum_length(tmp_path, encoding, pack):
    longest = "é" * 11
    for end in ("\n", "\r\n", ""):
        path = write(tmp_path / "rows", pack(f"one\n{longest}{end}".encode(encoding)))
        file = DataPath.of(str(path), encoding, max_line_length=11)
        assert list(read_lines(file)) == [(1, "one"), (2, longest)]
    for line in (longest + "é", "é" * 1000):
        for end in ("\n", "\r\n", "", "\nthree\n"):
            path = write(tmp_path / "rows", pack(f"one\n{line}{end}".encode(encoding)))
            file = DataPath.of(str(path), encoding, max_line_length=11)
            lines = read_lines(file)
            assert next(lines) == (1, "one")
            with pytest.raises(InputError) as caught:
                next(lines)
            assert str(caught.value) == (
                f"{path}:2: the line is longer than 11 characters; expected one row per line. If "
                "it is a row, set a higher --max_line_length."
            )


def test_a_cell_has_the_same_maximum_length(tmp_path):
    path = write(tmp_path / "a.csv", 'a,b\n1,2\n"' + "x\n" * 30 + '",3\n')
    rows = read_quoted_cells(DataPath.of(str(path), "utf-8", max_line_length=59), ",")
    assert [next(rows), next(rows)] == [(1, ["a", "b"]), (2, ["1", "2"])]
    with pytest.raises(
        InputError, match=r"a\.csv:3: a cell is longer than 59 characters \(--max_line_length\)"
    ):
        next(rows)
    rows = read_quoted_cells(DataPath.of(str(path), "utf-8", max_line_length=60), ",")
    assert len(list(rows)) == 3


_READ_IN_LITTLE_MEMORY = """
import resource, sys
from finetune.data.lines import read_lines
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    list(read_lines(sys.argv[1]))
except Exception as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("kind", ["standard input", "compressed"])
def test_a_line_without_an_end_is_refused_in_bounded_memory(tmp_path, kind):
    path = "-"
    if kind == "compressed":
        path = str(tmp_path / "bomb.gz")
        with gzip.open(path, "wb", compresslevel=1) as writer:
            for _ in range(400):
                writer.write(b"x" * (1 << 20))
    endless = subprocess.Popen(["yes"], stdout=subprocess.PIPE)
    with endless, subprocess.Popen(["tr", "-d", "\n"], stdin=endless.stdout, stdout=-1) as joined:
        done = subprocess.run(
            [sys.executable, "-c", _READ_IN_LITTLE_MEMORY, path],
            stdin=joined.stdout,
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=100,
            check=True,
        )
        joined.kill()
        endless.kill()
    message, grown = done.stdout.splitlines()
    assert message.startswith(f"{path}:1: the line is longer than 16777216 characters")
    kibibytes = int(grown) / (1 if sys.platform != "darwin" else 1024)
    assert kibibytes < 300 * 1024  # 64 MiB of bytes, and copies of them
