"""The toolkit's processors, and processors written for Google's BERT."""

import pytest

import processors
from processors import (
    PROCESSORS,
    DataProcessor,
    InputError,
    InputExample,
    MulticlassProcessor,
    TextFormat,
    WantedColumns,
)

# The public names of processors.py in version 0.1.0.
NAMES_OF_0_1_0 = (
    "BinaryProcessor DataProcessor Dict EmotionProcessor InputExample Iterable List MrpcProcessor "
    "MulticlassProcessor NERProcessor Optional PROCESSORS TaggedText Type Union Wnut17Processor "
    "data_files dataclasses ner_readers os read_cells read_lines read_tsv text_readers"
)


def test_all_names_that_a_users_class_needs_are_exported():
    added = "InputError MissingData TagFormat TextFormat WantedColumns read_quoted_cells"
    assert set(f"{NAMES_OF_0_1_0} {added}".split()) <= set(processors.__all__)
    assert [name for name in processors.__all__ if not hasattr(processors, name)] == []


def test_modules_that_classes_of_0_1_0_use_have_their_functions():
    for module, names in (
        (processors.data_files, "MissingData find_file"),
        (processors.text_readers, "ENDINGS FORMS TextRow find_form read_rows"),
        (processors.ner_readers, "FORMS find_file find_form read_texts"),
    ):
        assert [name for name in names.split() if not hasattr(module, name)] == []


def test_binary_processor_needs_no_label_to_predict(tmp_path):
    (tmp_path / "train.tsv").write_text("text\tlabel\nfine\tgood\nawful\tbad\n")
    (tmp_path / "test.tsv").write_text("text\nunknown yet\n")
    processor = PROCESSORS["binary"]()
    train = processor.get_train_examples(str(tmp_path))
    assert [(e.guid, e.text_a, e.text_b, e.label) for e in train] == [
        ("train-2", "fine", None, "good"),
        ("train-3", "awful", None, "bad"),
    ]
    assert train[1].where == f"{tmp_path / 'train.tsv'}:3"
    (test,) = processor.get_test_examples(str(tmp_path))
    assert (test.guid, test.text_a, test.label) == ("test-2", "unknown yet", None)


def test_training_data_without_labels_raises_an_error(tmp_path):
    (tmp_path / "train.tsv").write_text("text\nfine\n")
    with pytest.raises(InputError, match=r"train\.tsv:1: no column 'label'"):
        PROCESSORS["multiclass"]().get_train_examples(str(tmp_path))


def test_text_b_makes_a_pair(tmp_path):
    (tmp_path / "dev.tsv").write_text("label\ttext\ttext_b\nyes\tone\ttwo\n")
    (example,) = PROCESSORS["multiclass"]().get_dev_examples(str(tmp_path))
    assert (example.text_a, example.text_b) == ("one", "two")


@pytest.mark.parametrize(
    ("name", "content", "guids"),
    [
        ("train.csv", 'label;text\r\ngood;"fine; ""so"""\r\nbad;awful\r\n', ["train-2", "train-3"]),
        ("train.tsv", 'fine; "so"\tgood\nawful\tbad\n', ["train-1", "train-2"]),
        ("train.txt", 'fine; "so";good\n\nawful;bad\n', ["train-1", "train-3"]),
        (
            "train.jsonl",
            '{"text": "fine; \\"so\\"", "label": "good"}\n{"label": "bad", "text": "awful"}\n',
            ["train-1", "train-2"],
        ),
    ],
)
def test_multiclass_processor_detects_the_form_of_a_file(tmp_path, name, content, guids):
    (tmp_path / name).write_bytes(content.encode())
    processor = PROCESSORS["multiclass"]()
    assert processor.get_train_examples(str(tmp_path)) == [
        InputExample(guid, text, None, label, f"{tmp_path / name}:{guid[-1]}")
        for guid, text, label in zip(guids, ['fine; "so"', "awful"], ["good", "bad"])
    ]
    assert processor.get_labels() is None


def test_a_subclass_can_specify_its_columns(tmp_path):
    class Ratings(MulticlassProcessor):
        files = {"train": "ratings", "dev": "ratings", "test": "ratings"}
        options = TextFormat(columns=WantedColumns(header=False, text="3", label="-3"))

    (tmp_path / "ratings.csv").write_text('text,label,"a, b"\n5,7,c\n')
    examples = Ratings().get_dev_examples(str(tmp_path))
    assert [(e.guid, e.text_a, e.label) for e in examples] == [
        ("dev-1", "a, b", "text"),
        ("dev-2", "c", "5"),
    ]


def test_emotion_processor_splits_at_the_last_semicolon(tmp_path):
    (tmp_path / "val.txt").write_text("i feel fine; really;joy\n")
    (example,) = PROCESSORS["emotion"]().get_dev_examples(str(tmp_path))
    assert (example.text_a, example.label) == ("i feel fine; really", "joy")
    # Rows to predict: one with a label, one without, and one without a label but with a semicolon.
    (tmp_path / "test.txt").write_text("one;joy\ntwo\nbad; very bad\n")
    texts = [e.text_a for e in PROCESSORS["emotion"]().get_test_examples(str(tmp_path))]
    assert texts == ["one", "two", "bad; very bad"]
    (tmp_path / "val.txt").write_text("a;joy\nno label here\n")
    with pytest.raises(InputError, match=r"val\.txt:2: found 'no label here'; expected text;label"):
        PROCESSORS["emotion"]().get_dev_examples(str(tmp_path))


def test_mrpc_processor_reads_glue_files_with_stray_quotes(tmp_path):
    # The headers that GLUE distributes; the test file has no Quality.
    (tmp_path / "train.tsv").write_text(
        "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
        '1\t7\t8\tHe said " yes .\t" Yes , " he said .\n0\t9\t10\tA\tB\n',
        encoding="utf-8",
    )
    (tmp_path / "test.tsv").write_text("index\t#1 ID\t#2 ID\t#1 String\t#2 String\n0\t1\t2\tC\tD\n")
    processor = PROCESSORS["mrpc"]()
    train = processor.get_train_examples(str(tmp_path))
    assert train[0].text_a == 'He said " yes .'
    assert train[0].text_b == '" Yes , " he said .'
    assert [e.label for e in train] == ["1", "0"]
    (test,) = processor.get_test_examples(str(tmp_path))
    assert (test.text_a, test.text_b, test.label) == ("C", "D", None)
    assert processor.get_labels() == ["0", "1"]


def test_a_processor_written_for_google_bert_works(tmp_path):
    class ColaLike(DataProcessor):
        def get_dev_examples(self, data_dir):
            lines = self._read_tsv(data_dir + "/dev.tsv")
            return [InputExample("dev-%d" % i, r[3], None, r[1]) for i, r in enumerate(lines)]

        def get_labels(self):
            return ["0", "1"]

    (tmp_path / "dev.tsv").write_text('gj04\t1\t\tThe "sailors\nks08\t0\t*\tKim rode.\n')
    examples = ColaLike().get_dev_examples(str(tmp_path))
    assert [(e.text_a, e.label) for e in examples] == [('The "sailors', "1"), ("Kim rode.", "0")]
