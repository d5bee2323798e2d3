"""prepare_model.py with a folder in Google's format, and its command line."""

import logging

import pytest

import prepare_model
from finetune.models import pretrained
from tests.support.files import read_json, write
from tests.support.installs import (
    GOOGLE_FILES,
    INSTALLED,
    assert_rejected,
    assert_same_weights,
    contents,
    edit_config,
    names_in,
    prepare,
    run_main,
    sha256,
    weights_in,
)


@pytest.mark.parametrize(("which", "case"), [("lower", "uncased"), ("cased", "cased")])
def test_google_folder_is_installed_and_described(google_models, model_dir, caplog, which, case):
    source, arrays = google_models[which]
    before = contents(source)
    with caplog.at_level(logging.INFO):
        prepare(source, model_dir)
    assert names_in(model_dir) == INSTALLED
    assert {name: (model_dir / name).read_bytes() for name in GOOGLE_FILES} == before
    assert contents(source) == before
    assert_same_weights(weights_in(model_dir), arrays)
    tokens = len((source / "vocab.txt").read_text().splitlines())
    # 5 variables of the embeddings, 16 of each layer and 2 of the pooler.
    assert f"{model_dir} now contains {source}: 2 layers, width 32, " in caplog.text
    assert f" in 39 variables, {tokens} tokens, {case}\n" in caplog.text


def test_info_file_has_the_source_and_the_hashes(source, model_dir):
    prepare(source, model_dir)
    assert read_json(model_dir / "model_info.json") == {
        "source": str(source),
        "sha256": {name: sha256(source / name) for name in GOOGLE_FILES},
    }


def test_installed_model_loads(source, model_dir):
    prepare(source, model_dir)
    model = pretrained.load(str(model_dir / "vocab.txt"), str(model_dir / "bert_config.json"))
    assert model.do_lower_case is True
    assert model.bert_config.hidden_size == 32


def test_folder_can_be_prepared_from_itself(source):
    prepare(source, source)
    assert names_in(source) == INSTALLED


def test_other_files_in_the_folder_are_kept(source, model_dir):
    model_dir.mkdir()
    write(model_dir / "README.md", "Yours.")
    write(source / "bert_model.ckpt.meta", "A graph that is not needed.")
    prepare(source, model_dir)
    assert names_in(model_dir) == ["README.md", *INSTALLED]
    assert (model_dir / "README.md").read_text() == "Yours."


def test_installing_the_same_model_twice_changes_nothing(source, model_dir):
    prepare(source, model_dir)
    before = contents(model_dir)
    prepare(source, model_dir)
    assert contents(model_dir) == before


@pytest.mark.parametrize("which", ["cased", "other"])
def test_other_model_is_replaced_only_with_overwrite(google_models, source, model_dir, which):
    other, arrays = google_models[which]
    prepare(source, model_dir)
    assert_rejected(other, model_dir, "model_dir contains a different model .* differ.*--overwrite")
    prepare(other, model_dir, overwrite=True)
    assert names_in(model_dir) == INSTALLED
    assert_same_weights(weights_in(model_dir), arrays)
    assert read_json(model_dir / "model_info.json")["source"] == str(other)


@pytest.mark.parametrize("name", ["vocab.txt", "bert_config.json"])
def test_model_with_one_changed_file_is_another_model(source, model_dir, name):
    prepare(source, model_dir)
    if name == "vocab.txt":
        write(source / name, (source / name).read_text().replace("\nparis\n", "\nrome\n"))
    else:
        edit_config(source, hidden_dropout_prob=0.2)
    assert_rejected(source, model_dir, rf"contains a different model \({name} differs\)")


def test_replacing_a_model_removes_its_tokenizer_config(google_models, source, model_dir):
    write(source / "tokenizer_config.json", '{"do_lower_case": true}')
    prepare(source, model_dir)
    prepare(google_models["cased"][0], model_dir, overwrite=True)
    model = pretrained.load(str(model_dir / "vocab.txt"), str(model_dir / "bert_config.json"))
    assert model.do_lower_case is False


def test_model_dir_that_is_a_file_is_kept(source, tmp_path, capsys):
    write(tmp_path / "file", "Yours.")
    status, message = run_main(capsys, source, "--model_dir", tmp_path / "file")
    assert status == 1
    assert str(tmp_path / "file") in message
    assert (tmp_path / "file").read_text() == "Yours."


def test_main_reports_what_it_installed(source, model_dir, capsys):
    status, message = run_main(capsys, source, "--model_dir", model_dir)
    assert status == 0
    assert "2 layers, width 32" in message
    assert "tokens, uncased" in message
    assert names_in(model_dir) == INSTALLED


def test_main_needs_the_overwrite_flag_to_overwrite(google_models, source, model_dir, capsys):
    other, arrays = google_models["other"]
    prepare(source, model_dir)
    status, message = run_main(capsys, other, "--model_dir", model_dir)
    assert status == 1
    assert message.startswith("prepare_model.py: ")
    assert len(message.splitlines()) == 1
    assert run_main(capsys, other, "--model_dir", model_dir, "--overwrite")[0] == 0
    assert_same_weights(weights_in(model_dir), arrays)


def test_unknown_source_lists_the_known_models(model_dir, capsys):
    status, message = run_main(capsys, "bert-base-uncasd", "--model_dir", model_dir)
    assert status == 1
    assert (
        "bert-base-uncasd: not found: no folder or archive has this name, and it is not a "
        "known model. Known models: minilm, bert-base-uncased, bert-large-uncased, "
    ) in message


def test_source_that_is_another_file_is_rejected(source, model_dir):
    match = (
        r"vocab\.txt: neither a folder nor a zip or tar archive\. Specify one, or a known model: "
        "minilm, "
    )
    assert_rejected(source / "vocab.txt", model_dir, match)


def test_defaults_of_the_command_line(monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(
        prepare_model, "prepare", lambda *args, **kwargs: calls.append((args, kwargs))
    )
    assert run_main(capsys)[0] == 0
    assert calls == [(("minilm", "model_dir", False), {"fine_tuned": False})]


def test_unknown_flag_is_a_usage_error(capsys):
    with pytest.raises(SystemExit, match="^2$"):
        run_main(capsys, "--modeldir", "x")
    assert "unrecognized arguments: --modeldir" in capsys.readouterr().err
