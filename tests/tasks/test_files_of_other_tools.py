"""Files as other tools and people really leave them: joined, exported, renamed."""

import gzip
import json
import re
import subprocess
import sys

import pytest

from finetune.data.columns import WantedColumns
from finetune.data.lines import read_lines
from finetune.data.split_files import find_file
from finetune.tasks.classification.readers import TextFormat, resolve_format
from finetune.tasks.tagging.processor import NERProcessor
from finetune.util.errors import InputError
from tests.support.files import write_data
from tests.tasks.classification import reading as texts
from tests.tasks.tagging import reading as tags

BOM = "\ufeff"


@pytest.mark.parametrize("second", ["text,label\nbad,neg\n", "bad,neg\n"])
def test_byte_order_mark_inside_a_file_is_an_error_with_its_line(tmp_path, second):
    content = BOM + "text,label\ngood,pos\n" + BOM + second
    with pytest.raises(InputError, match=r"a\.csv:3: a byte order mark inside the file"):
        texts.read(tmp_path, content, "a.csv")


def test_byte_order_mark_inside_tagged_words_is_an_error_with_its_line(tmp_path):
    with pytest.raises(InputError, match=r"train\.txt:3: a byte order mark inside the file"):
        tags.read(tmp_path, f"{BOM}Anna\tB-PER\n\n{BOM}Bonn\tB-LOC\n")


def test_byte_order_mark_inside_a_line_is_reported_once(tmp_path, caplog):
    for _ in range(2):
        rows = texts.read(tmp_path, f"good;pos\nbad;neg{BOM}fine;pos\na{BOM}b;neg\n", "a.txt")
    assert [row.label for row in rows] == ["pos", "pos", "neg"]
    (message,) = [m for m in caplog.messages if "byte order mark" in m]
    assert f"{tmp_path}/a.txt:2: a byte order mark inside the line." in message


def test_byte_order_mark_inside_json_is_a_part_of_the_text(tmp_path, caplog):
    content = json.dumps({"text": f"a{BOM}b", "label": "neg"}, ensure_ascii=False)
    (row,) = texts.read(tmp_path, f"{BOM}{content}\n", "a.jsonl")
    assert row.text == f"a{BOM}b"
    assert not [m for m in caplog.messages if "byte order mark" in m]


@pytest.mark.parametrize("name", ["a.tsv", "a.csv"])
def test_lines_that_end_in_two_carriage_returns(tmp_path, name):
    separator = "\t" if name.endswith(".tsv") else ","
    content = separator.join(["text", "label\r\r\n"]) + separator.join(["good", "pos\r\r\n"])
    assert texts.labelled(texts.read(tmp_path, content, name)) == [("good", "pos")]


def test_quotes_after_a_space(tmp_path):
    content = 'text, label\n"good, very good", "pos"\n"bad", "neg"\n'
    rows = texts.read(tmp_path, content, "a.csv", text="text", label="label")
    assert texts.labelled(rows) == [("good, very good", "pos"), ("bad", "neg")]


def test_space_in_a_quoted_text_is_kept(tmp_path):
    content = 'text,label\n"He said, ""no""",neg\n" good",pos\n'
    rows = texts.read(tmp_path, content, "a.csv")
    assert texts.labelled(rows) == [('He said, "no"', "neg"), (" good", "pos")]


def test_keys_come_from_the_first_objects_not_only_the_first(tmp_path):
    content = '{"text": "a", "label": "x"}\n{"text": "b", "text_b": "c", "label": "y"}\n'
    with pytest.raises(InputError, match=r"a\.jsonl:1: no 'text_b'; its keys are 'text', 'label'"):
        texts.read(tmp_path, content, "a.jsonl")
    found = resolve_format(str(tmp_path / "a.jsonl"), TextFormat())
    assert found.columns.text_b == "text_b"


def test_second_text_that_appears_late_is_an_error_with_its_line(tmp_path):
    content = '{"text": "a", "label": "x"}\n' * 1000
    content += '{"text": "b", "text_b": null, "label": "y"}\n'
    content += '{"text": "b", "text_b": "c", "label": "y"}\n'
    with pytest.raises(InputError, match=r"a\.jsonl:1002: found 'text_b', which the first 1000"):
        texts.read(tmp_path, content, "a.jsonl")


@pytest.mark.parametrize("name", ["A.JSONL", "a.ndjson", "a.json", "a.Json.GZ", "a.txt", "a.data"])
def test_both_tasks_recognise_json_lines(tmp_path, name):
    content = b'{"text": "Anna", "label": "pos", "entities": [[0, 4, "PER"]]}\n'
    if name.endswith(".GZ"):
        content = gzip.compress(content)
    assert texts.labelled(texts.read(tmp_path, content, name)) == [("Anna", "pos")]
    assert tags.tagged(tags.read(tmp_path, content, name)) == ["Anna/B-PER"]
    (text,) = tags.read(tmp_path, content, name, split="test")
    assert text.text == "Anna"


