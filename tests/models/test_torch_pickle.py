"""Reading pytorch_model.bin without PyTorch, and without running what a file asks for."""

import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

from finetune.models import torch_pickle
from finetune.util.errors import InputError
from tests.support import ROOT
from tests.support.files import write

GOLDEN = ROOT / "tests" / "golden"
GRID = [[0.5, 1.5, 2.5], [3.5, 4.5, 5.5]]
# The tensors that tests/golden/make_torch_files.py saves with PyTorch.
SAVED = {
    "grid": GRID,
    "tied": GRID,
    "transposed": [[0.5, 3.5], [1.5, 4.5], [2.5, 5.5]],
    "part": [[4.5, 5.5]],
    "half": [1.5, -2.0],
    "bfloat": [1.5, -2.0],
    "double": [0.1],
    "scalar": 7.25,
    "empty": [],
    "expanded": [[0, 1, 2]],
    "parameter": [1.0, 1.0],
}


@pytest.mark.parametrize("name", ["torch_zip.bin", "torch_old.bin"])
def test_file_of_pytorch_is_read(name):
    tensors = torch_pickle.read(str(GOLDEN / name))
    assert {key: array.tolist() for key, array in tensors.items()} == SAVED
    assert tensors["empty"].shape == (0, 4)
    dtypes = [tensors[key].dtype for key in ("grid", "half", "bfloat", "double", "expanded")]
    assert dtypes == [np.float32, np.float16, np.float32, np.float64, np.int64]


# A pickle of one tensor "a" of shape [2, 3], as protocol 2 instructions. The numbers can be forged.
def tensor_pickle(size=6, shape=(2, 3), strides=(3, 1), offset=0, key=b"0", kind=b"FloatStorage"):
    def ints(values):
        return b"(" + b"".join(b"J" + struct.pack("<i", v) for v in values) + b"t"

    storage = (
        b"(X\x07\0\0\0storagectorch\n%s\nX%s%sX\x03\0\0\0cpuJ%st"
        % (kind, struct.pack("<I", len(key)), key, struct.pack("<i", size))
        + b"Q"
    )
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage
    tensor += b"J" + struct.pack("<i", offset) + ints(shape) + ints(strides) + b"\x89}tR"
    return b"\x80\x02}X\x01\0\0\0a" + tensor + b"s."


