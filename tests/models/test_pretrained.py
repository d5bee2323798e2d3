"""Loading a model's vocabulary and configuration, and checking them against each other."""

import json

import pytest

import modeling
from finetune.models import pretrained
from finetune.util.errors import InputError
from tests.support import tiny

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LOWER = [*SPECIAL, "[unused1]", "the", "lives", "in", "paris", "##s", "e", "1", "."]
CASED = [*SPECIAL, "[unused1]", "the", "lives", "in", "Paris", "##s", "E", "1", "."]
# Only one of 53 tokens with lower-case letters has a capital: too few for a cased model.
UNCLEAR = [*SPECIAL, *(f"w{i}" for i in range(52)), "Paris"]
# Like Google's chinese_L-12_H-768_A-12, which is uncased and contains <S> and <T>.
CHINESE = [*SPECIAL, "<S>", "<T>", "的", "##的", "a", "##b", "hello"]
NO_LETTERS = [*SPECIAL, "<S>", "的", "1", "."]


def write_model(folder, tokens, vocab_size=None, tokenizer_config=None):
    """Writes a model's small files; returns the paths of the vocabulary and the configuration."""
    (folder / "vocab.txt").write_text("".join(t + "\n" for t in tokens), encoding="utf-8")
    config = {"vocab_size": vocab_size or len(tokens), "hidden_size": 12, "num_attention_heads": 3}
    (folder / "bert_config.json").write_text(json.dumps(config), encoding="utf-8")
    if tokenizer_config is not None:
        (folder / "tokenizer_config.json").write_text(tokenizer_config, encoding="utf-8")
    return str(folder / "vocab.txt"), str(folder / "bert_config.json")


@pytest.mark.parametrize(
    ("tokens", "lower"),
    [(LOWER, True), (CASED, False), (CHINESE, True)],
    ids=["uncased", "cased", "Chinese"],
)
def test_case_is_detected_from_the_vocabulary(tmp_path, tokens, lower):
    model = pretrained.load(*write_model(tmp_path, tokens))
    assert model.do_lower_case is lower


@pytest.mark.parametrize("tokens", [LOWER, CASED, UNCLEAR])
@pytest.mark.parametrize("lower", [True, False])
def test_tokenizer_config_overrides_the_vocabulary(tmp_path, tokens, lower):
    text = json.dumps({"do_lower_case": lower, "model_max_length": 512})
    model = pretrained.load(*write_model(tmp_path, tokens, tokenizer_config=text))
    assert model.do_lower_case is lower


@pytest.mark.parametrize("text", ["{}", '{"do_lower_case": null}', '{"model_max_length": 512}'])
def test_tokenizer_config_without_do_lower_case_defers_to_the_vocabulary(tmp_path, text):
    model = pretrained.load(*write_model(tmp_path, CASED, tokenizer_config=text))
    assert model.do_lower_case is False


@pytest.mark.parametrize("text", ["[1]", "{", ""])
def test_error_names_the_malformed_tokenizer_config(tmp_path, text):
    paths = write_model(tmp_path, CASED, tokenizer_config=text)
    with pytest.raises(
        InputError, match=r"tokenizer_config\.json: not a tokenizer's conf.* Copy or"
    ):
        pretrained.load(*paths)


@pytest.mark.parametrize("tokens", [UNCLEAR, NO_LETTERS], ids=["few capitals", "no letters"])
def test_flag_is_required_if_the_case_is_unclear(tmp_path, tokens):
    paths = write_model(tmp_path, tokens)
    with pytest.raises(InputError, match="--do_lower_case=true or --do_lower_case=false"):
        pretrained.load(*paths)
    assert pretrained.load(*paths, do_lower_case=True).do_lower_case is True
    assert pretrained.load(*paths, do_lower_case=False).do_lower_case is False


@pytest.mark.parametrize(
    ("tokens", "asked", "message"),
    [
        (CASED, True, r"--do_lower_case=true contradicts .* is cased.*--do_lower_case=false"),
        (LOWER, False, r"--do_lower_case=false contradicts .* is uncased.*_case=true"),
    ],
)
def test_flag_that_contradicts_the_vocabulary_is_rejected(tmp_path, tokens, asked, message):
    with pytest.raises(InputError, match=message):
        pretrained.load(*write_model(tmp_path, tokens), do_lower_case=asked)


