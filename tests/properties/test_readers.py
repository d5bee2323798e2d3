"""Whatever bytes a file holds, its rows come back or one error names it; what was written returns.

Every reader: the forms of the classifier, and those of run_ner.py.
"""

import csv
import gzip
import io
import json
import os
import tempfile

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from finetune.data.columns import WantedColumns
from finetune.data.lines import DataPath, read_lines
from finetune.tasks.classification import readers as text_readers
from finetune.tasks.tagging import readers as ner_readers
from finetune.util.errors import InputError

FILE_FORMS = [form for form in text_readers.FORMS if form != "folders"]
ENDINGS = ["", ".tsv", ".csv", ".jsonl", ".txt", ".csv.gz"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


# Contents: of any bytes, of odd characters, and almost right.

PIECES = [
    "\n", "\r\n", "\n\n", "\r", "\t", ",", ";", "|", '"', '""', '"\n', " ", "text", "label", "x",
    "y", "a b", "\ufeff", "\u2028", "\x85", "\x0b", "\x1c", "\0", "\u200b", "\u0301", "😀", "北",
    "é", "{", "}", "[", "]", "null", "NaN", "1e999", "-1", "B-PER", "O", "-DOCSTART-", "# ",
    '{"text": "a", "label": ["x", 1, null]}\n', '{"text": "\\ud83d", "label": "\\udc00"}',
]  # fmt: skip
VALID = [
    "text\tlabel\na b\tx\nc d\ty\ne\tx\n",
    "a b\tx\r\nc d\ty\r\n\r\ne\tx\r\n",
    "text,label,id\n\"a, b\",x,1\n\"c\n\nd\",y,2\n\"say \"\"e\"\"\",x,3\n",
    "Text;Text_b;Label\r\na;b;x\r\nc;;y\r\n",
    '{"text": "a", "label": "x"}\n{"text": "b", "text_b": null, "label": ["x", "y"]}\n',
    '{"text": "Anna is here", "entities": [[0, 4, "PER"], {"start": 5, "end": 7, "type": "V"}]}\n',
    "one;joy\ntwo; three;sad\n",
    "Anna B-PER\nis O\n\n-DOCSTART- O\n\n# id\nParis B-LOC\n",
]  # fmt: skip


@st.composite
def mutated(draw):
    """A right file in which a few places are not."""
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"]))
    content = bytearray(draw(st.sampled_from(VALID)).encode(encoding))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(content)))
        end = start + draw(st.integers(0, 5))
        piece = draw(st.sampled_from(PIECES).map(str.encode) | st.binary(max_size=3))
        content[start:end] = piece
    return bytes(content)


CONTENTS = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(st.sampled_from(PIECES), max_size=20).map(lambda pieces: "".join(pieces).encode()),
    mutated(),
)


@st.composite
def files(draw):
    """The bytes of a file, which may be compressed, and cut off where they are."""
    content = draw(CONTENTS)
    if draw(st.booleans()):
        return content
    content = gzip.compress(content, mtime=0)
    kept = draw(st.just(len(content)) | st.integers(0, len(content)))
    return content[:kept] + draw(st.just(b"") | st.binary(max_size=2))


ENCODINGS = st.sampled_from(["utf-8"] * 3 + ["latin-1", "cp1252", "utf-16", "shift_jis"])
NAMES = st.none() | st.sampled_from(["text", "label", "x", "1", "2", "-1", "3", "0"])
OPTIONS = st.builds(
    text_readers.TextFormat,
    delimiter=st.none() | st.sampled_from([",", ";", "\t", "|", " ", '"', "é"]),
    quoting=st.none() | st.booleans(),
    columns=st.builds(WantedColumns, st.none() | st.booleans(), NAMES, NAMES, NAMES),
    known_labels=st.sampled_from([(), ("x", "joy")]),
    pairs=st.booleans(),
) | st.just(text_readers.TextFormat())


def check_rows(path, options, need_label):
    """Reads rows, or sees to it that the error names the file."""
    try:
        rows = list(text_readers.read_rows(path, options, need_label))
    except InputError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)
        return
    for row in rows:
        assert row.where.startswith(str(path))
        assert isinstance(row.text, str)
        assert isinstance(row.text_b, (str, type(None)))
        assert isinstance(row.label, (str, list, type(None)))
        assert not need_label or row.label is not None or options.form in ("auto", "jsonl")


