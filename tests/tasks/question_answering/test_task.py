"""Settings that the task completes."""

import types

import pytest

from finetune.tasks.question_answering.config import QaConfig
from finetune.tasks.question_answering.processor import QuestionAnsweringProcessor
from finetune.tasks.question_answering.task import QuestionAnswering
from finetune.util.errors import UsageError

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
