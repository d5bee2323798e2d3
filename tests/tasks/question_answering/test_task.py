"""Settings that the task completes."""

import types

import numpy as np
import pytest

from finetune.tasks.question_answering.config import QaConfig
from finetune.tasks.question_answering.processor import QuestionAnsweringProcessor
from finetune.tasks.question_answering.question import Answer, Question
from finetune.tasks.question_answering.task import QuestionAnswering
from finetune.tasks.task import Processors
from finetune.util.errors import UsageError
from tests.support import tiny
from tokenization import FullTokenizer

SHORT = types.MappingProxyType({"do_train": True, "output_dir": "out"})


def resolve(**flags):
    return QuestionAnswering.resolve(
        QaConfig(**{**SHORT, **flags}), QuestionAnsweringProcessor, ""
    ).config


def test_defaults_are_those_of_google_s_script():
    config = resolve()
    assert (config.max_seq_length, config.doc_stride, config.max_query_length) == (384, 128, 64)
    assert (config.n_best_size, config.max_answer_length) == (20, 30)
    assert (config.answers, config.windows_without_answer) == ("all", "no_answer")


def test_half_of_a_short_window_is_for_the_context():
    assert resolve(max_seq_length=43).max_query_length == 20


def test_question_must_leave_room_for_the_context():
    assert resolve(max_seq_length=43, max_query_length=39).max_query_length == 39
    with pytest.raises(UsageError, match="--max_query_length=40 leaves no room .* at most 39"):
        resolve(max_seq_length=43, max_query_length=40)


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("".join(token + "\n" for token in tiny.vocabulary()))
    return types.SimpleNamespace(tokenizer=FullTokenizer(str(path)))


@pytest.mark.parametrize("allows", [False, True])
def test_threshold_without_effect_is_named(model, caplog, allows):
    files = QuestionAnsweringProcessor()
    config = resolve(null_score_diff_threshold=0.5, version_2_with_negative=allows)
    QuestionAnswering.learn(config, Processors(files, files), model, [])
    QuestionAnswering.restore(config, Processors(files, files), model, [], {})
    message = "--null_score_diff_threshold=0.5 has no effect, because the model always"
    assert caplog.text.count(message) == (0 if allows else 2)


@pytest.mark.parametrize(("given", "kept"), [(0.5, 0.5), (None, -2.0)])
def test_threshold_of_the_training_command_is_kept_with_the_model(model, given, kept):
    files = QuestionAnsweringProcessor()
    arguments = (Processors(files, files), model)
    config = resolve(null_score_diff_threshold=given, version_2_with_negative=True)
    task = QuestionAnswering.learn(config, *arguments, [])
    assert task.facts().get("null_score_diff_threshold") == given
    task.recall({"null_score_diff_threshold": -2.0})  # The training run is resumed.
    assert task.facts()["null_score_diff_threshold"] == kept
    config = resolve(do_train=False, do_predict=True, null_score_diff_threshold=given)
    task = QuestionAnswering.restore(config, *arguments, [], {"null_score_diff_threshold": -2.0})
    assert task.facts()["null_score_diff_threshold"] == -2.0


def test_only_training_and_tune_use_the_threshold_of_the_data(model):
    rows = [Question("1", "the", "he", [Answer("he", 0, 2)]), Question("2", "the", "he", [])]
    logits = np.array([[0.0, 0, 0, 9, 0], [4.0, 0, 0, 5, 0]], np.float32)  # Odds of -18 and -2
    loss = np.ones(2, np.float32)
    outputs = [{"start_logits": logits, "end_logits": logits, "negative_log_likelihood": loss}]

    def restored(**flags):
        files = QuestionAnsweringProcessor()
        facts = {"allows_no_answer": True}
        return QuestionAnswering.restore(
            resolve(**flags), Processors(files, files), model, [], facts
        )

    training = restored()
    features = training.encode("dev", rows, is_chunk=True)
    assert training.score(rows, features, outputs).scores["f1"] == 100.0
    later = restored(do_train=False, do_eval=True)
    scores = later.score(rows, features, outputs).scores
    assert (scores["f1"], scores["null_score_diff_threshold"]) == (50.0, 0.0)
    # The report is about the same answers.
    (mistake,) = later.details(rows, features, outputs).mistakes
    assert (mistake.gold, mistake.predicted) == ("no answer", "he")
    assert later.tune(rows, features, outputs)
    assert later.kept_threshold == -10.0
    assert later.score(rows, features, outputs).scores["f1"] == 100.0
    assert not later.details(rows, features, outputs).mistakes
