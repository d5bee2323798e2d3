"""Writes torch_zip.bin and torch_old.bin: tensors as PyTorch saves them now, and before 1.6.

Run with PyTorch 2.13 in an environment of its own; the tests only read the files.
"""

import collections
import pathlib

import torch

FOLDER = pathlib.Path(__file__).parent
grid = torch.arange(6, dtype=torch.float32).reshape(2, 3) + 0.5
TENSORS = collections.OrderedDict(
    grid=grid,
    tied=grid,
    transposed=grid.t(),
    part=grid[1:, 1:],
    half=torch.tensor([1.5, -2.0]).half(),
    bfloat=torch.tensor([1.5, -2.0]).bfloat16(),
    double=torch.tensor([0.1], dtype=torch.float64),
    scalar=torch.tensor(7.25),
    empty=torch.zeros(0, 4),
    expanded=torch.arange(3).expand(1, -1),
    parameter=torch.nn.Parameter(torch.ones(2)),
)
torch.save(TENSORS, FOLDER / "torch_zip.bin")
torch.save(TENSORS, FOLDER / "torch_old.bin", _use_new_zipfile_serialization=False)