@settings(deadline=None, max_examples=200)
@given(files(), ENCODINGS, OPTIONS, st.sampled_from(ENDINGS), st.booleans())
@example(b"\n\n", "utf-8", text_readers.TextFormat(), ".csv", True)
@example(b"[" * 100_000, "utf-8", text_readers.TextFormat(), ".jsonl", True)
@example(b'"' + b"a\n" * 5000, "utf-8", text_readers.TextFormat(), ".csv", True)
def test_texts_of_whatever_content_are_read_or_refused_by_name(
    folder, content, encoding, options, ending, need_label
):
    path = DataPath.of(str(folder / f"any{ending}"), encoding)
    with open(path, "wb") as writer:
        writer.write(content)
    for form in (*FILE_FORMS, "auto"):
        check_rows(path, text_readers.TextFormat(**{**vars(options), "form": form}), need_label)
    try:
        text_readers.resolve_format(path, options)
    except InputError as error:
        assert str(path) in str(error)


@settings(deadline=None, max_examples=100)
@given(
    st.dictionaries(
        st.lists(
            st.binary(min_size=1, max_size=5).filter(
                lambda name: not {*b"/\0\n"} & {*name} and name not in (b".", b"..")
            ),
            min_size=1,
            max_size=3,
        ).map(tuple),
        files(),
        max_size=4,
    ),
    ENCODINGS,
    st.booleans(),
)
def test_folders_of_whatever_content_are_read_or_refused_by_name(
    folder, tree, encoding, need_label
):
    with tempfile.TemporaryDirectory(dir=folder) as place:
        for names, content in tree.items():
            inner = os.path.join(os.fsencode(place), *names)
            try:
                os.makedirs(os.path.dirname(inner), exist_ok=True)
                with open(inner, "wb") as writer:
                    writer.write(content)
            except OSError:
                continue  # There is a file of a folder's name, or the other way.
        check_rows(DataPath.of(place, encoding), text_readers.TextFormat(), need_label)


@settings(deadline=None, max_examples=200)
@given(
    files(),
    st.none() | files(),
    ENCODINGS,
    st.builds(
        ner_readers.TagFormat,
        word_column=st.sampled_from([1, 2, -1]),
        tag_column=st.sampled_from([-1, 0, 1, 3]),
        word_split=st.sampled_from(["punctuation", "whitespace", "characters"]),
        need_tags=st.booleans(),
    ),
    st.sampled_from([*ENDINGS, ".conll"]),
)
def test_tagged_texts_of_whatever_content_are_read_or_refused_by_name(
    folder, content, labels, encoding, options, ending
):
    path, labels_path = DataPath.of(str(folder / f"any{ending}"), encoding), folder / "labels.txt"
    with open(path, "wb") as writer:
        writer.write(content)
    labels_path.unlink(missing_ok=True)
    if labels is not None:
        labels_path.write_bytes(labels)
    for form in (*ner_readers.FORMS, "auto"):
        try:
            texts = ner_readers.read_texts(path, form, "dev", options)
        except InputError as error:
            assert str(path) in str(error) or str(labels_path) in str(error)
            assert "\n" not in str(error)
            continue
        for text in texts:
            assert text.where.startswith((str(path), str(labels_path)))
            assert text.tags is None or len(text.tags) == len(text.words)
            assert all(text.word(i) for i in range(len(text.words)))


# No row goes missing: where there are no quotes, each line is a row or refused.


def numbered(content):
    """(number, text) of each line, by the bytes; as Python's split has it."""
    lines = content.split(b"\n")
    ended = [line.removesuffix(b"\r") for line in lines[:-1]] + [lines[-1]] * bool(lines[-1])
    ended[:1] = [line.removeprefix(b"\xef\xbb\xbf") for line in ended[:1]]
    return [(number, line.decode()) for number, line in enumerate(ended, start=1)]


