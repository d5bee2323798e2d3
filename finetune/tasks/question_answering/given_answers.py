"""Score the answers of any system, which are given as a file, without a model."""

from typing import Any, Dict, Optional, Tuple, Type, Union

from finetune.data import sources
from finetune.data.processor import DataProcessor
from finetune.tasks.question_answering import metrics
from finetune.tasks.question_answering.config import QaConfig
from finetune.tasks.question_answering.processor import check_ids
from finetune.tasks.question_answering.question import Question
from finetune.tasks.scores import Evaluation, format_figures
from finetune.util.errors import InputError
from finetune.util.json_files import read_json_object


def score_file(config: QaConfig, processor: Type[DataProcessor]) -> Evaluation:
    """Scores --predictions_file, and --na_prob_file if it is set, on --dev_file."""
    path = config.require("dev_file")
    questions = list(
        sources.from_processor(
            sources.make_processor(processor),
            "dev",
            data_dir="",
            path=path,
            as_file=config.data_file,
            example_class=Question,
        )
    )
    if not questions:
        raise InputError(f"{path}: no questions; expected at least one.")
    check_ids(questions)
    metrics.log_rules(config.answer_language)
    golds = {question.guid: [answer.text for answer in question.gold] for question in questions}
    given = config.require("predictions_file")
    predictions = _read(given, str, "an answer")
    if not golds.keys() & predictions.keys():
        raise InputError(
            f"{given}: contains no answer to any question of {path}. Its ids must be those of the "
            f"questions, such as {next(iter(golds))!r}."
        )
    scores = metrics.score_answers(
        golds,
        predictions,
        language=config.answer_language,
        no_answer=_read_no_answer(config, golds),
        version_2=bool(config.version_2_with_negative),
    )
    return Evaluation(scores, "\n".join(format_figures(scores)) + "\n")


def _read_no_answer(config: QaConfig, golds: metrics.Golds) -> Optional[metrics.NoAnswer]:
    path = config.na_prob_file
    if not path:
        return None
    odds = _read(path, (int, float), "a number")
    missing = next((guid for guid in golds if guid not in odds), None)
    if missing is not None:
        raise InputError(f"{path}: no number for the question {missing!r}; expected one for each.")
    return metrics.NoAnswer(odds, config.value_of("na_prob_thresh"))


def _read(path: str, kind: Union[type, Tuple[type, ...]], expected: str) -> Dict[str, Any]:
    """Reads a JSON object whose values have a type."""
    advice = f"Expected a JSON object with {expected} for each question id."
    content = read_json_object(path, kind="predictions", advice=advice)
    for guid, value in content.items():
        if isinstance(value, bool) or not isinstance(value, kind):
            raise InputError(f"{path}: found {value!r:.60} for the question {guid!r}. {advice}")
    return content
