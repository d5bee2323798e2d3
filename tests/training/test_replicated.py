"""Training on several devices gives the weights of training on one."""

import numpy as np
import pytest

from tests.support import replicas, tiny
from tests.support.processes import run_python

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder with the weights of each case."""
    folder = tmp_path_factory.mktemp("trained")
    run_python("-m", "tests.support.replicas", folder)
    return folder


@pytest.mark.parametrize("name", replicas.CASES)
def test_weights_are_those_of_one_device(trained, name):
    one, *several = (
        np.load(trained / f"{name}-{number}.npz")
        for number in range(1 + replicas.CASES[name].devices)
    )
    start = tiny.google_arrays(len(tiny.vocabulary()), num_layers=1)
    start.pop("bert/embeddings/word_embeddings")  # Only the rows that occur are trained.
    moved = [np.abs(one[key] - start[key]).max() for key in one.files if key in start]
    assert len(moved) == len(start) > 20
    assert max(moved) > 1e-3
    for weights in several:
        assert weights.files == one.files
        for key in one.files:
            np.testing.assert_allclose(weights[key], one[key], rtol=0, atol=2e-6, err_msg=key)


def test_weights_are_the_same_bits_on_each_device(trained):
    for name, case in replicas.CASES.items():
        first, *rest = (
            np.load(trained / f"{name}-{number}.npz") for number in range(1, 1 + case.devices)
        )
        for weights in rest:
            assert all(np.array_equal(weights[key], first[key]) for key in first.files), name


def test_dropout_depends_only_on_seed_step_and_replica(trained):
    masks = np.load(trained / "masks.npz")
    assert np.array_equal(masks["first"], masks["second"])
    four = masks["first"].reshape(4, 1000)
    assert set(four.ravel()) == {0.0, 2.0}
    for i in range(4):
        for other in four[:i]:
            # Independent masks agree in half of their values.
            assert 400 < (four[i] == other).sum() < 600