@settings(deadline=None, max_examples=200)
@given(CONTENTS, st.booleans())
def test_each_line_is_a_row_or_refused(folder, content, need_label):
    path = str(folder / "lines.txt")
    with open(path, "wb") as writer:
        writer.write(content)
    try:
        lines = numbered(content)
    except UnicodeDecodeError:
        lines = []
    filled = [number for number, text in lines if text]
    single = filled and "\t" not in dict(lines)[filled[0]]
    expected = {
        "text": [number for number, _ in lines],
        "semicolon": filled,
        "jsonl": [number for number, text in lines if text.strip()],
        # In a column alone, blank lines between others are rows.
        "tsv": list(range(filled[0], filled[-1] + 1)) if single else filled,
    }
    for form in expected:
        columns = WantedColumns(header=False, text="1", label="-1")
        options = text_readers.TextFormat(form, columns=columns)
        try:
            rows = list(text_readers.read_rows(path, options, need_label and form != "text"))
        except InputError:
            continue
        assert [int(row.name) for row in rows] == expected[form]


# What was written comes back: complete, in order, equal.

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff")
ODD = ["", " ", '"', '""', "'", "\\", "a,b;c\td|e", "text", "label", "1", "\u2028", "\x85", "é😀北"]
TEXTS = st.text(CHARACTERS, max_size=8) | st.sampled_from(
    ODD + ["a\nb", "\n", '"\n"', "a\rb", "\r"]
)
# Where a line end ends the text, what looks like one is none of it.
LINES = TEXTS.map(lambda text: text.replace("\n", "").rstrip("\r"))
STORED = st.tuples(
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "gb18030"]),
    st.booleans(),
)


def stored(folder, name, text, stored_as):
    """Writes a text in an encoding, compressed or not."""
    encoding, packed = stored_as
    content = text.encode(encoding)
    path = DataPath.of(str(folder / name), encoding)
    with open(path, "wb") as writer:
        writer.write(gzip.compress(content, 1) if packed else content)
    return path


def read(path, *, need_label=True, header=True, **given):
    """(label, text) of each row."""
    columns = WantedColumns(
        header, text="text" if header else "2", label="label" if header else "1"
    )
    options = text_readers.TextFormat(columns=columns, **given)
    return [(row.label, row.text) for row in text_readers.read_rows(path, options, need_label)]


def rows_of(labels, texts, min_size=1):
    return st.lists(st.tuples(labels, texts), min_size=min_size, max_size=6)


@settings(deadline=None)
@given(
    st.lists(LINES, min_size=1, max_size=8), st.sampled_from(["\n", "\r\n"]), st.booleans(), STORED
)
def test_lines_come_back(folder, lines, line_end, ended, stored_as):
    ended = ended or not lines[-1]
    text = line_end.join(lines) + line_end * ended
    path = stored(folder, "lines", text, stored_as)
    assert list(read_lines(path, blank="all")) == list(enumerate(lines, start=1))
    assume("\r" not in lines[0])  # Taken for line ends of another kind, and refused
    rows = text_readers.read_rows(path, text_readers.TextFormat("text"), need_label=False)
    assert [row.text for row in rows] == lines


@settings(deadline=None)
@given(
    rows_of(TEXTS, TEXTS, min_size=0),
    st.sampled_from(",;\t|"),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.booleans(),
    STORED,
)
def test_rows_of_pythons_csv_writer_come_back(folder, rows, delimiter, quoting, header, stored_as):
    cells = {tuple(cell.strip().lower() for cell in row) for row in rows}
    assume(("label", "text") not in cells)  # The header again, which is refused
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, quoting=quoting)
    writer.writerows([("label", "text"), *rows])
    path = stored(folder, "rows.csv", file.getvalue(), stored_as)
    # A line end within quotes is one character, whatever the file has between its rows.
    expected = [tuple(cell.replace("\r\n", "\n") for cell in row) for row in rows]
    if header:
        assert read(path) == expected
    else:
        assert read(path, header=False) == [("label", "text"), *expected]
    assert read(path, delimiter=delimiter, form="csv") == expected


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=6), st.sampled_from(",;\t|"), STORED)
def test_a_single_column_of_pythons_csv_writer_comes_back(folder, texts, delimiter, stored_as):
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter).writerows([("text",), *((text,) for text in texts)])
    path = stored(folder, "texts.csv", file.getvalue(), stored_as)
    expected = [(None, text.replace("\r\n", "\n")) for text in texts]
    # Where there is no other column, nothing in the header tells what would be between two.
    assert read(path, need_label=False, delimiter=delimiter) == expected


