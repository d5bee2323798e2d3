"""The names of a pretrained model's files, each of which the code spells once."""

import ast

from finetune.models import names as model_names
from finetune.output import names as output_names
from tests.support import ROOT

FILES = {
    "vocab.txt",
    "bert_config.json",
    "tokenizer_config.json",
    "bert_model.ckpt",
    "model_info.json",
    "config.json",
    "model.safetensors",
    "pytorch_model.bin",
}


def test_each_file_name_is_a_string_in_one_module():
    paths = [*(ROOT / "finetune").glob("**/*.py"), ROOT / "prepare_model.py"]
    found = [
        (node.value, path.name)
        for path in paths
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in FILES
    ]
    assert sorted(found) == sorted((name, "names.py") for name in FILES)


def test_output_directories_use_the_names_of_a_pretrained_model():
    assert set(output_names.MODEL_FILES) - {output_names.RECORD} == {
        model_names.VOCABULARY,
        model_names.TOKENIZER,
        model_names.BERT_CONFIG,
        model_names.TOKENIZER_CONFIG,
    }
