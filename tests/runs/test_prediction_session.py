"""A session that is kept predicts with one checkpoint after another, as new sessions would."""

import types

import numpy as np
import pytest

from finetune.data.rows import Spec
from finetune.models import checkpoints
from finetune.runs.prediction_session import KeptSession
from finetune.util.errors import InputError
from tests.support.tensorflow_v1 import tf

SPECS = {"input_ids": Spec(rank=1)}
RUN = types.SimpleNamespace(
    config=types.SimpleNamespace(use_xla=False, use_bf16=False, use_fp16=False)
)


class Scorer:
    """A model that looks its scores up in a table, and counts its graphs."""

    num_graphs = 0

    def make_model_fn(self, init_checkpoint, training):
        return self

    def predictions(self, features):
        self.num_graphs += 1
        table = tf.get_variable("scores", [3])
        return {"score": tf.gather(table, features["input_ids"])}


def save(folder, name, values):
    path = str(folder / name)
    checkpoints.write(path, {"scores": np.array(values, np.float32)})
    return path


def scores_of(session, checkpoint):
    with session.loaded(SPECS, checkpoint) as model:
        return model.outputs([np.array([2, 0], np.int32)])["score"].tolist()


def test_kept_session_uses_the_weights_of_each_checkpoint_and_one_graph(tmp_path):
    first, second = save(tmp_path, "a", [1, 2, 3]), save(tmp_path, "b", [5, 6, 7])
    scorer = Scorer()
    session = KeptSession(RUN, scorer)
    assert [scores_of(session, path) for path in (first, second, first)] == [[3, 1], [7, 5], [3, 1]]
    assert scorer.num_graphs == 1
    num_ops = len(session._session._session.graph.get_operations())
    assert scores_of(session, second) == [7, 5]
    assert len(session._session._session.graph.get_operations()) == num_ops
    session.close()


def test_kept_session_frees_the_weights_after_each_evaluation(tmp_path):
    session = KeptSession(RUN, Scorer())
    path = save(tmp_path, "a", [1, 2, 3])
    with session.loaded(SPECS, path) as model:
        pass
    with pytest.raises(tf.errors.NotFoundError, match="scores"):
        model.outputs([np.array([0], np.int32)])
    session.close()


def test_a_later_checkpoint_that_does_not_fit_is_an_error_that_names_it(tmp_path):
    session = KeptSession(RUN, Scorer())
    assert scores_of(session, save(tmp_path, "a", [1, 2, 3])) == [3, 1]
    with pytest.raises(InputError, match=r"/b: .*scores \(\[2\] in the checkpoint"):
        scores_of(session, save(tmp_path, "b", [1, 2]))
    session.close()