@settings(deadline=None)
@given(
    rows_of(LINES, LINES).map(
        lambda rows: [tuple(cell.replace("\t", "") for cell in row) for row in rows]
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    STORED,
)
def test_rows_with_tabs_between_come_back(folder, rows, line_end, header, stored_as):
    rows = [(label, text.rstrip("\r")) for label, text in rows]
    lines = ["label\ttext"] * header + [f"{label}\t{text}" for label, text in rows]
    path = stored(folder, "rows.tsv", line_end.join(lines) + line_end, stored_as)
    assert read(path, header=header) == rows
    path = stored(folder, "rows.dat", line_end.join(lines), stored_as)
    assert read(path, header=header, form="tsv") == rows


@settings(deadline=None)
@given(
    rows_of(TEXTS | st.just("\0"), TEXTS | st.just("\ufeff\0")),
    st.booleans(),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
    STORED,
)
def test_rows_of_pythons_json_writer_come_back(folder, rows, ascii_alone, line_end, stored_as):
    lines = [
        json.dumps({"id": [{}], "label": label, "text": text}, ensure_ascii=ascii_alone)
        for label, text in rows
    ]
    path = stored(folder, "rows.jsonl", line_end.join(lines), stored_as)
    assert read(path) == rows
    options = text_readers.TextFormat()
    found = text_readers.read_rows(
        stored(folder, "rows", path_text(path), stored_as), options, True
    )
    assert [(row.label, row.text) for row in found] == rows


def path_text(path):
    """The text of a file that `stored` wrote."""
    with open(path, "rb") as reader:
        content = reader.read()
    content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    return content.decode(path.encoding)


@settings(deadline=None)
@given(
    rows_of(LINES.map(lambda label: label.replace(";", "").rstrip("\r")), LINES),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
    STORED,
)
def test_texts_with_a_label_behind_a_semicolon_come_back(folder, rows, line_end, stored_as):
    assume("\r" not in rows[0][1] + rows[0][0])
    text = line_end.join(f"{text};{label}" for label, text in rows)
    path = stored(folder, "rows.txt", text, stored_as)
    assert read(path, form="semicolon") == rows
    known = tuple({label for label, _ in rows})
    assert read(path, form="semicolon", known_labels=known, need_label=False) == rows


FOLDER_NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1, max_size=8
).filter(lambda name: not name.startswith("."))


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(FOLDER_NAMES, st.lists(TEXTS, max_size=3), min_size=1, max_size=3),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.booleans(),
)
def test_texts_in_a_folder_for_each_label_come_back(folder, texts, encoding, packed):
    with tempfile.TemporaryDirectory(dir=folder) as place:
        for label, contents in texts.items():
            os.mkdir(os.path.join(place, label))
            for number, text in enumerate(contents):
                content = (text + "\n").encode(encoding)  # The line end of a file is no text.
                with open(os.path.join(place, label, f"{number}.txt"), "wb") as writer:
                    writer.write(gzip.compress(content, 1) if packed else content)
        found = read(DataPath.of(place, encoding))
    assert found == [
        (label, text.removesuffix("\r").replace("\r\n", "\n"))
        for label in sorted(texts)
        for text in texts[label]
    ]


TAGGED = st.tuples(st.sampled_from(["a", "é", "北京", "😀"]), st.sampled_from(["O", "B-X"]))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(TAGGED, min_size=1, max_size=4), min_size=1, max_size=4), STORED)
def test_tagged_words_come_back_in_each_encoding(folder, sentences, stored_as):
    lines = "\n\n".join("\n".join(f"{word} {tag}" for word, tag in one) for one in sentences)
    texts, tags = ("\n".join(" ".join(p[i] for p in one) for one in sentences) for i in (0, 1))
    stored(folder, "labels.txt", tags, stored_as)
    for path in (
        stored(folder, "words.conll", lines, stored_as),
        stored(folder, "texts.txt", texts, stored_as),
    ):
        found = ner_readers.read_texts(path, "auto", "train", ner_readers.TagFormat())
        words = [[text.word(i) for i in range(len(text.words))] for text in found]
        assert [list(zip(*pair)) for pair in zip(words, (text.tags for text in found))] == sentences