def test_case_of_an_extension_does_not_matter_in_a_data_folder(tmp_path):
    (tmp_path / "train.JSONL.GZ").write_bytes(b"")
    (tmp_path / "Train.jsonl").write_bytes(b"")
    found = find_file(str(tmp_path), "train", [".jsonl", ".txt"])
    assert found == f"{tmp_path}/train.JSONL.GZ"


def test_labels_before_the_semicolon_are_an_error(tmp_path):
    rows = [f"{'pos' if i % 2 else 'neg'};this is text {i}\n" for i in range(10)]
    path = write_data(tmp_path / "a.txt", "".join(rows))
    with pytest.raises(InputError, match=r"a\.txt:1: each label of the first 10 rows occurs only"):
        resolve_format(path, TextFormat())
    # Ten targets of a regression can differ, and nine labels can be an accident.
    path = write_data(tmp_path / "b.txt", "".join(f"text;{i}.5\n" for i in range(10)))
    assert resolve_format(path, TextFormat()).form == "auto"
    path = write_data(tmp_path / "c.txt", "".join(rows[:9]))
    assert resolve_format(path, TextFormat()).form == "auto"


def test_table_under_the_name_of_bare_text_causes_a_warning(tmp_path, caplog):
    rows = texts.read(tmp_path, "text,label\ngood,pos\n", "a.txt", need_label=False)
    assert [row.text for row in rows] == ["text,label", "good,pos"]
    assert "a.txt:1: 'text,label' is read as a text, not as a header" in caplog.text
    caplog.clear()
    texts.read(tmp_path, "a text, and more\n", "a.txt", need_label=False)
    assert not caplog.text


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["_SUCCESS", "part-00000.csv"], "out: a folder that Spark wrote (_SUCCESS)"),
        (["part-00000-1a2b-c000.txt"], "out: a folder that Spark wrote (part-00000-1a2b-c000.txt)"),
        (["part-r-00000"], "out: a folder that Spark wrote (part-r-00000)"),
        (["_committed_17", "a"], "out: a folder that Spark wrote (_committed_17)"),
        (["label=pos/part-00000"], "label=pos: a folder that Spark wrote (part-00000)"),
        (["a.csv"], "out/a.csv: a table or JSON file"),
        (["a.JSONL.gz"], "out/a.JSONL.gz: a table or JSON file"),
        (["pos/a.tsv"], "out/pos/a.tsv: a table or JSON file"),
    ],
)
def test_folder_of_parts_or_tables_is_an_error(tmp_path, names, found):
    for name in names:
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_bytes(b"")
    with pytest.raises(InputError, match=re.escape(found)):
        list(texts.read_rows(str(tmp_path / "out"), TextFormat(), need_label=False))


def test_words_that_are_all_numbers_cause_a_warning(tmp_path, caplog):
    def check(words):
        content = "".join(f"{i}\t{word}\tO\n" for i, word in enumerate(words))
        path = write_data(tmp_path / "train.txt", content)
        processor = NERProcessor().with_options(word_column=1)
        processor.checked("train", processor.read_examples(path, "train"))

    check(["Anna"] * 10)
    assert "train: every word is a number. If the first column numbers the words" in caplog.text
    caplog.clear()
    check(["Anna"] * 9)
    assert "every word is a number" not in caplog.text


def spans(text, *items):
    return json.dumps({"text": text, "spans": items}, ensure_ascii=False) + "\n"


def test_offsets_in_utf16_units_are_converted(tmp_path, caplog):
    # Each emoji is one character, and two units of UTF-16. JavaScript counts units.
    mira = {"start": 5, "end": 9, "text": "Mira", "label": "PER"}
    (text,) = tags.read(tmp_path, spans("😀😀 Mira lives.", mira), "a.jsonl")
    assert tags.tagged([text]) == ["😀😀/O Mira/B-PER lives/O ./O"]
    assert "1 span with offsets in UTF-16 units" in caplog.text
    caplog.clear()
    mira = {"start": 3, "end": 7, "text": "Mira", "label": "PER"}
    assert tags.tagged(tags.read(tmp_path, spans("😀😀 Mira lives.", mira), "a.jsonl")) == [
        "😀😀/O Mira/B-PER lives/O ./O"
    ]
    assert "UTF-16" not in caplog.text


def test_offsets_that_contradict_the_text_of_the_span_are_an_error(tmp_path):
    item = {"start": 1, "end": 5, "text": "Mira", "label": "PER"}
    message = r"a\.jsonl:1: the span 1 to 5 says that its text is 'Mira', but .* are 'ira '"
    with pytest.raises(InputError, match=message):
        tags.read(tmp_path, spans("Mira lives.", item), "a.jsonl")


