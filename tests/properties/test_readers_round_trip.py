"""Rows in any supported form are read back completely, in order and unchanged."""

import csv
import gzip
import io
import json
import pathlib
import tempfile

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from finetune.data.columns import WantedColumns
from finetune.data.lines import DataPath, read_lines
from finetune.tasks.classification import readers as text_readers
from finetune.tasks.tagging import readers as ner_readers
from tests.support.files import write

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff")
ODD_TEXTS = [
    "", " ", '"', '""', "'", "\\", "a,b;c\td|e", "text", "label", "1", "\u2028", "\x85", "é😀北",
]  # fmt: skip
TEXTS = st.text(CHARACTERS, max_size=8) | st.sampled_from(
    ODD_TEXTS + ["a\nb", "\n", '"\n"', "a\rb", "\r"]
)
# In formats that end each text with a line end, a text cannot contain one.
LINES = TEXTS.map(lambda text: text.replace("\n", "").rstrip("\r"))
STORED = st.tuples(
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "gb18030"]),
    st.booleans(),
)


def stored(folder, name, text, stored_as):
    """Writes a text; `stored_as` is its encoding and whether to compress it."""
    encoding, packed = stored_as
    content = text.encode(encoding)
    path = DataPath.of(str(folder / name), encoding)
    write(path, gzip.compress(content, 1) if packed else content)
    return path


def read(path, *, need_label=True, header=True, **given):
    """Reads the label and the text of each row."""
    columns = WantedColumns(
        header, text="text" if header else "2", label="label" if header else "1"
    )
    options = text_readers.TextFormat(columns=columns, **given)
    return [(row.label, row.text) for row in text_readers.read_rows(path, options, need_label)]


def rows_of(labels, texts, min_size=1):
    """Returns a strategy for up to six pairs of a label and a text."""
    return st.lists(st.tuples(labels, texts), min_size=min_size, max_size=6)


@settings(deadline=None)
@given(
    st.lists(LINES, min_size=1, max_size=8), st.sampled_from(["\n", "\r\n"]), st.booleans(), STORED
)
def test_lines_round_trip(folder, lines, line_end, ended, stored_as):
    ended = ended or not lines[-1]
    text = line_end.join(lines) + line_end * ended
    path = stored(folder, "lines", text, stored_as)
    assert list(read_lines(path, blank="all")) == list(enumerate(lines, start=1))
    assume(not any("\r" in line for line in lines))  # A CR is rejected as an old Mac line end.
    rows = text_readers.read_rows(path, text_readers.TextFormat("text"), need_label=False)
    assert [row.text for row in rows] == lines


def assume_no_repeated_header(rows):
    """Skips an example with a row like the header, which is rejected."""
    assume(("label", "text") not in {tuple(cell.strip().lower() for cell in row) for row in rows})


@settings(deadline=None)
@given(
    rows_of(TEXTS, TEXTS, min_size=0),
    st.sampled_from(",;\t|"),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.booleans(),
    STORED,
)
def test_csv_rows_round_trip(folder, rows, delimiter, quoting, header, stored_as):
    assume_no_repeated_header(rows)
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, quoting=quoting)
    writer.writerows([("label", "text"), *rows])
    path = stored(folder, "rows.csv", file.getvalue(), stored_as)
    # A line end within quotes is read as "\n", whichever line end separates the rows.
    expected = [tuple(cell.replace("\r\n", "\n") for cell in row) for row in rows]
    if header:
        assert read(path) == expected
    else:
        assert read(path, header=False) == [("label", "text"), *expected]
    assert read(path, delimiter=delimiter, form="csv") == expected


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=6), st.sampled_from(",;\t|"), STORED)
def test_single_csv_column_round_trips(folder, texts, delimiter, stored_as):
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter).writerows([("text",), *((text,) for text in texts)])
    path = stored(folder, "texts.csv", file.getvalue(), stored_as)
    expected = [(None, text.replace("\r\n", "\n")) for text in texts]
    # The delimiter is specified, because it does not occur in a single column.
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
def test_tsv_rows_round_trip(folder, rows, line_end, header, stored_as):
    rows = [(label, text.rstrip("\r")) for label, text in rows]
    if header:
        assume_no_repeated_header(rows)
    lines = ["label\ttext"] * header + [f"{label}\t{text}" for label, text in rows]
    path = stored(folder, "rows.tsv", line_end.join(lines) + line_end, stored_as)
    assert read(path, header=header) == rows
    path = stored(folder, "rows.dat", line_end.join(lines), stored_as)
    assert read(path, header=header, form="tsv") == rows


def text_in(path):
    """Returns the text of a file that `stored` wrote."""
    with open(path, "rb") as reader:
        content = reader.read()
    content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    return content.decode(path.encoding)


@settings(deadline=None)
@given(
    rows_of(TEXTS | st.just("\0"), TEXTS | st.just("\ufeff\0")),
    st.booleans(),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
    STORED,
)
def test_jsonl_rows_round_trip(folder, rows, ascii_only, line_end, stored_as):
    lines = [
        json.dumps({"id": [{}], "label": label, "text": text}, ensure_ascii=ascii_only)
        for label, text in rows
    ]
    path = stored(folder, "rows.jsonl", line_end.join(lines), stored_as)
    assert read(path) == rows
    options = text_readers.TextFormat()
    found = text_readers.read_rows(stored(folder, "rows", text_in(path), stored_as), options, True)
    assert [(row.label, row.text) for row in found] == rows


@settings(deadline=None)
@given(
    rows_of(LINES.map(lambda label: label.replace(";", "").rstrip("\r")), LINES),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
    STORED,
)
def test_semicolon_rows_round_trip(folder, rows, line_end, stored_as):
    assume(not any("\r" in cell for row in rows for cell in row))
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
def test_folders_round_trip(folder, texts, encoding, packed):
    with tempfile.TemporaryDirectory(dir=folder) as place:
        for label, contents in texts.items():
            pathlib.Path(place, label).mkdir()
            for number, text in enumerate(contents):
                content = (text + "\n").encode(
                    encoding
                )  # The final line end is not part of the text.
                content = gzip.compress(content, 1) if packed else content
                write(pathlib.Path(place, label, f"{number}.txt"), content)
        found = read(DataPath.of(place, encoding))
    assert found == [
        (label, text.removesuffix("\r").replace("\r\n", "\n"))
        for label in sorted(texts)
        for text in texts[label]
    ]


TAGGED = st.tuples(st.sampled_from(["a", "é", "北京", "😀"]), st.sampled_from(["O", "B-X"]))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(TAGGED, min_size=1, max_size=4), min_size=1, max_size=4), STORED)
def test_tagged_words_round_trip_in_each_encoding(folder, sentences, stored_as):
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
