"""BertConfig in modeling.py."""

import pytest

import modeling
from tests.support.bert import make_config
from tests.support.files import write

# Keys and values of bert_config.json in Google's release multi_cased_L-12_H-768_A-12.
GOOGLE_MULTILINGUAL = {
    "attention_probs_dropout_prob": 0.1,
    "directionality": "bidi",
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 768,
    "initializer_range": 0.02,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "pooler_fc_size": 768,
    "pooler_num_attention_heads": 12,
    "pooler_num_fc_layers": 3,
    "pooler_size_per_head": 128,
    "pooler_type": "first_token_transform",
    "type_vocab_size": 2,
    "vocab_size": 119547,
}
# Keys that Hugging Face's save_pretrained writes for a BERT model, then a key of no release.
HUGGING_FACE = {
    "_name_or_path": "nreimers/MiniLM-L6-H384-uncased",
    "architectures": ["BertModel"],
    "attention_probs_dropout_prob": 0.1,
    "classifier_dropout": None,
    "gradient_checkpointing": False,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 384,
    "initializer_range": 0.02,
    "intermediate_size": 1536,
    "layer_norm_eps": 1e-07,
    "max_position_embeddings": 512,
    "model_type": "bert",
    "num_attention_heads": 12,
    "num_hidden_layers": 6,
    "pad_token_id": 0,
    "position_embedding_type": "absolute",
    "transformers_version": "4.8.2",
    "type_vocab_size": 2,
    "use_cache": True,
    "vocab_size": 30522,
    "a_key_of_a_later_release": [3],
}


def test_config_defaults_are_bert_base():
    # The defaults in Google's modeling.py, whose epsilon is that of tf.contrib's layer_norm.
    assert modeling.BertConfig(vocab_size=31).to_dict() == {
        "vocab_size": 31,
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "max_position_embeddings": 512,
        "type_vocab_size": 16,
        "initializer_range": 0.02,
        "layer_norm_eps": 1e-12,
    }


def test_config_json_round_trips(tmp_path):
    config = make_config(hidden_act="relu", hidden_dropout_prob=0.25, layer_norm_eps=1e-5)
    path = write(tmp_path / "bert_config.json", config.to_json_string())
    loaded = modeling.BertConfig.from_json_file(str(path))
    assert (loaded.hidden_size, loaded.hidden_act, loaded.layer_norm_eps) == (21, "relu", 1e-5)
    assert loaded.to_dict() == config.to_dict()


def test_config_dict_is_a_copy():
    config = make_config()
    config.to_dict()["hidden_size"] = 3
    assert config.hidden_size == 21


def test_config_of_google_is_accepted():
    config = modeling.BertConfig.from_dict(GOOGLE_MULTILINGUAL)
    assert (config.vocab_size, config.type_vocab_size, config.layer_norm_eps) == (119547, 2, 1e-12)
    assert "pooler_type" not in config.to_dict()


def test_config_of_hugging_face_is_accepted():
    config = modeling.BertConfig.from_dict(HUGGING_FACE)
    assert (config.hidden_size, config.num_hidden_layers, config.layer_norm_eps) == (384, 6, 1e-7)
    assert "architectures" not in config.to_dict()


@pytest.mark.parametrize("release", [GOOGLE_MULTILINGUAL, HUGGING_FACE])
def test_error_suggests_the_right_key_for_a_mistyped_one(release):
    values = dict(release)
    values["num_atention_heads"] = values.pop("num_attention_heads")
    with pytest.raises(
        ValueError, match="'num_atention_heads'; did you mean 'num_attention_heads'"
    ):
        modeling.BertConfig.from_dict(values)


