"""The processor of tagged texts: its options, and its checks of tags."""

import pytest

from finetune.tasks.tagging.processor import NERProcessor
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.util.errors import InputError


class ThirdColumn(NERProcessor):
    word_column = 2
    tag_column = 3


def text_of(tags, words=None, where="f:7"):
    words = words or [f"w{i}" for i in range(len(tags.split()))]
    return TaggedText.from_words("g", words, tags.split(), where, word_a_line=True)


def test_copy_with_options_leaves_the_processor_unchanged():
    processor = ThirdColumn()
    copy = processor.with_options(tag_column=0, data_form="conll", tag_scheme="IOB1")
    assert type(copy) is ThirdColumn
    assert (copy.word_column, copy.tag_column) == (2, 0)
    assert (copy.data_form, copy.tag_scheme) == ("conll", "IOB1")
    assert (processor.word_column, processor.tag_column) == (2, 3)
    assert (processor.data_form, processor.tag_scheme) == ("auto", "auto")


def test_tags_are_converted_to_iob2():
    (checked,) = NERProcessor().checked("train", [text_of("S-PER O B-LOC E-LOC")])
    assert checked.tags == ["B-PER", "O", "B-LOC", "I-LOC"]


def test_tags_of_data_to_predict_are_not_checked():
    untagged = TaggedText.from_words("g", ["a"])
    texts = NERProcessor().checked("test", [text_of("I-PER B-LOC"), untagged])
    assert [text.tags for text in texts] == [["B-PER", "B-LOC"], None]


@pytest.mark.parametrize(
    ("text", "scheme", "message"),
    [
        (
            text_of("B-PER O I-LOC I-LOC O I-PER"),
            "IOB2",
            r"^f:9: tag 'I-LOC': it cannot follow O \(and 1 more error\)\. "
            r"The tag scheme is IOB2, as --tag_scheme says\. Correct the tags, or use --tag_scheme"
            r"=lenient",
        ),
        (
            text_of("B-PER I-PER B-PER B-PER I-LOC"),
            "auto",
            r"^f:11: tag 'I-LOC': .*\. The tag scheme is IOB2, which most of the tags follow\.",
        ),
        (TaggedText.from_words("g", ["a"]), "auto", r"^g: the words have no tags; expected one"),
        (text_of("O O", ["a"]), "auto", r"^f:7: 2 tags for 1 word; expected one each\.$"),
        (text_of("O C-X"), "auto", r"^f:8: found 'C-X' as a tag; expected O, or B or I"),
        (TaggedText("g", " ", [], []), "auto", r"^train: the data contains no words\.$"),
    ],
)
def test_invalid_tags_raise_an_error_with_their_place(text, scheme, message):
    with pytest.raises(InputError, match=message):
        NERProcessor().with_options(tag_scheme=scheme).checked("train", [text])


def test_examples_of_a_different_class_raise_an_error():
    with pytest.raises(InputError, match=r"^ThirdColumn: read_examples returned str; expected"):
        ThirdColumn().checked("train", ["a text"])