def test_carriage_return_in_a_cell_is_an_error_that_says_so(tmp_path):
    content = "text,label\ngood\rfilm,pos\nbad,neg\n"
    with pytest.raises(InputError, match=r"a\.csv:2: a CR \(\^M\) inside a cell without quotes"):
        texts.read(tmp_path, content, "a.csv")
    with pytest.raises(InputError, match=r"a\.csv:1: a CR inside the line"):
        texts.read(tmp_path, "text,label\rgood,pos\rbad,neg\r", "a.csv")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "one\ntwo\rthree\nfour\n"),
        ("a.tsv", "text\none\ntwo\rthree\n"),
        ("a.tsv", "text\tx\none\t1\ntwo\t2\rthree\t3\n"),
        ("a.jsonl", '{"text": "one"}\n{"text": "two"}\n{"text": "three"}\r{"text": "four"}\n'),
    ],
)
def test_lines_that_end_in_cr_among_others_are_an_error(tmp_path, name, content):
    with pytest.raises(InputError, match=rf"{name}:[23]: a CR inside the line: .* `perl -pe 's/"):
        texts.read(tmp_path, content, name, need_label=False)


def test_labelled_lines_that_end_in_cr_among_others_are_an_error(tmp_path):
    content = "one;pos\ntwo;neg\rthree;pos\n"
    with pytest.raises(InputError, match=r"a\.txt:2: a CR inside the line"):
        texts.read(tmp_path, content, "a.txt")
    content = "__label__a one\n__label__b two\r__label__a three\n"
    with pytest.raises(InputError, match=r"a\.txt:2: a CR inside the line"):
        texts.read(tmp_path, content, "a.txt")


def test_bare_text_to_tag_whose_lines_end_in_cr_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"a\.txt:2: a CR inside the line"):
        tags.read(tmp_path, "A text here.\nMore text.\rAnd more.\n", "a.txt", split="test")
    labels = "O O\nO\rO\n"
    with pytest.raises(InputError, match=r"labels\.txt:2: a CR inside the line"):
        tags.read(tmp_path, "a b\nc d\n", "texts.txt", labels=labels)


def test_perl_command_of_the_message_converts_line_ends(tmp_path):
    path = write_data(tmp_path / "a.txt", "one\rtwo\r\nthree\n")
    with pytest.raises(InputError) as caught:
        texts.read(tmp_path, "one\rtwo\r\nthree\n", "a.txt", need_label=False)
    command = str(caught.value).split("`")[1]
    done = subprocess.run(f"{command} {path}", shell=True, capture_output=True, check=True)
    assert done.stdout == b"one\ntwo\nthree\n"


SEMICOLONS = 'text;label\n"good; really";pos\nbad;neg\n'


@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
@pytest.mark.parametrize("line", ["sep=;\r\n", "SEP=;\n", '"sep=;"\n', "sep=;;\n"])
@pytest.mark.parametrize("mark", ["", BOM])
def test_line_in_which_excel_sets_the_delimiter_is_skipped(tmp_path, name, line, mark):
    path = write_data(tmp_path / name, mark + line + SEMICOLONS)
    found = resolve_format(path, TextFormat())
    assert (found.columns.text, found.columns.label) == ("text", "label")
    rows = texts.read(tmp_path, mark + line + SEMICOLONS, name)
    assert texts.labelled(rows) == [("good; really", "pos"), ("bad", "neg")]
    assert texts.lines_of(rows) == [3, 4]
    rows = texts.read(tmp_path, mark + line + "text\ngood\n", name, need_label=False)
    assert texts.labelled(rows) == [("good", None)]


@pytest.mark.parametrize("delimiter", [",", "|", "\t", "^"])
def test_delimiter_of_excels_line_is_used(tmp_path, delimiter):
    content = f"sep={delimiter}\n" + "".join(
        delimiter.join(row) + "\n" for row in (["text", "label"], ["a; b; c", "pos"])
    )
    assert texts.labelled(texts.read(tmp_path, content, "a.csv")) == [("a; b; c", "pos")]


def test_text_that_resembles_excels_line_is_a_text(tmp_path):
    for line in ("sep=a", "sep=", "sep=; is Excel's"):
        rows = texts.read(tmp_path, f"{line},pos\ngood,neg\n", "a.csv", header=False, label="2")
        assert rows[0].text == line


