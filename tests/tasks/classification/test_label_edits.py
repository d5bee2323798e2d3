"""Labels are cut by a pattern, and named by a file, as they are read."""

import pytest

from finetune.tasks.classification.config import ClassifierConfig
from finetune.tasks.classification.label_edits import LabelEdit, read_names
from finetune.tasks.classification.readers import TextFormat, read_rows
from finetune.util.errors import InputError, UsageError
from tests.support.files import write, write_data
from tests.tasks.classification.reading import labelled

TREC = "DESC:manner How did it end ?\nENTY:cremat What is it ?\nDESC:def What\n"


def test_lines_that_start_with_a_label_are_cut_by_a_pattern(tmp_path):
    path = write_data(tmp_path / "train.label", TREC)
    given = TextFormat("label_first", edit=LabelEdit("^[^:]+"))
    assert labelled(read_rows(path, given, need_label=True)) == [
        ("How did it end ?", "DESC"),
        ("What is it ?", "ENTY"),
        ("What", "DESC"),
    ]
    given = TextFormat("label_first", edit=LabelEdit("(man|mat|def)"))
    assert [row.label for row in read_rows(path, given, need_label=True)] == ["man", "mat", "def"]
    given = TextFormat("label_first", edit=LabelEdit("^ENTY"))
    with pytest.raises(InputError, match=r":1: the label 'DESC:manner' does not match --label_pat"):
        list(read_rows(path, given, need_label=True))


def test_labels_of_fasttext_lose_their_prefix(tmp_path):
    path = write_data(tmp_path / "a.txt", "__label__joy so good\n__label__a __label__b-c  x y\n")
    rows = labelled(read_rows(path, TextFormat(), need_label=True))
    assert rows == [("so good", "joy"), ("x y", ["a", "b-c"])]
    assert labelled(read_rows(path, TextFormat(), need_label=False)) == rows


def test_lines_to_predict_may_lack_their_label(tmp_path):
    given = TextFormat("label_first", known_labels=("DESC",), edit=LabelEdit("^[^:]+"))
    path = write_data(tmp_path / "a.txt", "DESC:x How ?\nNo label here\n")
    assert labelled(read_rows(path, given, need_label=False)) == [
        ("How ?", "DESC"),
        ("No label here", None),
    ]
    with pytest.raises(InputError, match=r"b\.txt:1: found 'word'; expected a label, a space"):
        list(read_rows(write_data(tmp_path / "b.txt", "word\n"), given, need_label=True))


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("anger\njoy\n", {"0": "anger", "1": "joy"}),
        ("1 World\n2 Sci/Tech\n", {"1": "World", "2": "Sci/Tech"}),
        ("1\tWorld news\n-1\tNone\n", {"1": "World news", "-1": "None"}),
        ("3=a=b\n7: c\n9,d\n", {"3": "a=b", "7": "c", "9": "d"}),
        ('{"0": "no", "1": "yes"}\n', {"0": "no", "1": "yes"}),
        ('{"id2label": {"0": "no",\n "1": "yes"}}\n', {"0": "no", "1": "yes"}),
        ("2 Fast 2 Furious\nother\n", {"0": "2 Fast 2 Furious", "1": "other"}),
    ],
)
def test_names_of_label_ids_are_read_from_a_file(tmp_path, content, names):
    assert read_names([str(write(tmp_path / "names.txt", content))], "utf-8") == names


def test_names_of_label_ids_can_be_listed():
    assert read_names(["a", "b"], "utf-8") == {"0": "a", "1": "b"}
    assert read_names(["4=a", "7=b"], "utf-8") == {"4": "a", "7": "b"}
    with pytest.raises(UsageError, match="--label_names=nofile: no such file"):
        read_names(["nofile"], "utf-8")
    with pytest.raises(InputError, match="^/dev/zero is a device; expected a file"):
        read_names(["/dev/zero"], "utf-8")
    with pytest.raises(UsageError, match="an id occurs twice"):
        read_names(["1=a", "1=b"], "utf-8")


def test_file_of_names_can_be_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "names.txt", "anger\njoy\n")
    assert read_names(["~/names.txt"], "utf-8") == {"0": "anger", "1": "joy"}
    assert read_names([f"file://{tmp_path}/names.txt"], "utf-8") == {"0": "anger", "1": "joy"}
    with pytest.raises(UsageError, match="^--label_names=gs://b/n.txt: remote paths are not supp"):
        read_names(["gs://b/n.txt"], "utf-8")


def test_label_ids_are_named():
    edit = LabelEdit(names={"0": "anger", "1": "joy"}, separator=",")
    assert edit.apply("1", "f:1") == ["joy"]
    assert edit.apply("1, 0", "f:1") == ["joy", "anger"]
    assert edit.apply(["0", "joy"], "f:1") == ["anger", "joy"]
    assert edit.apply("", "f:1") == "" and edit.apply(None, "f:1") is None
    edit = LabelEdit(names={"0": "anger", "1": "joy"})
    assert edit.apply("1", "f:1") == "joy"
    with pytest.raises(InputError, match=r"f:7: the label '4' has no name in --label_names, whose"):
        edit.apply("4", "f:7")


def test_a_wrong_pattern_is_rejected():
    with pytest.raises(UsageError, match=r"--label_pattern=\(: not a regular expression"):
        ClassifierConfig(do_check=True, label_pattern="(")
    with pytest.raises(UsageError, match="--quotechar=ab: expected one character"):
        ClassifierConfig(do_check=True, quotechar="ab")