def write_zip(path, pickled, data=bytes(24), compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as zipped:
        zipped.writestr("archive/data.pkl", pickled)
        zipped.writestr("archive/data/0", data)
    return path


def assert_refused(path, match):
    with pytest.raises(InputError, match=match) as caught:
        torch_pickle.read(str(path))
    assert "\n" not in str(caught.value)


def test_handmade_file_is_read(tmp_path):
    path = write_zip(tmp_path / "a.bin", tensor_pickle(), np.arange(6, dtype="<f4").tobytes())
    assert torch_pickle.read(str(path))["a"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("forged", "match"),
    [
        ({"size": 7}, "has 24 bytes, not 7 elements of 4"),
        ({"size": -6}, "-6 as a number of elements"),
        ({"shape": (2000, 3)}, r"shape \[2000, 3\] exceeds its storage"),
        ({"shape": (2000, 3000), "strides": (0, 0)}, "exceeds its storage"),
        ({"shape": (-2, 3)}, "-2 as a number of elements"),
        ({"strides": (-3, 1)}, "-3 as a number of elements"),
        ({"offset": 1}, "exceeds its storage"),
        ({"offset": -1}, "-1 as a number of elements"),
        ({"strides": (3,)}, "a malformed tensor"),
        ({"key": b"../../etc/passwd"}, "no item named"),
        ({"kind": b"QInt8Storage"}, "it names 'torch.QInt8Storage'"),
    ],
)
def test_forged_tensor_is_refused(tmp_path, forged, match):
    assert_refused(write_zip(tmp_path / "a.bin", tensor_pickle(**forged)), match)


class Command:
    """Pickles as a call of os.system."""

    def __init__(self, canary):
        self._canary = canary

    def __reduce__(self):
        return os.system, (f"touch {self._canary}",)


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
def test_command_is_not_run(tmp_path, protocol):
    canary = tmp_path / "canary"
    pickled = pickle.dumps({"a": Command(canary)}, protocol)
    assert_refused(write_zip(tmp_path / "a.bin", pickled), "which tensors do not need")
    assert_refused(write(tmp_path / "old.bin", pickled), "PyTorch weights")
    assert not canary.exists()


NAME = b"ctorch._utils\n_rebuild_tensor_v2\n"


@pytest.mark.parametrize(
    ("pickled", "match"),
    [
        (b"cbuiltins\neval\n.", "'builtins.eval'"),
        (b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.", "'builtins.eval'"),
        (b"\x80\x04\x8c\x05a\nb\nc\x8c\x04eval\x93.", r"a\\nb"),
        (b"ctorch.hub\nload\n.", "'torch.hub.load'"),
        (b"(S'ls'\nios\nsystem\n.", "STRING|INST"),
        (b"(" + NAME + b"o.", "OBJ"),
        (b"\x80\x02" + NAME + b")\x81.", "NEWOBJ"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"P1\n.", "PERSID"),
        (b"ccollections\nOrderedDict\n)R)R.", "a call of something that is not a name"),
        (b"ccollections\nOrderedDict\n(]tR.", "a call of collections.OrderedDict"),
        (b"ctorch\nFloatStorage\n)R.", "a call of torch.FloatStorage"),
        (NAME + b"(NK\0))tR.", "a tensor without a storage"),
        (NAME + b"}b.", "attributes of something that is not a dictionary"),
        (b"(X\x07\0\0\0storageNNNNtQ.", "an unknown kind of storage"),
        (b"}" + b")" + b"\x85" * 200000 + b"Ns.", "a key that is not a name"),
        (b"]" + b"(" * 200000 + b"l" * 1000, "MARK|LIST|ends|instruction|stream"),
        (b"h\x05.", "PyTorch weights"),
        (b"t.", "PyTorch weights"),
        (b".", "PyTorch weights"),
        (b"", "PyTorch weights"),
        (b"K\x01.", "not a dictionary of tensors"),
        (b"}X\x01\0\0\0aK\x01s.", "'a' is not a tensor"),
    ],
)
def test_pickle_with_anything_but_tensors_is_refused(tmp_path, pickled, match):
    assert_refused(write_zip(tmp_path / "a.bin", pickled), match)


def test_compressed_file_is_refused(tmp_path):
    path = write_zip(tmp_path / "a.bin", tensor_pickle(), bytes(10**7), zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 10**5
    assert_refused(path, "is compressed")


def test_overlapping_members_are_refused(tmp_path):
    path = write_zip(tmp_path / "a.bin", tensor_pickle(), bytes(5000))
    content = path.read_bytes()
    entry = content.index(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06")
    # The list of members three times, each of which names the same bytes.
    footer = bytearray(content[end:])
    struct.pack_into("<HHI", footer, 8, 6, 6, 3 * (end - entry))
    path.write_bytes(content[:entry] + content[entry:end] * 3 + bytes(footer))
    assert len(zipfile.ZipFile(io.BytesIO(path.read_bytes())).infolist()) == 6
    assert_refused(path, "Overlapped|larger than the file")


def test_big_endian_file_is_refused(tmp_path):
    path = write_zip(tmp_path / "a.bin", tensor_pickle())
    with zipfile.ZipFile(path, "a") as zipped:
        zipped.writestr("archive/byteorder", "big")
    assert_refused(path, "big-endian")


@pytest.mark.parametrize("size", [0, 1, 40, 300, 700])
@pytest.mark.parametrize("name", ["torch_zip.bin", "torch_old.bin"])
def test_truncated_file_is_refused(tmp_path, name, size):
    content = (GOLDEN / name).read_bytes()
    assert_refused(write(tmp_path / "a.bin", content[:size]), "cannot be read as PyTorch weights")


def test_storage_of_an_old_file_that_is_larger_than_the_file_is_refused(tmp_path):
    content = (GOLDEN / "torch_old.bin").read_bytes()
    # The first storage has 6 elements, as an 8-byte number before its data.
    start = content.index(struct.pack("<q6f", 6, *np.ravel(GRID)))
    forged = content[:start] + struct.pack("<q", 10**12) + content[start + 8 :]
    assert_refused(write(tmp_path / "a.bin", forged), "has 1000000000000 elements, not 6")


def test_git_lfs_pointer_is_refused(tmp_path):
    path = write(tmp_path / "a.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    assert_refused(path, "cannot be read as PyTorch weights")