@pytest.mark.parametrize(
    ("title", "name", "separator", "line"),
    [
        ("Export of 3 May,\n,\n", "a.csv", ",", 3),
        ("Export of 3 May\n", "a.csv", ",", 2),
        ("Export of 3 May\n\n\n", "a.csv", ";", 4),
        ("Reviews\tof May\n", "a.tsv", "\t", 2),
        ("Reviews\n\n", "a.tsv", "\t", 3),
        ("Review,\n", "a.csv", ",", 2),
        ("Reviews;of;May\n", "a.txt", ";", 2),
    ],
)
def test_title_above_the_header_is_an_error_that_names_the_header(
    tmp_path, title, name, separator, line
):
    rows = [["text", "label"], *(["a text", "pos"], ["more", "neg"]) * 5]
    path = write_data(tmp_path / name, title + "".join(separator.join(r) + "\n" for r in rows))
    message = rf"{name}:{line}: the line looks like a header, but is not the first line\. Delete"
    with pytest.raises(InputError, match=message):
        text_format = resolve_format(path, TextFormat())
        list(texts.read_rows(path, text_format, need_label=True))


def test_title_above_a_header_with_names_of_flags(tmp_path):
    content = "Export,\nSatz,Urteil\ngood,pos\nbad,neg\n"
    with pytest.raises(InputError, match=r"a\.csv:2: the line looks like a header"):
        texts.read(tmp_path, content, "a.csv", text="Satz", label="Urteil")
    rows = texts.read(tmp_path, "x,y\ntext,label\n", "a.csv", header=False, text="1", label="2")
    assert texts.labelled(rows) == [("x", "y"), ("text", "label")]


def test_unused_columns_can_have_the_same_name(tmp_path):
    content = "id,text,other,label,other\n1,good,a,pos,b\n2,bad,a,neg,b\n"
    assert texts.labelled(texts.read(tmp_path, content, "a.csv")) == texts.GOOD_BAD
    rows = texts.read(tmp_path, content, "a.csv", text="5", label="4")
    assert texts.labelled(rows) == [("b", "pos"), ("b", "neg")]
    with pytest.raises(InputError, match=r"a\.csv:1: the header names a column twice, 'other': "):
        texts.read(tmp_path, content, "a.csv", text="other")


def test_column_whose_name_occurs_twice_is_remembered_by_its_number(tmp_path):
    content = "text,label,label\ngood,x,pos\nbad,x,neg\n"
    with pytest.raises(InputError, match=r"names a column twice, 'label': .* by its number"):
        texts.read(tmp_path, content, "a.csv")
    path = str(tmp_path / "a.csv")
    wanted = TextFormat(columns=WantedColumns(text="1", label="3"))
    found = resolve_format(path, wanted)
    assert (found.columns.text, found.columns.label) == ("text", "3")
    rows = texts.read_rows(path, found, need_label=True)
    assert texts.labelled(rows) == texts.GOOD_BAD


_IN_A_FRESH_PROCESS = """
import sys
from finetune.tasks.classification.readers import TextFormat, read_rows, resolve_format
text_format = resolve_format(sys.argv[1], TextFormat())
print(max(len(row.text) for row in read_rows(sys.argv[1], text_format, need_label=True)))
"""


def test_large_cell_is_read(tmp_path):
    # In a fresh process: the limit of the csv module holds for the whole process.
    path = write_data(tmp_path / "a.csv", f"text,label\n{'a ' * 110_000},pos\nbad,neg\n")
    command = [sys.executable, "-c", _IN_A_FRESH_PROCESS, path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "220000\n"


def test_quote_before_a_large_rest_of_a_file_is_an_error(tmp_path):
    content = 'text,label\n"bad,neg\n' + "a good film,pos\n" * 20_000
    path = write_data(tmp_path / "a.csv", content)
    with pytest.raises(InputError, match=r"a\.csv:2: a quote is not closed before the end"):
        resolve_format(path, TextFormat())


def test_many_spans_in_a_long_text(tmp_path):
    items = [[20 * i, 20 * i + 4, "PER"] for i in range(5_000)]
    (text,) = tags.read(tmp_path, spans(" ".join(["word"] * 20_000), *items), "a.jsonl")
    assert text.tags == ["B-PER", "O", "O", "O"] * 5_000


def test_file_without_blank_lines_causes_a_warning(tmp_path, caplog):
    def check(number, end=""):
        path = write_data(tmp_path / "train.txt", "Anna\tB-PER\n" * number + end)
        processor = NERProcessor()
        processor.checked("train", processor.read_examples(path, "train"))

    check(201)
    assert f"{tmp_path}/train.txt: all 201 words are one text, because no blank" in caplog.text
    caplog.clear()
    check(200)
    check(201, "\nBonn\tB-LOC\n")
    assert "blank line" not in caplog.text


def test_link_to_a_missing_file_is_an_error_that_names_it(tmp_path):
    (tmp_path / "train.csv").symlink_to("/no/such/file.csv")
    with pytest.raises(InputError, match=r"train\.csv: a link to /no/such/file\.csv, which does"):
        find_file(str(tmp_path), "train", [".csv"])
    with pytest.raises(InputError, match=r"train\.csv: a link to /no/such/file\.csv, which does"):
        list(read_lines(str(tmp_path / "train.csv")))
