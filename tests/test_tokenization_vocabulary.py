"""tokenization.py: vocabulary files, ids, and released checkpoints being cased or uncased."""

import re

import pytest

import tokenization
from tests.support.files import write


def test_ids_are_line_numbers(tmp_path):
    # Released vocabularies contain U+2028, which str.splitlines treats as a line end.
    path = tmp_path / "vocab.txt"
    write(path, "[PAD]\r\n\u2028\r\n##\u2028b\r\n\u00e9\r\nlast")
    vocab = tokenization.load_vocab(str(path))
    assert vocab["[PAD]"] == 0
    assert vocab["##\u2028b"] == 2
    assert vocab["\u00e9"] == 3
    assert vocab["last"] == 4
    assert len(vocab) == 5


def test_tokens_and_ids_are_converted_by_the_vocabulary(lower_tokenizer):
    assert lower_tokenizer.convert_tokens_to_ids(["[PAD]", "##ed", "un"]) == [0, 9, 6]
    assert lower_tokenizer.convert_ids_to_tokens([9, 0, 6]) == ["##ed", "[PAD]", "un"]
    vocab = {"un": 5, "##ed": 3}
    assert tokenization.convert_tokens_to_ids(vocab, ["##ed", "un"]) == [3, 5]
    assert tokenization.convert_ids_to_tokens({5: "un", 3: "##ed"}, [5, 3]) == ["un", "##ed"]
    with pytest.raises(KeyError, match="absent"):
        tokenization.convert_by_vocab(vocab, ["absent"])


def test_error_names_the_missing_vocabulary(tmp_path):
    with pytest.raises(
        tokenization.VocabularyError, match=r"absent\.txt: the vocabulary cannot be read"
    ):
        tokenization.FullTokenizer(str(tmp_path / "absent.txt"))


def test_error_names_the_vocabulary_that_is_not_utf8(tmp_path):
    path = tmp_path / "latin1.txt"
    write(path, b"caf\xe9\n")
    with pytest.raises(
        tokenization.VocabularyError, match=r"latin1\.txt: the vocabulary cannot be read .*utf-8"
    ):
        tokenization.load_vocab(str(path))


@pytest.mark.parametrize(
    ("do_lower_case", "name"),
    [
        (True, "uncased_L-12_H-768_A-12"),
        (True, "chinese_L-12_H-768_A-12"),
        (True, "multilingual_L-12_H-768_A-12"),
        (False, "cased_L-24_H-1024_A-16"),
        (False, "multi_cased_L-12_H-768_A-12"),
    ],
)
def test_do_lower_case_must_match_a_released_checkpoint(do_lower_case, name):
    checkpoint = "models/%s/bert_model.ckpt" % name
    tokenization.validate_case_matches_checkpoint(do_lower_case, checkpoint)
    message = "--do_lower_case=%s contradicts the model: %s is %s. Use --do_lower_case=%s." % (
        not do_lower_case,
        name,
        "uncased" if do_lower_case else "cased",
        do_lower_case,
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        tokenization.validate_case_matches_checkpoint(not do_lower_case, checkpoint)


@pytest.mark.parametrize(
    "checkpoint", [None, "", "bert_model.ckpt", "my_cased/bert_model.ckpt", "cased/model.ckpt"]
)
def test_any_case_is_accepted_for_an_unknown_checkpoint(checkpoint):
    assert tokenization.validate_case_matches_checkpoint(True, checkpoint) is None
    assert tokenization.validate_case_matches_checkpoint(False, checkpoint) is None
