"""export_model.py --to=huggingface: what it writes, and that nothing changes on the way."""

import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import export_model
import prepare_model
from finetune.models import torch_pickle
from finetune.output import run_record
from finetune.runs import export
from finetune.runs.export_hugging_face import export_to_hugging_face
from finetune.util.errors import InputError
from tests.support import ROOT
from tests.support.files import read_json, write, write_json

GOLDEN = ROOT / "tests" / "golden" / "hugging_face"


def convert(source, output_dir):
    prepare_model.prepare(str(source), str(output_dir), fine_tuned=True)


def tensors_of(folder):
    if (folder / "model.safetensors").exists():
        return load_file(folder / "model.safetensors")
    tensors = torch_pickle.read(str(folder / "pytorch_model.bin"))
    new = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}
    for old, name in new.items():
        tensors = {key.replace(old, name): array for key, array in tensors.items()}
    return tensors


@pytest.mark.parametrize(
    "name",
    ["bert_pair", "bert_token", "distilbert", "electra", "roberta_answer", "roberta_pair"]
    + ["xlmr_token"],
)
def test_model_comes_back_bit_for_bit(tmp_path, name):
    if name.startswith(("roberta", "xlmr")):
        pytest.importorskip("tokenizers")
    source, out, exported = GOLDEN / name, tmp_path / "out", tmp_path / "exported"
    convert(source, out)
    export_to_hugging_face(str(out), str(exported))
    before, after = tensors_of(source), tensors_of(exported)
    assert sorted(after) == sorted(before)
    for key, array in before.items():
        assert after[key].dtype == np.float32
        assert after[key].tobytes() == np.ascontiguousarray(array).tobytes(), key
    old, new = read_json(source / "config.json"), read_json(exported / "config.json")
    assert new["architectures"] == old["architectures"]
    # These keys are new; transformers has the same defaults for all that are absent.
    assert set(new) - set(old) <= {"problem_type", "classifier_dropout", "dtype"}
    for key in set(old) & set(new) - {"problem_type"}:
        assert new[key] == old[key], key
    settings = read_json(exported / "tokenizer_config.json")
    has_segments = name.startswith(("bert", "electra"))
    names = None if has_segments else ["input_ids", "attention_mask"]
    assert settings.get("model_input_names") == names
    tokenizer = read_json(exported / "tokenizer.json")
    assert tokenizer["model"]["vocab"] == read_json(source / "tokenizer.json")["model"]["vocab"]


