"""A Hugging Face tokenizer's settings and added tokens are supported or rejected."""

import json

import pytest

from finetune.models import tokenizer_files
from finetune.util.errors import InputError

# As Hugging Face's BertTokenizer.save_pretrained writes it for bert-base-uncased, shortened.
_DECODER = {
    str(number): {"content": token, "lstrip": False, "single_word": False, "special": True}
    for number, token in ((0, "[PAD]"), (100, "[UNK]"), (101, "[CLS]"), (102, "[SEP]"))
}
OF_BERT = {
    "added_tokens_decoder": _DECODER,
    "clean_up_tokenization_spaces": True,
    "cls_token": "[CLS]",
    "do_basic_tokenize": True,
    "do_lower_case": True,
    "extra_special_tokens": {},
    "mask_token": {"content": "[MASK]", "lstrip": True, "normalized": False},
    "model_max_length": 1000000000000000019884624838656,
    "never_split": None,
    "strip_accents": None,
    "tokenize_chinese_chars": True,
    "tokenizer_class": "BertTokenizer",
    "unk_token": "[UNK]",
}


def read(folder, name, content):
    (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return tokenizer_files.read(str(folder))


def test_settings_of_bert_are_supported(tmp_path):
    assert read(tmp_path, "tokenizer_config.json", OF_BERT).do_lower_case is True
    tokens = {"cls_token": "[CLS]", "mask_token": {"content": "[MASK]"}}
    assert read(tmp_path, "special_tokens_map.json", tokens).do_lower_case is True
    assert read(tmp_path, "added_tokens.json", {"[MASK]": 103}).do_lower_case is True


def test_folder_without_these_files_has_no_settings(tmp_path):
    assert tokenizer_files.read(str(tmp_path)) == tokenizer_files.TokenizerConfig()


def test_equal_strip_accents_and_do_lower_case_are_supported(tmp_path):
    config = {"strip_accents": False, "do_lower_case": False}
    assert read(tmp_path, "tokenizer_config.json", config).do_lower_case is False


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("added_tokens.json", {"<user>": 30522}, "adds '<user>', which this toolkit's tokenizer"),
        ("added_tokens.json", {"[CLS]": 2, "<a>": 5, "<b>": 6}, "adds '<a>' and 1 other token, w"),
        (
            "tokenizer_config.json",
            {"added_tokens_decoder": {**_DECODER, "30522": {"content": "<user>"}}},
            "adds '<user>', which",
        ),
        ("special_tokens_map.json", {"additional_special_tokens": ["<e1>"]}, "adds '<e1>', which"),
        (
            "tokenizer_config.json",
            {"additional_special_tokens": [{"content": "<e1>"}]},
            "adds '<e1>', which",
        ),
        ("tokenizer_config.json", {"never_split": ["C++"]}, "never_split contains 'C++', which"),
        ("tokenizer_config.json", {"do_basic_tokenize": False}, "do_basic_tokenize is false, w"),
        ("tokenizer_config.json", {"cls_token": "<s>"}, "cls_token is '<s>', which this toolkit's"),
        ("special_tokens_map.json", {"unk_token": {"content": "<unk>"}}, "unk_token is '<unk>'"),
        ("tokenizer_config.json", {"tokenize_chinese_chars": False}, "tokenize_chinese_chars is"),
        ("tokenizer_config.json", {"tokenizer_class": "X"}, "tokenizer_class is 'X', which"),
        ("tokenizer_config.json", {"strip_accents": False, "do_lower_case": True}, "strip_accents"),
        (
            "tokenizer_config.json",
            {"do_lower_case": "true"},
            "not a tokenizer's configuration (do_lower_case is 'true'; expected true or false or",
        ),
        (
            "added_tokens.json",
            {"<user>": "30522"},
            "not a tokenizer's configuration ('<user>' is '30522'; expected a whole number). Copy",
        ),
        (
            "special_tokens_map.json",
            {"additional_special_tokens": "<e1>"},
            "not a tokenizer's configuration (additional_special_tokens is '<e1>'; expected a list",
        ),
    ],
)
def test_unsupported_setting_or_token_is_rejected(tmp_path, name, content, message):
    with pytest.raises(InputError) as caught:
        read(tmp_path, name, content)
    assert str(caught.value).startswith(f"{tmp_path / name}: {message}")
    assert len(str(caught.value).splitlines()) == 1
