"""Reading tagged texts in each form: no word is lost, and faults are said with file and line."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.tasks.tagging.readers import (
    FORMS,
    TagFormat,
    find_file,
    find_form,
    read_texts,
    word_split_for_training_file,
)
from finetune.util.errors import InputError
from processors import NERProcessor


def read(tmp_path, content, name="train.txt", form="auto", split="train", labels=None, **options):
    """Reads a file of the given content; `labels`: that of labels.txt beside it."""
    for file_name, text in ((name, content), ("labels.txt", labels)):
        if text is not None:
            raw = text if isinstance(text, bytes) else text.encode()
            (tmp_path / file_name).write_bytes(raw)
    return read_texts(
        str(tmp_path / name), form, split, TagFormat(need_tags=split != "test", **options)
    )


def words(text):
    return [text.word(i) for i in range(len(text.words))]


def tagged(texts):
    """Each text as one string, "word/TAG word/TAG"."""
    return [" ".join(f"{w}/{t}" for w, t in zip(words(text), text.tags)) for text in texts]


def lines_of(text):
    """The line that `place` names for each word."""
    return [int(text.place_of_word(i).rpartition(":")[2]) for i in range(len(text.words))]


# CoNLL columns.


def test_conll_gives_words_tags_and_where_they_stand(tmp_path):
    first, second = read(tmp_path, "Anna B-PER\nlives O\n\nParis B-LOC\n")
    assert (words(first), first.tags) == (["Anna", "lives"], ["B-PER", "O"])
    assert (first.text, first.words) == ("Anna lives", [(0, 4), (5, 10)])
    assert (first.guid, second.guid) == ("train-1", "train-4")
    path = tmp_path / "train.txt"
    assert (first.where, first.place_of_word(1)) == (f"{path}:1", f"{path}:2")
    assert (second.where, second.place_of_word(0)) == (f"{path}:4", f"{path}:4")


@pytest.mark.parametrize(
    "content",
    [
        "New B-LOC\nYork I-LOC\n\nHi O\n",
        "New\tB-LOC\nYork\tI-LOC\n\nHi\tO\n\n",
        "New NNP B-LOC\nYork NNP I-LOC\n\nHi UH O",
        "New  NNP B-NP   B-LOC\nYork NNP I-NP I-LOC\n\nHi UH O O",
        "New _ _ _ B-LOC\nYork _ _ _ I-LOC\n\nHi _ _ _ O\n\n\n\n",
        "New\tNNP\t_\t_\tB-LOC\nYork\tNNP\t_\t_\tI-LOC\n\nHi\tUH\t_\t_\tO\n",
        "New B-LOC\r\nYork I-LOC\r\n\r\nHi O\r\n",
        "New\tB-LOC\r\nYork\tI-LOC\r\n\r\n\r\nHi\tO",
        "New B-LOC \nYork I-LOC \n \t \nHi O \n  ",
        "\n\n \nNew B-LOC\nYork I-LOC\n\u00a0\nHi O\n",
        "-DOCSTART- -X- -X- O\n\nNew B-LOC\nYork I-LOC\n\n-DOCSTART- O\n\nHi O\n",
        "New B-LOC\nYork I-LOC\n-DOCSTART-\tO\nHi O\n-DOCSTART-\n",
        "\ufeffNew B-LOC\nYork I-LOC\n\nHi O\n",
        "\ufeff-DOCSTART- O\n\nNew B-LOC\nYork I-LOC\n\nHi O\n",
        "# first\nNew B-LOC\nYork I-LOC\n\n# id 7\tdomain=en\n# text = Hi\nHi O\n",
    ],
)
def test_conll_files_of_each_make_say_the_same(tmp_path, content):
    assert tagged(read(tmp_path, content)) == ["New/B-LOC York/I-LOC", "Hi/O"]


def test_lines_are_counted_with_separators_comments_and_documents(tmp_path):
    content = "-DOCSTART- O\n\n \nAnna B-PER\nlives O\n\n\n# about\nParis B-LOC\nis O\n"
    first, second = read(tmp_path, content)
    assert (lines_of(first), lines_of(second)) == ([4, 5], [9, 10])


GERMEVAL = (
    "#\thttp://de.example/wiki [2009-10-17]\t[2010-01-01]\n"
    "1\tSchartau\tB-PER\tO\n2\tsagte\tO\tO\n3\tdem\tO\tO\n4\tTagesspiegel\tB-ORG\tB-LOCpart\n\n"
    "#\thttp://de.example/wiki\t[2009-10-17]\n1\t#\tO\tO\n2\tBonn\tB-LOC\tO\n\n"
)


def test_word_and_tag_columns_can_be_chosen(tmp_path):
    outer = read(tmp_path, GERMEVAL, word_column=2, tag_column=3)
    expected = ["Schartau/B-PER sagte/O dem/O Tagesspiegel/B-ORG", "#/O Bonn/B-LOC"]
    assert tagged(outer) == expected
    assert [lines_of(text) for text in outer] == [[2, 3, 4, 5], [8, 9]]
    inner = read(tmp_path, GERMEVAL, word_column=2)
    assert [text.tags for text in inner] == [["O", "O", "O", "B-LOCpart"], ["O", "O"]]
    assert tagged(read(tmp_path, GERMEVAL, word_column=-3, tag_column=-2)) == expected


def test_a_processor_passes_its_columns_on(tmp_path):
    class GermEvalProcessor(NERProcessor):
        word_column, tag_column = 2, 3

    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.tsv").write_text(GERMEVAL, encoding="utf-8")
    processor = GermEvalProcessor()
    train, test = (
        processor.get_train_examples(str(tmp_path)),
        processor.get_test_examples(str(tmp_path)),
    )
    assert tagged(train) == tagged(test) == tagged(processor.get_dev_examples(str(tmp_path)))
    assert tagged(train)[1] == "#/O Bonn/B-LOC"
    assert (train[1].guid, test[1].guid) == ("train-8", "test-8")


def test_tag_column_0_reads_words_alone(tmp_path):
    (text,) = read(tmp_path, "Anna NNP\nlives VBZ\n", "test.txt", "conll", "test", tag_column=0)
    assert (words(text), text.tags) == (["Anna", "lives"], None)


def test_a_number_sign_with_a_tag_is_a_word_also_at_the_beginning(tmp_path):
    texts = read(tmp_path, "# O\n1 O\n\n#\tB-X\nfree\tI-X\n\n#jobs O\nx O\n# O\n")
    assert tagged(texts) == ["#/O 1/O", "#/B-X free/I-X", "#jobs/O x/O #/O"]


def test_a_number_sign_alone_on_its_line_is_a_word_to_predict(tmp_path):
    texts = read(tmp_path, "#\nfree\n\n#jobs\nnow\n", split="test", form="conll")
    assert [words(text) for text in texts] == [["#", "free"], ["#jobs", "now"]]


@pytest.mark.parametrize("word", ["\u200e", "\u00ad", "\u0301", "\ufffd", "\u200b", "\x07"])
@pytest.mark.parametrize("separator", [" ", "\t"])
def test_words_that_cannot_be_seen_stay(tmp_path, word, separator):
    content = f"{word}{separator}B-X\na{separator}O\n\n{word}{separator}O\n"
    assert tagged(read(tmp_path, content)) == [f"{word}/B-X a/O", f"{word}/O"]


def test_tab_separated_words_may_hold_any_space(tmp_path):
    texts = read(tmp_path, "10\u00a0000\tB-X\nNew York\tB-LOC\n\u3000\tO\na\u2028b\tO\n")
    assert words(texts[0]) == ["10\u00a0000", "New York", "\u3000", "a\u2028b"]
    assert texts[0].tags == ["B-X", "B-LOC", "O", "O"]
    assert lines_of(texts[0]) == [1, 2, 3, 4]


@pytest.mark.parametrize("word", ["10\u00a0000", "\u3000", "a\u2028b", "a\x85b"])
def test_columns_are_apart_by_spaces_and_tabs_and_nothing_else(tmp_path, word):
    # As in conlleval.pl; otherwise part of the word is lost in silence, or its row is refused.
    assert tagged(read(tmp_path, f"{word} B-X\na O\n")) == [f"{word}/B-X a/O"]


def test_tags_may_be_in_any_scheme_and_without_a_type(tmp_path):
    content = "a S-X\nb U-Y\nc M-X\nd L-X\ne E-X\nf B\ng I\nh O\n"
    assert read(tmp_path, content)[0].tags == "S-X U-Y M-X L-X E-X B I O".split()


def test_tags_to_predict_are_kept_and_need_not_be_there(tmp_path):
    assert tagged(read(tmp_path, "Anna B-PER\nis O\n", split="test")) == ["Anna/B-PER is/O"]
    texts = read(tmp_path, "Anna\nis\n\nhere\n", split="test")
    assert [(words(text), text.tags) for text in texts] == [
        (["Anna", "is"], None),
        (["here"], None),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Anna B-PER\nlives\n", r"train\.txt:2: 1 column \('lives'\); expected 2, like most"),
        ("a O\n\nAnna PER\n", r"train\.txt:3: found 'PER' as the tag \(column -1\); expected O"),
        ("a O\nAnna B_PER\n", r"train\.txt:2: found 'B_PER' as the tag.*expected O.*B-PER"),
        ("Anna X-PER\n", r"train\.txt:1: found 'X-PER' as the tag"),
        ("Anna B-\n", r"train\.txt:1: found 'B-' as the tag"),
        ("Anna b-per\n", r"train\.txt:1: found 'b-per' as the tag"),
        ("a O\n# not about a sentence\n", r"train\.txt:2: 5 columns.*expected 2, like"),
        ("a O\n\tO\n", r"train\.txt:2: 2 columns.*no word in column 1"),
        ("\n \n\t\n\r\n", r"train\.txt: only blank lines; expected one word per line"),
        ("-DOCSTART- O\n\n", r"train\.txt: only blank lines"),
        ("Anna\n\nlives\n", r"train\.txt: most lines have 1 column; expected the word in"),
        ("Anna O\rlives O\r", r"train\.txt:1: a CR inside the line"),
        ("a NN O\nb B-X\nc NN O\n", r"train\.txt:2: 2 columns \('b B-X'\); expected 3"),
        ("", r"train\.txt: the file is empty"),
        (b"a O\ncaf\xe9 O\n", r"train\.txt:2: byte 0xe9 at position 4 is not UTF-8"),
        (b"a O\nx\0y O\n", r"train\.txt:2: a NUL byte at position 2"),
        ("a O\n".encode("utf-16"), r"train\.txt:1: the file is UTF-16"),
    ],
)
def test_bad_columns_are_refused_with_their_line(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, content)


def test_a_first_word_with_a_bad_tag_is_refused_also_if_it_has_a_number_sign(tmp_path):
    # Taken for a comment, the word would be lost in silence.
    with pytest.raises(InputError, match=r"train\.txt:3: found 'B_X' as the tag"):
        read(tmp_path, "a\tO\n\n#jobs\tB_X\nnow\tO\n")


def test_columns_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"most lines have 3.*word in column 3 and.*another, -1"):
        read(tmp_path, "a b O\nc O\n", word_column=3)
    with pytest.raises(InputError, match=r"most lines have 2 .*the tag in another, 3\."):
        read(tmp_path, "b O\nc O\n", tag_column=3)
    with pytest.raises(InputError, match=r"most lines have 3.*word in column 1 and.*another, 1\."):
        read(tmp_path, "1\tAnna\tB-PER\n", tag_column=1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a O\nb O\n\nc\nd O\n", r"test\.txt:4: 1 column \('c'\); expected 2, like most lines"),
        ("a\n\nb\nc O\n", r"test\.txt:4: 2 columns \('c O'\); expected 1, like most lines"),
        ("a O\nb PER\n", r"test\.txt:2: found 'PER' as the tag.*--tag_column \(0: none"),
    ],
)
def test_a_file_to_predict_has_tags_at_each_word_or_at_none(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, content, "test.txt", "conll", "test")


@pytest.mark.parametrize("form", FORMS)
def test_missing_files_and_folders_are_named(tmp_path, form):
    with pytest.raises(InputError, match=r"none\.txt: cannot be read: No such file"):
        read_texts(str(tmp_path / "none.txt"), form, "train", TagFormat())
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_texts(str(tmp_path), form, "train", TagFormat())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "train.txt: the file is empty"),
        (b"ok\n\xff\n", "train.txt:2: byte 0xff at position 1"),
        (b"ok\n\0\n", "train.txt:2: a NUL byte at position 1"),
    ],
)
def test_damaged_files_are_refused_in_each_form(tmp_path, form, content, message):
    if b"ok" in content:
        content = content.replace(b"ok", b'{"text": "ok"}' if form == "jsonl" else b"ok")
    with pytest.raises(InputError, match=re.escape(message)):
        read(tmp_path, content, form=form, split="test")


# texts.txt and labels.txt.


def read_pair(tmp_path, texts, labels, split="train"):
    return read(tmp_path, texts, "texts.txt", split=split, labels=labels)


def test_a_label_for_each_character(tmp_path):
    first, second = read_pair(tmp_path, "我爱北京\n你好\n", "OOBI\nOO\n")
    assert (words(first), first.tags) == (list("我爱北京"), ["O", "O", "B", "I"])
    assert first.words == [(0, 1), (1, 2), (2, 3), (3, 4)]
    labels = tmp_path / "labels.txt"
    assert (second.guid, second.where) == ("train-2", f"{labels}:2")
    assert second.place_of_word(1) == f"{labels}:2, word 2"


def test_a_label_for_each_character_also_where_the_text_has_spaces(tmp_path):
    (text,) = read_pair(tmp_path, "我 爱\u3000北京😀", "BIOOBIO")
    assert "".join(words(text)) == "我爱北京😀"
    assert text.words == [(0, 1), (2, 3), (4, 5), (5, 6), (6, 7)]
    assert text.tags == ["B", "O", "B", "I", "O"]


def test_labels_apart_by_spaces_go_with_words(tmp_path):
    first, second = read_pair(
        tmp_path, "Anna  lives in Paris.\nHi!\n", "B-PER O O\tB-LOC\n  S-X \n"
    )
    assert (words(first), first.tags) == (
        ["Anna", "lives", "in", "Paris."],
        ["B-PER", "O", "O", "B-LOC"],
    )
    assert (words(second), second.tags) == (["Hi!"], ["S-X"])


@pytest.mark.parametrize(("texts", "labels"), [("我们", "BI"), ("New York", "B-LOC I-LOC")])
def test_empty_lines_on_both_sides_are_texts_without_words(tmp_path, texts, labels):
    seen = read_pair(tmp_path, f"\n{texts}\n\n\n", f"\n{labels}\n\n\n")
    assert [len(text.words) for text in seen] == [0, 2, 0, 0]
    assert [text.guid for text in seen] == ["train-1", "train-2", "train-3", "train-4"]
    expected = labels.split() if " " in labels else list(labels)
    assert [text.tags for text in seen] == [[], expected, [], []]


def test_texts_and_labels_may_have_windows_line_ends_and_byte_order_marks(tmp_path):
    (text,) = read_pair(tmp_path, "\ufeff我们\r\n", "\ufeffBI\r\n")
    assert (words(text), text.tags) == (["我", "们"], ["B", "I"])


def test_without_labels_the_texts_are_there_to_predict(tmp_path):
    texts = read_pair(tmp_path, "Hi, Anna\n\n你好\n", None, split="test")
    assert [words(text) for text in texts] == [["Hi", ",", "Anna"], [], ["你", "好"]]
    assert [text.tags for text in texts] == [None, None, None]
    with pytest.raises(
        InputError, match=r"labels\.txt does not exist; expected the tags of .*texts\.txt"
    ):
        read_pair(tmp_path, "Hi\n", None)


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        ("我们\n他\n", "BI\n", r"texts\.txt has 2 lines, .*labels\.txt 1; expected equally many"),
        # A single pair, which fits neither way.
        ("我爱北京\n", "BIO\n", r"labels\.txt:1: 3 labels, but 4 characters in .*texts\.txt:1"),
        ("a b c\n", "O B-X\n", r"labels\.txt:1: 2 labels, but 3 words .*in .*texts\.txt:1"),
        ("a\nb", "O\nO\nO", r"texts\.txt has 2 lines, .*labels\.txt 3"),
        ("a\n", "O\n\n", r"texts\.txt has 1 lines, .*labels\.txt 2"),
        (
            "我们\n他们\n",
            "BI\nBIO\n",
            r"labels\.txt:2: 3 labels, but 2 characters in .*texts\.txt:2; expected one each",
        ),
        (
            "New York\nHi\n",
            "B-L I-L\nO O\n",
            r"labels\.txt:2: 2 labels, but 1 word .*in .*texts\.txt:2; expected one each",
        ),
        ("我们\n\n他\n", "BI\nO\nO\n", r"labels\.txt:2: 1 label, but 0 characters"),
        ("我们\n他们\n", "BI\nBX\n", r"labels\.txt:2: found 'X' as a tag; expected O"),
        ("New York\n", "PER O\n", r"labels\.txt:1: found 'PER' as a tag; expected O"),
        ("a b\nc\n", "O O\nPER\n", r"labels\.txt:2: found 'PER' as a tag; expected O"),
        ("我们\n", b"B\xff\n", r"labels\.txt:1: byte 0xff at position 2 is not UTF-8"),
        ("我们\n", "", r"labels\.txt: the file is empty"),
    ],
)
def test_texts_and_labels_that_do_not_go_together_are_refused(tmp_path, texts, labels, message):
    with pytest.raises(InputError, match=message):
        read_pair(tmp_path, texts, labels)


def test_how_texts_to_predict_are_cut_follows_from_the_training_file(tmp_path):
    path = str(tmp_path / "texts.txt")
    read_pair(tmp_path, "我 们\n他\n", "BOI\nB\n")
    assert word_split_for_training_file(path) == "characters"
    read_pair(tmp_path, "New York\nI\n", "B-L I-L\nO\n")
    assert word_split_for_training_file(path) == "whitespace"
    assert word_split_for_training_file(str(tmp_path / "train.jsonl")) == "punctuation"


# JSON lines.


def line(text, *spans, key="entities"):
    return json.dumps({"text": text, key: list(spans)}, ensure_ascii=False) + "\n"


def span(start, end, kind):
    return {"start": start, "end": end, "type": kind}


def read_json(tmp_path, content, **options):
    return read(tmp_path, content, "train.jsonl", **options)


def test_spans_become_tags(tmp_path):
    text = "Anna lives in New York."
    content = line(text, span(14, 22, "LOC"), span(0, 4, "PER")) + "\n" + line("Hi")
    first, second = read_json(tmp_path, content)
    assert tagged([first]) == ["Anna/B-PER lives/O in/O New/B-LOC York/I-LOC ./O"]
    assert (first.text, first.words[3]) == (text, (14, 17))
    path = tmp_path / "train.jsonl"
    assert (first.where, first.place_of_word(3)) == (f"{path}:1", f"{path}:1, word 4")
    assert (second.guid, second.where, second.tags) == ("train-3", f"{path}:3", ["O"])


@pytest.mark.parametrize("key", ["entities", "spans", "labels", "label"])
@pytest.mark.parametrize(
    "form",
    [
        [0, 4, "PER"],
        {"start": 0, "end": 4, "type": "PER"},
        {"start": 0, "end": 4, "label": "PER", "id": 7},
        {"start": 0, "end": 4, "tag": "PER"},
    ],
)
def test_spans_may_be_objects_or_lists_under_any_of_the_names(tmp_path, key, form):
    assert tagged(read_json(tmp_path, line("Anna is", form, key=key))) == ["Anna/B-PER is/O"]


def test_a_span_is_widened_to_whole_words(tmp_path):
    content = line("the Parisians of Paris", span(4, 9, "LOC"), span(18, 19, "LOC"))
    assert tagged(read_json(tmp_path, content)) == ["the/O Parisians/B-LOC of/O Paris/B-LOC"]
    content = line("in New York now", span(2, 8, "LOC"))
    assert tagged(read_json(tmp_path, content)) == ["in/O New/B-LOC York/I-LOC now/O"]


def test_offsets_count_code_points_also_beyond_the_basic_plane(tmp_path):
    content = line("😀👍 Anna", span(3, 7, "PER"))
    escaped = '{"text": "\\ud83d\\ude00\\ud83d\\udc4d Anna", "entities": [[3, 7, "PER"]]}\n'
    for raw in (content, escaped):
        (text,) = read_json(tmp_path, raw)
        assert (words(text)[-1], text.tags[-1]) == ("Anna", "B-PER")
        assert text.text == "😀👍 Anna"


def test_word_split_says_how_the_text_is_cut(tmp_path):
    content = line("St. Paul", span(0, 3, "X"))
    assert tagged(read_json(tmp_path, content)) == ["St/B-X ./I-X Paul/O"]
    assert tagged(read_json(tmp_path, content, word_split="whitespace")) == ["St./B-X Paul/O"]
    seen = tagged(read_json(tmp_path, content, word_split="characters"))
    assert seen == ["S/B-X t/I-X ./I-X P/O a/O u/O l/O"]


def test_json_may_have_windows_line_ends_blank_lines_and_a_byte_order_mark(tmp_path):
    content = "\ufeff" + line("Anna", [0, 4, "PER"]) + "\n\n" + line("Hi")
    texts = read_json(tmp_path, content.replace("\n", "\r\n"))
    assert tagged(texts) == ["Anna/B-PER", "Hi/O"]
    assert [text.guid for text in texts] == ["train-1", "train-4"]


def test_json_without_spans_is_there_to_predict(tmp_path):
    content = '{"text": "Hi, Anna", "id": 3}\n{"text": ""}\n'
    first, second = read(tmp_path, content, "test.jsonl", split="test")
    assert (words(first), first.tags) == (["Hi", ",", "Anna"], None)
    assert (words(second), second.tags) == ([], None)
    with pytest.raises(
        InputError, match=r'train\.jsonl:1: found None as "entities"; expected a list of'
    ):
        read_json(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            line("a") * 2 + '{"text": "b"\n',
            r"jsonl:3: not JSON \(.*expected one object per line",
        ),
        (line("a") + '["text"]\n', r"jsonl:2: found '\[\"text\"\]'; expected an object"),
        ("3\n", r"jsonl:1: found '3'; expected an object"),
        ("[" * 100000 + "\n", r"jsonl:1: not JSON"),
        ('{"text": 7, "entities": []}\n', r'jsonl:1: found 7 as "text"; expected a string'),
        ('{"entities": []}\n', r'jsonl:1: found None as "text"; expected a string'),
        ('{"text": "a\\ud83d", "entities": []}\n', "jsonl:1: .*half a surrogate pair"),
        (
            '{"text": "a", "entities": "x"}\n',
            "jsonl:1: found 'x' as \"entities\"; expected a list",
        ),
        ('{"text": "a", "entities": null}\n', 'jsonl:1: found None as "entities"'),
        (
            line("Hi", span(0, 1.0, "X")),
            r"jsonl:1: found \{.*'end': 1\.0,.*\} as a span; expected",
        ),
        (line("Hi", span(False, True, "X")), "jsonl:1: found .* as a span"),
        (line("Hi", span("0", "1", "X")), "jsonl:1: found .* as a span"),
        (
            line("Hi", {"start": 0, "type": "X"}),
            r"jsonl:1: found \{'start': 0, 'type': 'X'\} as a span",
        ),
        (line("Hi", span(0, 1, "")), "jsonl:1: found .* as a span"),
        (line("Hi", span(0, 1, None)), "jsonl:1: found .* as a span"),
        (line("Hi", [0, 1]), r"jsonl:1: found \[0, 1\] as a span"),
        (line("Hi", 4), "jsonl:1: found 4 as a span"),
        (
            line("Hi") + line("Hi", span(1, 3, "X")),
            r"jsonl:2: span 1 to 3 \(X\) is outside the text, which has 2 characters",
        ),
        (line("Hi", span(-1, 1, "X")), r"jsonl:1: span -1 to 1 \(X\) is outside the text"),
        (line("Hi", span(1, 1, "X")), r"span 1 to 1 \(X\).*expected 0 <= start < end <= 2"),
        (line("Hi", span(2, 1, "X")), r"span 2 to 1 \(X\).*expected 0 <= start < end <= 2"),
        (line("a  b", span(1, 3, "X")), r"jsonl:1: span 1 to 3 \(X\) contains no word: '  '"),
        (
            line("New York City", span(4, 13, "CITY"), span(0, 8, "LOC")),
            r"jsonl:1: the spans 'New York' \(LOC\) and 'York City' \(CITY\) overlap; expected",
        ),
        (
            line("Parisian", span(0, 5, "LOC"), span(5, 8, "X")),
            r"jsonl:1: the spans 'Parisian' \(LOC\) and 'Parisian' \(X\) overlap",
        ),
    ],
)
def test_bad_json_is_refused_with_its_line(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read_json(tmp_path, content)


@pytest.mark.parametrize("kind", ["\ud800", "a\nb", "a\tb"])
def test_types_that_no_file_of_columns_can_hold_are_refused(tmp_path, kind):
    # The first cannot be written at all, the others break the rows of test_results.conll.
    content = json.dumps({"text": "Hi", "entities": [span(0, 2, kind)]})
    with pytest.raises(InputError, match=r"jsonl:1: "):
        read_json(tmp_path, content)


# Bare text.


def test_bare_texts_are_cut_into_words_and_none_is_lost(tmp_path):
    texts = read(tmp_path, "Hi, Anna!\n\n I am\there \n", "test.txt", split="test")
    assert [words(text) for text in texts] == [["Hi", ",", "Anna", "!"], [], ["I", "am", "here"]]
    assert [text.guid for text in texts] == ["test-1", "test-2", "test-3"]
    assert (texts[2].text, texts[2].words) == (" I am\there ", [(1, 2), (3, 5), (6, 10)])
    assert texts[2].place_of_word(1) == f"{tmp_path / 'test.txt'}:3, word 2"
    texts = read(
        tmp_path, "Hi, Anna!\n\n", "test.txt", "text", split="test", word_split="whitespace"
    )
    assert [words(text) for text in texts] == [["Hi,", "Anna!"], []]


# Which file, which form.


@pytest.mark.parametrize(
    ("name", "content", "need_tags", "form"),
    [
        ("train.txt", "Anna B-PER\n", True, "conll"),
        ("train.tsv", "Anna lives in Paris\n", True, "conll"),
        ("train.json", "", True, "jsonl"),
        ("train.jsonl", "", False, "jsonl"),
        ("texts.txt", "", True, "text_labels"),
        ("texts.txt", "", False, "text_labels"),
        ("test.txt", "Anna B-PER\nis O\n", False, "conll"),
        ("test.txt", "Anna B-PER\n", False, "conll"),
        ("test.txt", "Anna\nis\n\nhere\n", False, "conll"),
        ("test.txt", "-DOCSTART- -X- O\n\nAnna\nis\n\nNo\n", False, "conll"),
        ("test.txt", "Anna lives in Paris\nI am here\n", False, "text"),
        ("test.txt", "Hi\nAnna lives in Paris\n\nI am vitamin B\nNo\n", False, "text"),
        ("test.conll", "Anna NNP B-PER\nis VBZ O\nso RB PER\n", False, "conll"),
    ],
)
def test_the_form_is_found_by_name_and_content(tmp_path, name, content, need_tags, form):
    (tmp_path / name).write_text(content)
    assert find_form(str(tmp_path / name), TagFormat(need_tags=need_tags))[0] == form


def test_the_form_follows_the_columns_asked_for(tmp_path):
    path = tmp_path / "test.txt"
    path.write_text(GERMEVAL)
    assert find_form(str(path), TagFormat(2, 3, need_tags=False))[0] == "conll"
    path.write_text("Anna NNP\nlives VBZ\n\nin IN\n")
    assert find_form(str(path), TagFormat(tag_column=0, need_tags=False))[0] == "text"


@pytest.mark.parametrize(
    ("content", "form"),
    [
        ("Paris\nLondon\n\n", "text"),
        ("Paris\n\n# id 7\nLondon\n", "conll"),
        ("Paris\n\nLondon\nNew York\n", "text"),
        ("\n \n", "text"),
        # Texts that end in what could be a tag.
        ("My blood group is O\n", "text"),
        ("Give me an O\nHello Paris\n", "text"),
    ],
)
def test_one_word_a_line_is_conll_if_there_are_sentences(tmp_path, content, form):
    path = tmp_path / "test.txt"
    path.write_text(content)
    assert find_form(str(path), TagFormat(need_tags=False))[0] == form
    # A model of characters, or of words apart by white space, was not trained on CoNLL columns.
    assert find_form(str(path), TagFormat(word_split="characters", need_tags=False))[0] == "text"


def test_standard_input_holds_bare_texts():
    assert find_form("-", TagFormat(need_tags=False))[0] == "text"
    assert find_file("anywhere", "-") == "-"


@pytest.mark.parametrize(
    "name",
    ["dev", "dev.txt", "dev.conll", "dev.tsv", "dev.bio", "dev.iob2", "dev.json", "dev/texts.txt"],
)
def test_the_file_of_a_split_is_found_with_the_usual_endings(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    for other in (name, "train.txt", "dev.tags.txt", "dev2.txt"):
        (tmp_path / other).write_text("a O\n")
    assert find_file(str(tmp_path), "dev") == str(tmp_path / name)


def test_no_file_or_two_are_refused_with_what_there_is(tmp_path):
    (tmp_path / "train.csv").write_text("")
    with pytest.raises(
        InputError, match=r"no train data; .*\.conll .*or train/texts\.txt.*train\.csv"
    ):
        find_file(str(tmp_path), "train")
    with pytest.raises(
        InputError, match=r"nowhere: no train data; .*The folder contains: nothing\."
    ):
        find_file(str(tmp_path / "nowhere"), "train")
    (tmp_path / "train.txt").write_text("")
    (tmp_path / "train.jsonl").write_text("")
    with pytest.raises(InputError, match=r"train\.txt and .*train\.jsonl: both contain train"):
        find_file(str(tmp_path), "train")


# Whatever stands in the file.


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("random")


CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0\t\n\r\ufeff")
TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "E", "S-X-Y", "U-é"])


@st.composite
def conll_files(draw):
    """Returns (bytes, options, sentences) of a file in columns; a sentence is [(word, tag)]."""
    tabs = draw(st.booleans())
    if tabs:
        word = st.text(CHARACTERS, min_size=1, max_size=6).map(lambda w: w.strip(" ")).filter(bool)
    else:
        word = st.text(CHARACTERS.filter(lambda char: char != " "), min_size=1, max_size=6)
    word = st.one_of(
        word, st.sampled_from(["#", "#a", "\u3000", "O", "B-PER", "\u200e", "\u00ad", '"'])
    )
    sentences = draw(
        st.lists(st.lists(st.tuples(word, TAGS), min_size=1, max_size=4), min_size=1, max_size=4)
    )
    width = draw(st.integers(2, 5))
    places = draw(st.permutations(range(width)))[:2]
    signs = draw(st.tuples(st.booleans(), st.booleans()))
    columns = [place - width if sign else place + 1 for place, sign in zip(places, signs)]
    filler = st.lists(
        st.sampled_from(["_", "NN", "12", "#", "O", "B-X"]), min_size=width, max_size=width
    )
    separator = st.just("\t") if tabs else st.sampled_from([" ", "  ", "   "])
    blank = st.lists(st.sampled_from(["", " ", "\t", " \t "]), min_size=1, max_size=3)
    lines = draw(st.sampled_from([[], [""], ["-DOCSTART- -X- O", ""]]))
    for number, sentence in enumerate(sentences):
        lines = lines + (draw(blank) if number else [])
        for pair in sentence:
            cells = draw(filler)
            for place, cell in zip(places, pair):
                cells[place] = cell
            lines.append(draw(separator).join(cells))
    lines += draw(st.sampled_from([[], [""], ["", " ", ""]]))
    line_end = draw(st.sampled_from(["\n", "\r\n"]))
    mark = draw(st.sampled_from(["", "\ufeff"]))
    return (mark + line_end.join(lines)).encode(), TagFormat(*columns), sentences


@settings(deadline=None)
@given(conll_files())
def test_every_word_and_tag_comes_back_in_order_with_its_line(folder, case):
    content, options, sentences = case
    path = folder / "sentences.txt"
    path.write_bytes(content)
    texts = read_texts(str(path), "auto", "train", options)
    assert [list(zip(words(text), text.tags)) for text in texts] == sentences
    numbers = [number for text in texts for number in lines_of(text)]
    assert numbers == sorted(set(numbers))
    rows = content.decode().split("\n")
    for text in texts:
        for word, number in zip(words(text), lines_of(text)):
            assert word in rows[number - 1]


@settings(deadline=None)
@given(st.lists(st.text("我爱北京ab \u3000😀", max_size=5), min_size=1, max_size=4), st.data())
def test_every_character_keeps_its_label(folder, lines, data):
    labels = [data.draw(st.text("BIO", min_size=len(line), max_size=len(line))) for line in lines]
    (folder / "texts.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (folder / "labels.txt").write_text("".join(f"{line}\n" for line in labels))
    texts = read_texts(str(folder / "texts.txt"), "auto", "train", TagFormat())
    expected = [
        [(char, tag) for char, tag in zip(line, tags) if not char.isspace()]
        for line, tags in zip(lines, labels)
    ]
    assert [list(zip(words(text), text.tags)) for text in texts] == expected


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 8) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
JSON_SPANS = st.lists(
    st.one_of(
        st.tuples(st.integers(-1, 6), st.integers(-1, 8), st.sampled_from(["X", "Y", ""])),
        st.fixed_dictionaries({}, optional={"start": JSON_VALUES, "end": JSON_VALUES}),
        JSON_VALUES,
    ),
    max_size=3,
)
JSON_LINES = st.one_of(
    st.fixed_dictionaries(
        {"text": st.text(max_size=8) | JSON_VALUES},
        optional={"entities": JSON_SPANS, "label": JSON_SPANS | JSON_VALUES},
    ),
    JSON_VALUES,
).map(json.dumps)
FRAGMENTS = st.sampled_from(
    ["\n", "\r\n", "\n\n", "\t", " ", "O", "B-PER", "I", "B_X", "Anna", "#", "# a b", "-DOCSTART-"]
    + ["北", "\u00a0", "\u200e", "\u2028", "\x85", "\r", "{", "}", '{"text": "a b"}', "\ufeff"]
)
CONTENTS = st.one_of(
    st.binary(max_size=30),
    st.text(max_size=30).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(FRAGMENTS, max_size=20).map(lambda parts: "".join(parts).encode()),
    st.lists(JSON_LINES, max_size=3).map(lambda lines: "\n".join(lines).encode()),
)


@settings(deadline=None, max_examples=200)
@given(
    CONTENTS,
    st.none() | CONTENTS,
    st.sampled_from([(1, -1), (2, 3), (-1, 1), (1, 0), (3, 2)]),
    st.booleans(),
)
def test_a_file_of_whatever_content_is_read_or_refused_by_name(
    folder, content, labels, columns, need_tags
):
    path, labels_path = folder / "any.txt", folder / "labels.txt"
    path.write_bytes(content)
    labels_path.unlink(missing_ok=True)
    if labels is not None:
        labels_path.write_bytes(labels)
    for form in (*FORMS, "auto"):
        try:
            texts = read_texts(str(path), form, "dev", TagFormat(*columns, need_tags=need_tags))
        except InputError as error:
            assert str(path) in str(error) or str(labels_path) in str(error)
            continue
        for text in texts:
            assert text.tags is None or len(text.tags) == len(text.words)
            ends = [offset for word in text.words for offset in word]
            assert ends == sorted(ends) and (not ends or 0 <= ends[0] <= ends[-1])
            assert all(words(text)) and all(text.place_of_word(i) for i in range(len(text.words)))


def test_spans_that_cut_a_word_are_counted_in_a_warning(tmp_path, caplog):
    content = line("Anna Berg", span(0, 3, "X"), span(4, 9, "Y")) + line("Hi", span(0, 2, "X"))
    texts = read_json(tmp_path, content)
    assert tagged(texts) == ["Anna/B-X Berg/B-Y", "Hi/B-X"]
    (warning,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert warning.startswith("1 span beginning or ending inside a word")
    assert "train.jsonl:1)" in warning


def test_json_may_have_the_keys_of_doccano(tmp_path):
    entity = {"id": 3, "label": "PER", "start_offset": 0, "end_offset": 4}
    assert tagged(read_json(tmp_path, line("Anna lives", entity))) == ["Anna/B-PER lives/O"]