def test_unknown_config_key_is_rejected():
    with pytest.raises(ValueError, match="Unknown parameter 'colour'; a BERT config has: "):
        modeling.BertConfig.from_dict({"vocab_size": 31, "colour": 3})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 22}, r"size \(22\) is not a multiple of .* heads \(3\)"),
        ({"vocab_size": -31}, "vocab_size must be a positive integer; found -31"),
        ({"num_hidden_layers": 0}, "num_hidden_layers must be a positive integer; found 0"),
        ({"num_hidden_layers": True}, "num_hidden_layers must be a positive integer; found True"),
        ({"hidden_size": "21"}, "hidden_size must be a positive integer; found '21'"),
        ({"hidden_size": 21.0}, "hidden_size must be a positive integer; found 21.0"),
        ({"vocab_size": None}, "vocab_size must be a positive integer; found None"),
        ({"hidden_dropout_prob": 1.0}, r"hidden_dropout_prob must be in \[0, 1\); found 1.0"),
        ({"attention_probs_dropout_prob": -0.1}, r"probs_dropout_prob must .*; found -0.1"),
        ({"hidden_dropout_prob": "0.1"}, "hidden_dropout_prob must .*; found '0.1'"),
        ({"initializer_range": True}, "initializer_range must .*; found True"),
        ({"layer_norm_eps": float("nan")}, "layer_norm_eps must .*; found nan"),
        ({"hidden_act": "sillu"}, "Unsupported activation: 'sillu'"),
        ({"hidden_size": 10**30}, r"hidden_size must be at most 65536; found 10{30}\.$"),
        ({"hidden_size": 2**31}, "hidden_size must be at most 65536; found 2147483648"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers must be at most 1000; found 1000000000"),
        ({"vocab_size": 2**31}, "vocab_size must be at most 16777216; found 2147483648"),
        ({"max_position_embeddings": 10**400}, "max_position_embeddings must be at most 1048576"),
        ({"initializer_range": 10**400}, r"initializer_range must be in \[0, 100\); found 10"),
        ({"hidden_act": None}, "hidden_act must be a name; found None"),
        ({"model_type": "roberta"}, r"model_type is 'roberta'; .*\(model_type 'bert'\)"),
        (
            {"position_embedding_type": "relative_key"},
            r"is 'relative_key'; .*\(position_embedding_type 'absolute'\)",
        ),
        ({"is_decoder": True}, r"is_decoder is True; .*\(is_decoder False\)"),
    ],
)
def test_invalid_config_is_rejected(changes, message):
    values = {**make_config().to_dict(), **changes}
    with pytest.raises(ValueError, match=message):
        modeling.BertConfig.from_dict(values)


def test_config_without_vocab_size_is_rejected():
    with pytest.raises(ValueError, match="vocab_size must be a positive integer; found None"):
        modeling.BertConfig.from_dict({"hidden_size": 12})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[31]", "JSON object of parameters; found list"),
        ('{"vocab_size": 31,', "line 1 column"),
        ("[" * 100000, "must be JSON"),
        ('{"vocab_size": 0}', "vocab_size must be a positive integer; found 0"),
    ],
)
def test_config_errors_name_the_file(tmp_path, text, message):
    path = write(tmp_path / "odd_config.json", text)
    with pytest.raises(modeling.ConfigError, match="odd_config.json: .*" + message):
        modeling.BertConfig.from_json_file(str(path))


def test_config_that_is_not_utf8_is_rejected(tmp_path):
    (tmp_path / "odd_config.json").write_bytes(b"\xff\xfe")
    with pytest.raises(modeling.ConfigError, match="odd_config.json: .* UTF-8"):
        modeling.BertConfig.from_json_file(str(tmp_path / "odd_config.json"))


def test_bug_in_the_config_class_is_not_a_config_error(tmp_path, monkeypatch):
    def fail(self):
        raise ValueError("operands could not be broadcast")

    monkeypatch.setattr(modeling.BertConfig, "validate", fail)
    path = write(tmp_path / "config.json", '{"vocab_size": 31}')
    with pytest.raises(ValueError, match="^operands") as caught:
        modeling.BertConfig.from_json_file(str(path))
    assert not isinstance(caught.value, modeling.ConfigError)


def test_error_names_the_missing_config_file(tmp_path):
    with pytest.raises(modeling.ConfigError, match="absent.json: the BERT config cannot be read"):
        modeling.BertConfig.from_json_file(str(tmp_path / "absent.json"))