def test_flag_that_contradicts_the_tokenizer_config_is_rejected(tmp_path):
    paths = write_model(tmp_path, LOWER, tokenizer_config='{"do_lower_case": false}')
    with pytest.raises(
        InputError, match=r"=true contradicts .* according to .*tokenizer_config\.json"
    ):
        pretrained.load(*paths, do_lower_case=True)


@pytest.mark.parametrize(("tokens", "lower"), [(LOWER, True), (CASED, False)])
def test_flag_that_agrees_with_the_model_is_accepted(tmp_path, tokens, lower):
    model = pretrained.load(*write_model(tmp_path, tokens), do_lower_case=lower)
    assert model.do_lower_case is lower


@pytest.mark.parametrize(
    ("tokens", "pieces"),
    [(LOWER, ["paris", "##s", "the"]), (CASED, ["Paris", "##s", "[UNK]"])],
    ids=["uncased", "cased"],
)
def test_tokenizer_lower_cases_only_for_uncased_models(tmp_path, tokens, pieces):
    model = pretrained.load(*write_model(tmp_path, tokens))
    assert model.tokenizer.tokenize("Pariss THE") == pieces


@pytest.mark.parametrize("token", ["[UNK]", "[CLS]", "[SEP]"])
def test_vocabulary_without_a_special_token_is_rejected(tmp_path, token):
    tokens = [t for t in LOWER if t != token]
    with pytest.raises(InputError, match=rf"vocab\.txt: \[{token[1:-1]}\] missing"):
        pretrained.load(*write_model(tmp_path, tokens))


def numbered(count):
    return [*SPECIAL, *(f"w{i}" for i in range(count - len(SPECIAL)))]


# A table for 30522 tokens is often padded to 30528 or 30592 rows (multiples of 64 and 128).
@pytest.mark.parametrize("rows", [30522, 30528, 30592])
def test_padded_embedding_table_is_accepted(tmp_path, rows):
    model = pretrained.load(*write_model(tmp_path, numbered(30522), vocab_size=rows))
    assert len(model.tokenizer.vocab) == 30522
    assert model.bert_config.vocab_size == rows


@pytest.mark.parametrize("rows", [1008, 1137, 28996])
def test_vocabulary_of_a_different_size_is_rejected(tmp_path, rows):
    message = rf"vocab\.txt: 1009 tokens, but the model's vocab_size is {rows}\."
    with pytest.raises(InputError, match=message):
        pretrained.load(*write_model(tmp_path, numbered(1009), vocab_size=rows))


def test_vocabulary_size_is_the_number_of_lines_not_of_distinct_tokens():
    # Ids are line numbers, so the largest id determines the required size of the table.
    vocab = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "twice": 131}
    config = modeling.BertConfig(vocab_size=131)
    with pytest.raises(InputError, match="132 tokens"):
        pretrained.check_vocabulary(vocab, config, "vocab.txt")


def test_error_names_the_missing_file(tmp_path):
    vocab_file, config_file = write_model(tmp_path, LOWER)
    with pytest.raises(InputError, match=r"none\.txt: the vocabulary cannot be read"):
        pretrained.load(str(tmp_path / "none.txt"), config_file)
    with pytest.raises(InputError, match=r"none\.json: the BERT config cannot be read"):
        pretrained.load(vocab_file, str(tmp_path / "none.json"))


def test_error_names_the_vocabulary_that_is_not_utf8(tmp_path):
    vocab_file, config_file = write_model(tmp_path, LOWER)
    (tmp_path / "vocab.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"vocab\.txt: the vocabulary cannot be read .*utf-8"):
        pretrained.load(vocab_file, config_file)


@pytest.mark.parametrize(
    "setting",
    [
        {"strip_accents": False, "do_lower_case": True},
        {"tokenize_chinese_chars": False},
        {"tokenizer_class": "BertJapaneseTokenizer"},
    ],
)
def test_tokenizer_settings_that_bert_does_not_use_are_rejected(tmp_path, setting):
    tiny.write_google_model(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(setting))
    with pytest.raises(InputError, match=f"tokenizer_config.json: {next(iter(setting))} is"):
        pretrained.load(str(tmp_path / "vocab.txt"), str(tmp_path / "bert_config.json"))
