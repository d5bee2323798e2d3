"""The file of a split is found by any usual name; two candidates are an error."""

import os

import pytest

from finetune.data.split_files import MissingData, find_file
from finetune.util.errors import InputError
from processors import PROCESSORS

ENDINGS = (".tsv", ".csv", ".txt")


def make(tmp_path, *names):
    """Makes empty files, and a folder for each name that ends with a slash."""
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir()
        else:
            path.write_bytes(b"")
    return str(tmp_path)


@pytest.mark.parametrize(
    ("split", "name"),
    [
        ("train", "train.tsv"),
        ("train", "train.csv"),
        ("train", "train.txt.gz"),
        ("train", "train"),
        ("dev", "dev.tsv"),
        ("dev", "val.csv"),
        ("dev", "valid.txt"),
        ("dev", "validation.tsv.gz"),
        ("test", "test.txt"),
        ("reviews", "reviews.csv"),
        ("reviews.dat", "reviews.dat"),
    ],
)
def test_the_file_of_a_split_is_found_by_usual_names(tmp_path, split, name):
    data_dir = make(tmp_path, name, "training.tsv", "train.tsv.bak", "devel.tsv", "my_test.tsv")
    assert find_file(data_dir, split, ENDINGS) == os.path.join(data_dir, name)


@pytest.mark.parametrize(
    ("split", "names", "inner", "found"),
    [
        ("train", ["train/pos/1.txt"], "", "train"),
        ("dev", ["validation/"], "", "validation"),
        ("train", ["train/texts.txt"], "texts.txt", "train/texts.txt"),
        ("dev", ["val/texts.txt", "dev/"], "texts.txt", "val/texts.txt"),
        ("train", ["train.csv", "train/"], "texts.txt", "train.csv"),
    ],
)
def test_a_folder_may_contain_the_data_of_a_split(tmp_path, split, names, inner, found):
    data_dir = make(tmp_path, *names)
    assert find_file(data_dir, split, ENDINGS, folders=(inner,)) == os.path.join(data_dir, found)


def test_standard_input_is_returned_unchanged(tmp_path):
    assert find_file(make(tmp_path, "-.tsv"), "-", ENDINGS) == "-"


@pytest.mark.parametrize(
    ("split", "names", "message"),
    [
        ("train", ["train.tsv", "train.csv"], r"train\.tsv and .*train\.csv: both contain train"),
        ("train", ["train.tsv", "train.tsv.gz"], r"train\.tsv and .*train\.tsv\.gz: both contain"),
        ("dev", ["dev.tsv", "val.tsv"], r"dev\.tsv and .*val\.tsv: both contain dev data; keep"),
        ("train", ["train.txt", "train/a/1.txt"], r"train\.txt and .*train: both contain train"),
        (
            "train",
            ["Train.csv", "train.xlsx"],
            r"no train data; expected train with one of the extensions \.tsv \.csv \.txt, or "
            r"train/\. The folder contains: Train\.csv, train\.xlsx\.",
        ),
        ("test", ["train.tsv"], r"no test data; .*The folder contains: train\.tsv\."),
        ("test", [], r"no test data; .*The folder contains: nothing\."),
    ],
)  # fmt: skip
def test_no_file_or_two_files_raise_an_error_that_lists_them(tmp_path, split, names, message):
    data_dir = make(tmp_path, *names)
    with pytest.raises(InputError, match=message) as caught:
        find_file(data_dir, split, ENDINGS, folders=("",))
    assert str(caught.value).startswith(data_dir)
    assert "\n" not in str(caught.value)


def test_error_names_the_missing_data_folder(tmp_path):
    with pytest.raises(
        InputError, match=r"nowhere: no train data; .*The folder contains: nothing\."
    ):
        find_file(str(tmp_path / "nowhere"), "train", ENDINGS, folders=("",))


def test_at_most_ten_other_files_are_listed(tmp_path):
    data_dir = make(tmp_path, *(f"file{i:02}.bin" for i in range(13)))
    with pytest.raises(InputError, match=r"The folder contains: file00\.bin, .*, file09\.bin\.$"):
        find_file(data_dir, "train", ENDINGS, folders=("",))


@pytest.mark.parametrize(
    "name",
    [
        "train.tsv", "train.csv", "train.jsonl", "train.ndjson", "train.json", "train.txt",
        "train.csv.gz", "train.jsonl.gz", "train",
    ],
)  # fmt: skip
def test_the_classifier_finds_each_form(tmp_path, name):
    data_dir = make(tmp_path, name)
    processor = PROCESSORS["multiclass"]()
    assert processor.path_of(data_dir, "train") == os.path.join(data_dir, name)


def test_missing_data_is_raised_only_if_there_is_no_file(tmp_path):
    with pytest.raises(MissingData):
        find_file(make(tmp_path, "dev.tsv"), "train", ENDINGS)
    with pytest.raises(InputError, match="both contain") as caught:
        find_file(make(tmp_path, "train.tsv", "train.csv"), "train", ENDINGS)
    assert not isinstance(caught.value, MissingData)
