"""The processor of texts with labels: examples, options and files."""

import pytest

from finetune.data.processor import InputExample
from finetune.tasks.classification.forms import TextFormat
from finetune.tasks.classification.processor import MulticlassProcessor, bare_text_processor
from finetune.util.errors import InputError


class Semicolons(MulticlassProcessor):
    files = {"train": "mood"}
    options = TextFormat("semicolon")


def test_examples_are_named_by_split_and_line(tmp_path):
    path = tmp_path / "train.tsv"
    path.write_text("text\ttext_b\tlabel\na\tb\tx\n\nc\td\ty\n")
    assert list(MulticlassProcessor().read_examples(str(path), "dev")) == [
        InputExample("dev-2", "a", "b", "x", f"{path}:2"),
        InputExample("dev-4", "c", "d", "y", f"{path}:4"),
    ]


def test_only_test_data_can_lack_labels(tmp_path):
    path = tmp_path / "texts.tsv"
    path.write_text("text\na\nb\n")
    texts = [e.text_a for e in MulticlassProcessor().read_examples(str(path), "test")]
    assert texts == ["a", "b"]
    with pytest.raises(InputError, match=r"texts\.tsv"):
        list(MulticlassProcessor().read_examples(str(path), "train"))


def test_copy_with_options_leaves_the_processor_and_its_class_unchanged():
    processor = Semicolons()
    processor.mood = ["good"]
    copy = processor.with_options(TextFormat("csv"))
    assert (type(copy), copy.options, copy.mood) == (Semicolons, TextFormat("csv"), ["good"])
    assert processor.options == Semicolons.options == TextFormat("semicolon")


def test_copy_for_a_model_knows_its_labels():
    processor = Semicolons()
    informed = processor.for_model(("b", "a"), pairs=True)
    assert type(informed) is Semicolons
    assert informed.options == TextFormat("semicolon", known_labels=("b", "a"), pairs=True)
    assert processor.options == TextFormat("semicolon")


def test_file_is_found_with_a_usual_extension(tmp_path):
    (tmp_path / "mood.csv").write_text("")
    assert Semicolons().path_of(str(tmp_path), "train") == str(tmp_path / "mood.csv")
    (tmp_path / "mood.tsv").write_text("")
    with pytest.raises(InputError, match=r"mood\.(csv|tsv).*mood\.(csv|tsv)"):
        Semicolons().path_of(str(tmp_path), "train")


@pytest.mark.parametrize(("pairs", "text_b"), [(False, None), (True, "b")])
def test_each_line_of_bare_text_is_a_text_or_a_pair(tmp_path, pairs, text_b):
    path = tmp_path / "texts.txt"
    path.write_text("a\tb\n")
    (example,) = bare_text_processor(pairs).read_examples(str(path), "test")
    assert (example.text_a, example.text_b) == ("a" if pairs else "a\tb", text_b)