@pytest.fixture(scope="module")
def output_dir(tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    convert(GOLDEN / "bert_token", out / "tagger")
    return pathlib.Path(out / "tagger")


def test_model_card_has_metadata_labels_and_scores(tmp_path, output_dir):
    out = pathlib.Path(shutil.copytree(output_dir, tmp_path / "out"))
    write_json(out / "eval_results.json", {"f1": 0.625, "types": {"PER": {"f1": 0.5}}})
    status = export_model.main(
        ["export_model.py", f"--output_dir={out}", "--to=huggingface", f"--export_dir={out}/hf"]
    )
    assert status == 0
    card = (out / "hf" / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlicense: unknown")
    assert "pipeline_tag: token-classification\n" in card
    assert "`O`, `B-PER`, `I-PER`, `B-LOC`, `I-LOC`" in card
    assert "| f1 | 0.625 |" in card


def with_settings(output_dir, target, **settings):
    out = pathlib.Path(shutil.copytree(output_dir, target))
    record = read_json(out / "run.json")
    record["settings"].update(settings)
    write_json(out / "run.json", record)
    return out


def test_crf_is_refused_or_left_out(tmp_path, output_dir):
    out = with_settings(output_dir, tmp_path / "out", use_crf=True)
    with pytest.raises(InputError, match="has a CRF, which has no counterpart .* --without_crf"):
        export_to_hugging_face(str(out), str(tmp_path / "hf"))
    assert not (tmp_path / "hf").exists()
    export_to_hugging_face(str(out), str(tmp_path / "hf"), without_crf=True)
    card = (tmp_path / "hf" / "README.md").read_text(encoding="utf-8")
    assert "trained with a CRF, which is omitted" in card


def test_sequence_output_pooler_is_refused(tmp_path, output_dir):
    out = with_settings(output_dir, tmp_path / "out", ner_head="pooler")
    with pytest.raises(InputError, match="--ner_head=pooler has no counterpart"):
        export_to_hugging_face(str(out), str(tmp_path / "hf"))


def test_folder_that_is_not_empty_is_refused(tmp_path, output_dir):
    write(tmp_path / "hf" / "notes.txt", "mine")
    with pytest.raises(InputError, match="--export_dir=.* is not empty"):
        export_to_hugging_face(str(output_dir), str(tmp_path / "hf"))


def test_flag_of_another_format_is_refused(tmp_path, monkeypatch, output_dir, caplog):
    monkeypatch.setitem(export.FORMATS, "other", export.ExportFormat(print))
    status = export_model.main(
        ["export_model.py", f"--output_dir={output_dir}", "--to=other"]
        + [f"--export_dir={tmp_path}/hf", "--without_crf"]
    )
    assert status == 2
    assert (
        "--without_crf applies to --to=huggingface and --to=onnx, not to --to=other." in caplog.text
    )


def test_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(InputError, match="contains no trained model"):
        export_to_hugging_face(str(tmp_path), str(tmp_path / "hf"))


def test_mean_and_deviation_are_folded_into_the_last_layer(tmp_path):
    """A regression's number is output * scale + mean."""
    source = pathlib.Path(shutil.copytree(GOLDEN / "bert_pair", tmp_path / "source"))
    tensors = load_file(source / "model.safetensors")
    weight, bias = tensors["classifier.weight"][:1], tensors["classifier.bias"][:1]
    tensors.update({"classifier.weight": weight, "classifier.bias": bias})
    save_file(tensors, source / "model.safetensors")
    config = {**read_json(source / "config.json"), "id2label": {"0": "LABEL_0"}}
    write_json(source / "config.json", {**config, "problem_type": "regression"})
    convert(source, tmp_path / "out")
    record = run_record.load(str(tmp_path / "out"))
    assert record.facts == {"problem_type": "regression", "pairs": None, "mean": 0.0, "scale": 1.0}
    facts = {**record.facts, "mean": 50.0, "scale": 4.0}
    content = dataclasses.asdict(dataclasses.replace(record, facts=facts))
    write(tmp_path / "out" / "run.json", json.dumps(content))
    export_to_hugging_face(str(tmp_path / "out"), str(tmp_path / "hf"))
    after = load_file(tmp_path / "hf" / "model.safetensors")
    np.testing.assert_allclose(after["classifier.weight"], weight * 4.0, rtol=1e-6)
    np.testing.assert_allclose(after["classifier.bias"], bias * 4.0 + 50.0, rtol=1e-6)
    assert read_json(tmp_path / "hf" / "config.json")["problem_type"] == "regression"


def export_status(output_dir, export_dir):
    return export_model.main(
        [
            "export_model.py",
            f"--output_dir={output_dir}",
            "--to=huggingface",
            "--without_crf",
            f"--export_dir={export_dir}",
        ]
    )


def test_unusable_folders_are_refused_in_one_line(tmp_path, output_dir, caplog):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere" / "deep")
    write(tmp_path / "file", "")
    for folder, status, message in (
        ("", 2, "--export_dir is empty"),
        (tmp_path / "link", 1, "a link to"),
        (tmp_path / "file", 1, "is a file; expected a folder"),
    ):
        caplog.clear()
        assert export_status(output_dir, folder) == status
        (record,) = caplog.records
        assert message in record.message
    caplog.clear()
    assert export_status(tmp_path / "file", tmp_path / "new") == 1
    assert f"{tmp_path / 'file'} is a file; expected the directory of a" in caplog.text


def test_folder_named_by_its_parent_is_written(tmp_path, output_dir):
    assert export_status(output_dir, tmp_path / "new" / "deep" / "..") == 0
    assert (tmp_path / "new" / "config.json").exists()


def test_damaged_checkpoint_is_named(tmp_path, output_dir, caplog):
    out = pathlib.Path(shutil.copytree(output_dir, tmp_path / "out"))
    (data,) = out.glob("model.ckpt-*.data-*")
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    assert export_status(out, tmp_path / "exported") == 1
    (record,) = caplog.records
    assert "the checkpoint is damaged" in record.message
    assert not (tmp_path / "exported").exists()
