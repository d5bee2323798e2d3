"""A model's vocabulary, configuration and case, and whether they fit together."""

import json

import pytest

import modeling
from finetune.models import pretrained
from finetune.util.errors import InputError
from tests.support import tiny

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LOWER = [*SPECIAL, "[unused1]", "the", "lives", "in", "paris", "##s", "e", "1", "."]
CASED = [*SPECIAL, "[unused1]", "the", "lives", "in", "Paris", "##s", "E", "1", "."]
# Capitals are 1 in 53 of the tokens with lower-case letters: neither many nor none.
UNCLEAR = [*SPECIAL, *(f"w{i}" for i in range(52)), "Paris"]
# As in Google's chinese_L-12_H-768_A-12, which is lower-cased and has <S> and <T>.
CHINESE = [*SPECIAL, "<S>", "<T>", "的", "##的", "a", "##b", "hello"]
NO_LETTERS = [*SPECIAL, "<S>", "的", "1", "."]


def write_model(folder, tokens, vocab_size=None, tokenizer_config=None):
    """Writes the small files of a model; returns the paths of two of them."""
    (folder / "vocab.txt").write_text("".join(t + "\n" for t in tokens), encoding="utf-8")
    config = {"vocab_size": vocab_size or len(tokens), "hidden_size": 12, "num_attention_heads": 3}
    (folder / "bert_config.json").write_text(json.dumps(config), encoding="utf-8")
    if tokenizer_config is not None:
        (folder / "tokenizer_config.json").write_text(tokenizer_config, encoding="utf-8")
    return str(folder / "vocab.txt"), str(folder / "bert_config.json")


@pytest.mark.parametrize(
    ("tokens", "lower"),
    [(LOWER, True), (CASED, False), (CHINESE, True)],
    ids=["lower-cased", "cased", "Chinese"],
)
def test_case_is_known_from_the_vocabulary(tmp_path, tokens, lower):
    model = pretrained.load(*write_model(tmp_path, tokens))
    assert model.do_lower_case is lower


@pytest.mark.parametrize("tokens", [LOWER, CASED, UNCLEAR])
@pytest.mark.parametrize("lower", [True, False])
def test_case_is_taken_from_the_tokenizer_config_first(tmp_path, tokens, lower):
    text = json.dumps({"do_lower_case": lower, "model_max_length": 512})
    model = pretrained.load(*write_model(tmp_path, tokens, tokenizer_config=text))
    assert model.do_lower_case is lower


@pytest.mark.parametrize("text", ["{}", '{"do_lower_case": null}', '{"model_max_length": 512}'])
def test_tokenizer_config_that_says_nothing_leaves_it_to_the_vocabulary(tmp_path, text):
    model = pretrained.load(*write_model(tmp_path, CASED, tokenizer_config=text))
    assert model.do_lower_case is False


@pytest.mark.parametrize("text", ["[1]", "{", ""])
def test_malformed_tokenizer_config_is_named(tmp_path, text):
    paths = write_model(tmp_path, CASED, tokenizer_config=text)
    with pytest.raises(InputError, match=r"tokenizer_config\.json: not a JSON object"):
        pretrained.load(*paths)


@pytest.mark.parametrize("tokens", [UNCLEAR, NO_LETTERS], ids=["few capitals", "no letters"])
def test_case_that_cannot_be_told_is_asked_for(tmp_path, tokens):
    paths = write_model(tmp_path, tokens)
    with pytest.raises(InputError, match="--do_lower_case=true or --do_lower_case=false"):
        pretrained.load(*paths)
    assert pretrained.load(*paths, do_lower_case=True).do_lower_case is True
    assert pretrained.load(*paths, do_lower_case=False).do_lower_case is False


