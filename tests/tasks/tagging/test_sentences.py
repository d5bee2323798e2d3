"""Finding the sentences of a text, and tagging each in windows of its own."""

import pytest

from finetune.tasks.tagging.features import encode_texts
from finetune.tasks.tagging.sentences import are_sentences, sentence_starts
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.tasks.tagging.word_splits import ENGLISH, WordSplit


def of(text):
    return TaggedText.from_spans("g", text, None, None, WordSplit("penn", ENGLISH))


@pytest.mark.parametrize(
    ("text", "first_words"),
    [
        ("Mr. Bean ran. He fell!  Why? He said", "Mr. He Why He"),
        ('He said "Go." She went. "No," he said.', 'He She "'),
        ("The U.S. won. S. Waugh lost.", "The S."),
        ("He paid. and left.", "He"),
        ("Wait... What?! Yes", "Wait What Yes"),
        ("TITLE\n\nHe ran\nfar.", "TITLE He"),
        ("TABLE\n1 Anna Rome\n2 Bob Oslo", "TABLE 1 2"),
        (
            f"The {'long ' * 8}talk of\nAnna and\nBob ended. It\nwas good\r\nTITLE",
            "The Bob It TITLE",
        ),
        ("我去。你来！好", "我 你 好"),
        ("他用iPhone。Tom来了。“好。”她", "他 Tom “ 她"),
        ("„Nein.“ Er ging. »Ja.« Sie („So.“) blieb.", "„ Er » Sie"),
        ("هل جاء؟ نعم. وہ آیا۔ میں", "هل نعم وہ میں"),
        ("TITLE\rHe ran\u2028Bob\x0cEve", "TITLE He Bob Eve"),
        # Lines of Chinese are wrapped at any character.
        (f"新闻\n{'我爱北京' * 20}天安门\n{'上太阳升' * 5}\n标题\n好", "新 我 标 好"),
        ("", ""),
    ],
)
def test_sentences_begin_after_final_punctuation(text, first_words):
    example = of(text)
    assert [example.word(i) for i in sentence_starts(example)] == first_words.split()


def test_no_sentence_ends_inside_a_word_that_was_split_at_punctuation():
    text = "The U.S. won 3.5. Then"
    example = TaggedText.from_spans("g", text, None, None, WordSplit("punctuation"))
    assert [example.word(i) for i in sentence_starts(example)] == ["The", "Then"]


def test_data_of_sentences_is_told_from_data_of_documents():
    assert are_sentences([of("He ran."), of("She fell")])
    assert not are_sentences([of("He ran. She fell."), of("It did.")])
    assert not are_sentences([])


class Tokenizer:
    """One wordpiece for each word."""

    vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3}

    def tokenize_to_ids(self, word):
        return [10 + len(word)]


def test_each_sentence_has_windows_of_its_own():
    def encode(by_sentence):
        return encode_texts(
            [of("Anna ran. Bob is here now."), of("No")],
            labels=None,
            max_seq_length=5,
            doc_stride=2,
            tokenizer=Tokenizer(),
            by_sentence=by_sentence,
        )

    features = encode(by_sentence=True)
    # "Anna ran ." is one window of 3 words, "Bob is here now ." has 2, "No" is the last.
    assert features.word_starts[0] == 0 and features.word_starts[-1] == 9
    assert features.starts.tolist()[:2] == [1, 1]
    assert features.ends.tolist()[0] == 1 and features.ends.tolist()[-2:] == [1, 1]
    assert features.word_starts.tolist()[1] == 3
    assert sum(features.starts) == sum(features.ends) == 3
    assert sum(encode(by_sentence=False).starts) == 2
