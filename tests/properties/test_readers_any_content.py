"""A file with any bytes is read or rejected with an error that names the file."""

import gzip
import os
import tempfile

from hypothesis import example, given, settings
from hypothesis import strategies as st

from finetune.data.columns import WantedColumns
from finetune.data.lines import DataPath
from finetune.tasks.classification import readers as text_readers
from finetune.tasks.tagging import readers as ner_readers
from finetune.util.errors import InputError
from tests.support.files import write

FILE_FORMS = [form for form in text_readers.FORMS if form != "folders"]
ENDINGS = ["", ".tsv", ".csv", ".jsonl", ".txt", ".csv.gz"]
PIECES = [
    "\n", "\r\n", "\n\n", "\r", "\t", ",", ";", "|", '"', '""', '"\n', " ", "text", "label", "x",
    "y", "a b", "\ufeff", "\u2028", "\x85", "\x0b", "\x1c", "\0", "\u200b", "\u0301", "😀", "北",
    "é", "{", "}", "[", "]", "null", "NaN", "1e999", "-1", "B-PER", "O", "-DOCSTART-", "# ",
    '{"text": "a", "label": ["x", 1, null]}\n', '{"text": "\\ud83d", "label": "\\udc00"}',
]  # fmt: skip
VALID_FILES = [
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
    """Draws a valid file with at most three short passages replaced."""
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"]))
    content = bytearray(draw(st.sampled_from(VALID_FILES)).encode(encoding))
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
    """Draws the bytes of a file, some of them compressed, then truncated or extended."""
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
    """Reads all rows and checks their types; an error must be one line that names the file."""
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
def test_any_text_file_is_read_or_rejected_by_name(
    folder, content, encoding, options, ending, need_label
):
    path = DataPath.of(str(folder / f"any{ending}"), encoding)
    write(path, content)
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
def test_any_folder_is_read_or_rejected_by_name(folder, tree, encoding, need_label):
    with tempfile.TemporaryDirectory(dir=folder) as place:
        for names, content in tree.items():
            inner = os.path.join(os.fsencode(place), *names)
            try:
                write(os.fsdecode(inner), content)
            except OSError:
                continue  # A file and a folder cannot have the same name.
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
def test_any_tagged_file_is_read_or_rejected_by_name(
    folder, content, labels, encoding, options, ending
):
    path, labels_path = DataPath.of(str(folder / f"any{ending}"), encoding), folder / "labels.txt"
    write(path, content)
    labels_path.unlink(missing_ok=True)
    if labels is not None:
        write(labels_path, labels)
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


def numbered(content):
    """Returns the number and the text of each line, computed with bytes.split."""
    lines = content.split(b"\n")
    ended = [line.removesuffix(b"\r") for line in lines[:-1]] + [lines[-1]] * bool(lines[-1])
    ended[:1] = [line.removeprefix(b"\xef\xbb\xbf") for line in ended[:1]]
    return [(number, line.decode()) for number, line in enumerate(ended, start=1)]


@settings(deadline=None, max_examples=200)
@given(CONTENTS, st.booleans())
def test_each_line_is_a_row_or_rejected(folder, content, need_label):
    path = str(folder / "lines.txt")
    write(path, content)
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
        # If there is a single column, a blank line between rows is a row with an empty text.
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