@pytest.mark.parametrize(
    ("tokens", "asked", "message"),
    [
        (CASED, True, r"--do_lower_case=true contradicts .* is cased.*--do_lower_case=false"),
        (LOWER, False, r"--do_lower_case=false contradicts .* is lower-cased.*_case=true"),
    ],
)
def test_contradiction_of_the_vocabulary_is_refused(tmp_path, tokens, asked, message):
    with pytest.raises(InputError, match=message):
        pretrained.load(*write_model(tmp_path, tokens), do_lower_case=asked)


def test_contradiction_of_the_tokenizer_config_names_it(tmp_path):
    paths = write_model(tmp_path, LOWER, tokenizer_config='{"do_lower_case": false}')
    with pytest.raises(InputError, match=r"=true contradicts .* by .*tokenizer_config\.json"):
        pretrained.load(*paths, do_lower_case=True)


@pytest.mark.parametrize(("tokens", "lower"), [(LOWER, True), (CASED, False)])
def test_agreement_is_accepted(tmp_path, tokens, lower):
    model = pretrained.load(*write_model(tmp_path, tokens), do_lower_case=lower)
    assert model.do_lower_case is lower


@pytest.mark.parametrize(
    ("tokens", "pieces"),
    [(LOWER, ["paris", "##s", "the"]), (CASED, ["Paris", "##s", "[UNK]"])],
    ids=["lower-cased", "cased"],
)
def test_tokenizer_follows_the_case(tmp_path, tokens, pieces):
    model = pretrained.load(*write_model(tmp_path, tokens))
    assert model.tokenizer.tokenize("Pariss THE") == pieces


@pytest.mark.parametrize("token", ["[UNK]", "[CLS]", "[SEP]"])
def test_vocabulary_without_a_special_token_is_refused(tmp_path, token):
    tokens = [t for t in LOWER if t != token]
    with pytest.raises(InputError, match=rf"vocab\.txt: \[{token[1:-1]}\] missing"):
        pretrained.load(*write_model(tmp_path, tokens))


def numbered(count):
    return [*SPECIAL, *(f"w{i}" for i in range(count - len(SPECIAL)))]


# 30522 tokens are commonly padded to a table of 30528 or 30592 rows (multiples of 64 and of 128).
@pytest.mark.parametrize("rows", [30522, 30528, 30592])
def test_padded_table_is_accepted(tmp_path, rows):
    model = pretrained.load(*write_model(tmp_path, numbered(30522), vocab_size=rows))
    assert len(model.tokenizer.vocab) == 30522
    assert model.bert_config.vocab_size == rows


@pytest.mark.parametrize("rows", [1008, 1137, 28996])
def test_vocabulary_of_another_size_is_refused(tmp_path, rows):
    message = rf"vocab\.txt: 1009 tokens, but the model's vocab_size is {rows}\."
    with pytest.raises(InputError, match=message):
        pretrained.load(*write_model(tmp_path, numbered(1009), vocab_size=rows))


def test_size_counts_lines_not_distinct_tokens():
    # Ids are line numbers, so the largest one decides which rows are looked up.
    vocab = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "twice": 131}
    config = modeling.BertConfig(vocab_size=131)
    with pytest.raises(InputError, match="132 tokens"):
        pretrained.check_vocabulary(vocab, config, "vocab.txt")


def test_missing_files_are_named(tmp_path):
    vocab_file, config_file = write_model(tmp_path, LOWER)
    with pytest.raises(InputError, match=r"none\.txt: the vocabulary cannot be read"):
        pretrained.load(str(tmp_path / "none.txt"), config_file)
    with pytest.raises(InputError, match=r"none\.json: the BERT config cannot be read"):
        pretrained.load(vocab_file, str(tmp_path / "none.json"))


def test_vocabulary_that_is_not_text_is_named(tmp_path):
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
def test_a_tokenizer_that_is_not_berts_is_refused(tmp_path, setting):
    tiny.write_google_model(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(setting))
    with pytest.raises(InputError, match=f"tokenizer_config.json: {next(iter(setting))} is"):
        pretrained.load(str(tmp_path / "vocab.txt"), str(tmp_path / "bert_config.json"))
