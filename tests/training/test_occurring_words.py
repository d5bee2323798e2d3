"""Training only the word-embedding rows that occur in the data gives the same model."""

import tempfile

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from finetune.models import checkpoints, word_rows
from finetune.runs import start
from finetune.training.occurring_words import RowNumbers, find_word_rows
from finetune.util.files import is_full_disk
from tests.support import reviews, tiny
from tests.support.files import write_tsv

TABLE = "bert/embeddings/word_embeddings"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return reviews.make_folder(tmp_path_factory.mktemp("occurring"), num_layers=1)


def initial_table(folder):
    return tf.train.load_checkpoint(str(folder / "model" / "bert_model.ckpt")).get_tensor(TABLE)


def occurring_rows(folder):
    """Returns a mask of the rows of the words in the training data, found by name."""
    names = [*reviews.NOUNS, "a", "bad", "good", "[PAD]", "[CLS]", "[SEP]"]
    return np.isin(tiny.vocabulary(), names)


@pytest.mark.parametrize(
    "flags",
    [
        {"max_grad_norm": 0.5},
        {"gradient_accumulation_steps": 2, "layerwise_lr_decay": 0.8},
    ],
)
def test_the_weights_are_those_of_training_the_whole_table(folder, tmp_path, monkeypatch, flags):
    flags = {**flags, "learning_rate": 1e-2, "weight_decay": 0.5, "num_train_epochs": 4.0}
    reviews.train(folder, tmp_path / "rows", **flags)
    monkeypatch.setattr(start, "find_word_rows", lambda *_: None)
    reviews.train(folder, tmp_path / "whole", **flags)
    rows, whole = tiny.weights(tmp_path / "rows"), tiny.weights(tmp_path / "whole")
    assert rows.keys() == whole.keys()
    for name in rows.keys() - {TABLE}:
        np.testing.assert_array_equal(rows[name], whole[name], err_msg=name)
    occurs = occurring_rows(folder)
    np.testing.assert_array_equal(rows[TABLE][occurs], whole[TABLE][occurs])
    # The other rows only decay. The whole table is rounded after every step, hence the tolerance.
    np.testing.assert_allclose(rows[TABLE][~occurs], whole[TABLE][~occurs], rtol=1e-5)
    ratio = rows[TABLE][~occurs] / initial_table(folder)[~occurs]
    assert 0.9 < ratio.min() <= ratio.max() < 0.999


def test_a_full_temporary_disk_is_named(monkeypatch):
    full = open("/dev/full", "r+b")  # noqa: SIM115
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: full)
    with pytest.raises(OSError) as caught:
        word_rows.on_disk(np.zeros([100, 32], np.float32))
    assert is_full_disk(caught.value)
    assert caught.value.filename == tempfile.gettempdir()


def test_checkpoint_of_an_unfinished_training_run_contains_the_whole_table(folder, tmp_path):
    reviews.interrupt_at(4, folder, tmp_path / "out", num_train_epochs=4.0)
    reader = tf.train.load_checkpoint(str(tmp_path / "out" / "train.ckpt-4"))
    shapes = reader.get_variable_to_shape_map()
    occurs = occurring_rows(folder)
    assert shapes[TABLE] == [len(occurs), tiny.HIDDEN]
    assert shapes[TABLE + "/adam_m"] == [occurs.sum(), tiny.HIDDEN]
    changed = (reader.get_tensor(TABLE) != initial_table(folder)).any(axis=1)
    assert changed.all()  # The rows that occur are trained, and the others have decayed.


def test_resuming_with_other_data_keeps_the_moments_of_rows_that_no_longer_occur(folder, tmp_path):
    reviews.interrupt_at(3, folder, tmp_path / "out", num_train_epochs=4.0)
    before = tf.train.load_checkpoint(str(tmp_path / "out" / "train.ckpt-3"))
    data = tmp_path / "data"
    data.mkdir()
    # Half of the nouns occur no longer, and "house" and "london" are new.
    rows = [(label, f"a {label} {n}") for n in reviews.NOUNS[:5] for label in ("bad", "good")]
    write_tsv(data / "train.tsv", [*rows, ("good", "london lives"), ("bad", "paris works")] * 2)
    write_tsv(data / "dev.tsv", rows)
    flags = {"data_dir": data, "num_train_epochs": 4.0}
    reviews.interrupt_at(5, folder, tmp_path / "out", "--resume_with_changes", **flags)
    after = tf.train.load_checkpoint(str(tmp_path / "out" / "train.ckpt-5"))
    old, new = (np.asarray(r.get_tensor(word_rows.IDS)) for r in (before, after))
    ids = {token: i for i, token in enumerate(tiny.vocabulary())}
    assert set(new) == {*old, *(ids[word] for word in ("london", "lives", "paris", "works"))}
    # Without a gradient, each step leaves 0.9 of m and 0.999 of v (Kingma and Ba, algorithm 1).
    gone = ids["company"]
    for slot, left in (("/adam_m", 0.9**2), ("/adam_v", 0.999**2)):
        was = before.get_tensor(TABLE + slot)[np.searchsorted(old, gone)]
        now = after.get_tensor(TABLE + slot)[np.searchsorted(new, gone)]
        assert np.abs(was).max() > 0
        np.testing.assert_allclose(now, left * was, rtol=1e-5)


class Words:
    """Features with the given ids."""

    def __init__(self, ids):
        self.occurring_ids = np.array(ids, np.int32)

    def batch(self, rows):
        return {"input_ids": self.occurring_ids[rows], "input_mask": np.ones_like(rows)}


@pytest.fixture
def checkpoint(tmp_path):
    """A checkpoint whose word-embedding table has ten rows."""
    prefix = str(tmp_path / "bert_model.ckpt")
    checkpoints.write(prefix, {TABLE: np.arange(20, dtype=np.float32).reshape(10, 2)})
    return prefix


def test_almost_all_rows_are_trained_as_a_whole_table(checkpoint):
    assert find_word_rows(Words(range(10)), checkpoint, None) is None
    rows = find_word_rows(Words([0, 3, 7]), checkpoint, None)
    assert rows.ids.tolist() == [0, 3, 7]
    assert rows.initial[7].tolist() == [14, 15]


def test_training_from_scratch_trains_the_whole_table():
    assert find_word_rows(Words([0, 3, 7]), None, None) is None


def test_checkpoint_of_an_earlier_version_is_resumed_with_its_whole_table(checkpoint):
    assert find_word_rows(Words([0, 3, 7]), None, checkpoint) is None


def test_batches_have_row_numbers_in_place_of_ids(checkpoint):
    words = Words([0, 3, 7])
    batch = RowNumbers(words, find_word_rows(words, checkpoint, None)).batch(np.array([2, 0, 1]))
    assert batch["input_ids"].tolist() == [2, 0, 1]
    assert batch["input_mask"].tolist() == [1, 1, 1]
