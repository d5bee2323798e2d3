"""Which file of weights is read, and weights in several files."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

from finetune.models import weight_files
from finetune.util.errors import InputError
from tests.support import ROOT
from tests.support.files import write_json

PICKLE = ROOT / "tests" / "golden" / "torch_zip.bin"


def save(path, **tensors):
    save_file({name: np.array(values, np.float32) for name, values in tensors.items()}, path)


def read(folder):
    return {
        name: array.tolist()
        for name, array in weight_files.read(weight_files.find(str(folder))).items()
    }


def test_safetensors_are_preferred_to_a_pickle(tmp_path):
    shutil.copyfile(PICKLE, tmp_path / "pytorch_model.bin")
    assert read(tmp_path)["scalar"] == 7.25
    save(tmp_path / "model.safetensors", a=[3, 5])
    assert read(tmp_path) == {"a": [3, 5]}


def test_folder_without_weights_has_none(tmp_path):
    assert weight_files.find(str(tmp_path)) == ""


def test_shards_of_both_formats_are_joined(tmp_path):
    save(tmp_path / "model-00001-of-00002.safetensors", a=[3], b=[5])
    shutil.copyfile(PICKLE, tmp_path / "second.bin")
    files = dict.fromkeys("ab", "model-00001-of-00002.safetensors")
    write_json(
        tmp_path / "model.safetensors.index.json",
        {"metadata": {"total_size": 8}, "weight_map": {**files, "scalar": "second.bin"}},
    )
    found = read(tmp_path)
    assert (found["a"], found["b"], found["scalar"]) == ([3], [5], 7.25)
    path = weight_files.find(str(tmp_path))
    assert weight_files.parts(path) == [
        "model.safetensors.index.json",
        "model-00001-of-00002.safetensors",
        "second.bin",
    ]


@pytest.mark.parametrize(
    ("weight_map", "match"),
    [
        ({"a": "../model.safetensors"}, r"names '\.\./model\.safetensors'; expected a weights"),
        ({"a": "/etc/passwd"}, "names '/etc/passwd'"),
        ({"a": "absent.bin"}, r"names absent\.bin, which is missing"),
        ({"a": "one.safetensors", "z": "one.safetensors"}, "no file contains z"),
        ({}, r"weight_map is \{\}"),
        ([3], r"weight_map is \[3\]"),
    ],
)
def test_index_that_does_not_fit_is_refused(tmp_path, weight_map, match):
    save(tmp_path / "one.safetensors", a=[3])
    write_json(tmp_path / "pytorch_model.bin.index.json", {"weight_map": weight_map})
    with pytest.raises(InputError, match=match):
        read(tmp_path)


def test_tied_tensor_that_safetensors_stores_once_has_both_names(tmp_path):
    # safetensors.torch.save_model writes {removed name: kept name} into the metadata.
    arrays = {"lm_head.weight": np.array([3.0, 5.0], np.float32)}
    save_file(arrays, tmp_path / "model.safetensors", {"embeddings.weight": "lm_head.weight"})
    assert read(tmp_path) == {"lm_head.weight": [3, 5], "embeddings.weight": [3, 5]}
    assert json.dumps(read(tmp_path))
