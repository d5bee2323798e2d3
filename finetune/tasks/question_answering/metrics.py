"""The scores of answers, equal to those of the official scripts.

SQuAD 1.1: evaluate-v1.1.py. SQuAD 2.0: evaluate-v2.0.py (Rajpurkar et al. 2016, 2018).
Other languages: mlqa_evaluation_v1.py (Lewis et al. 2019). Their figures are percentages.
"""

import collections
import functools
import logging
import re
import string
import sys
import unicodedata
from typing import Callable, Dict, FrozenSet, Mapping, NamedTuple, Optional, Sequence, Tuple, cast

from finetune.tasks.scores import AnswerScores
from finetune.util.plurals import count

_log = logging.getLogger(__name__)

Golds = Mapping[str, Sequence[str]]  # The gold answers of each question, by id; [] for no answer
Normalize = Callable[[str], str]
_OneScore = Callable[[str, str, Normalize], float]

_ENGLISH_ARTICLES = r"\b(a|an|the)\b"
# From mlqa_evaluation_v1.py, including the second alternative of the Arabic pattern, which also
# matches inside words.
_MLQA_ARTICLES: Mapping[str, Optional[str]] = {
    "en": _ENGLISH_ARTICLES,
    "es": r"\b(un|una|unos|unas|el|la|los|las)\b",
    "hi": None,
    "vi": r"\b(của|là|cái|chiếc|những)\b",
    "de": r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b",
    "ar": r"\sال^|ال",
    "zh": None,
}
_IDEOGRAPH = re.compile(r"[\u4e00-\u9fa5]")


class NoAnswer(NamedTuple):
    """How sure a system is that questions have no answer.

    Attributes:
      odds: A number for each question, by id; the higher, the surer.
      threshold: Above it, the answer counts as "no answer".
    """

    odds: Mapping[str, float]
    threshold: float


def score_answers(
    golds: Golds,
    predictions: Mapping[str, str],
    *,
    language: Optional[str] = None,
    no_answer: Optional[NoAnswer] = None,
    version_2: bool = False,
) -> AnswerScores:
    """Returns the official scores.

    Args:
      golds: The gold answers by id.
      predictions: The predicted answers by id. A question without a prediction scores 0.
      language: The language of the answers, which decides how they are normalized.
      no_answer: Whether questions have an answer; None if the empty predictions say so.
      version_2: Whether to use only SQuAD 2.0's rules, although all questions have an answer.

    Returns:
      The scores of SQuAD 2.0. If all questions have answers, those of SQuAD 1.1 as well; its rules
      then determine `f1`.
    """
    missing = [guid for guid in golds if guid not in predictions]
    if missing:
        _log.warning(
            "%s no prediction, which counts as wrong (%s)",
            count(len(missing), "question has", "questions have"),
            ", ".join(missing[:3]) + (", …" if len(missing) > 3 else ""),
        )
    normalize = make_normalizer(language)
    scores = _squad2(golds, predictions, normalize, no_answer)
    if all(golds.values()) and no_answer is None and not version_2:
        scores.update(_squad1(golds, predictions, normalize))
    return scores


def make_normalizer(language: Optional[str]) -> Normalize:
    """Returns a function that removes case, punctuation, articles and extra whitespace.

    Args:
      language: A language of MLQA for its rules; any other, or None, for SQuAD's.
    """
    is_mlqa = language in _MLQA_ARTICLES
    punctuation = _unicode_punctuation() if is_mlqa else frozenset(string.punctuation)
    articles = _MLQA_ARTICLES[language] if language and is_mlqa else _ENGLISH_ARTICLES

    @functools.lru_cache(maxsize=1 << 16)
    def normalize(text: str) -> str:
        text = "".join(char for char in text.lower() if char not in punctuation)
        if articles:
            text = re.sub(articles, " ", text)
        if language == "zh":  # Each ideograph is a word.
            text = _IDEOGRAPH.sub(lambda match: f" {match[0]} ", text)
        return " ".join(text.split())

    return normalize


def log_rules(language: Optional[str]) -> None:
    """Says by which rules answers are compared if their language has none of its own."""
    if language and language not in _MLQA_ARTICLES:
        _log.info(
            "--answer_language=%s: there are no rules for this language; SQuAD's are used",
            language,
        )


@functools.lru_cache(maxsize=None)
def _unicode_punctuation() -> FrozenSet[str]:
    found = (char for char in map(chr, range(sys.maxunicode)))
    return frozenset(c for c in found if unicodedata.category(c)[0] == "P").union(
        string.punctuation
    )


def _squad1(golds: Golds, predictions: Mapping[str, str], normalize: Normalize) -> AnswerScores:
    def mean(score: _OneScore) -> float:
        total = sum(
            max(score(predictions[guid], gold, normalize) for gold in texts)
            for guid, texts in golds.items()
            if guid in predictions
        )
        return 100.0 * total / len(golds)

    return {"exact_match": mean(_exact), "f1": mean(_f1_of_squad1)}


def _exact(prediction: str, gold: str, normalize: Normalize) -> float:
    return float(normalize(prediction) == normalize(gold))


def _f1_of_squad1(prediction: str, gold: str, normalize: Normalize) -> float:
    predicted, wanted = normalize(prediction).split(), normalize(gold).split()
    common = sum((collections.Counter(predicted) & collections.Counter(wanted)).values())
    if not common:
        return 0.0
    precision, recall = common / len(predicted), common / len(wanted)
    return 2 * precision * recall / (precision + recall)


def _f1_of_squad2(prediction: str, gold: str, normalize: Normalize) -> float:
    if not normalize(prediction) or not normalize(gold):
        return _exact(prediction, gold, normalize)
    return _f1_of_squad1(prediction, gold, normalize)


def _squad2(
    golds: Golds,
    predictions: Mapping[str, str],
    normalize: Normalize,
    no_answer: Optional[NoAnswer],
) -> AnswerScores:
    raw = {
        name: _raw_scores(golds, predictions, normalize, score)
        for name, score in (("exact", _exact), ("f1", _f1_of_squad2))
    }
    final = {
        name: values if no_answer is None else _with_threshold(values, golds, no_answer)
        for name, values in raw.items()
    }
    answerable = [guid for guid, texts in golds.items() if texts]
    unanswerable = [guid for guid, texts in golds.items() if not texts]
    scores: Dict[str, float] = {}
    for prefix, ids in (("", list(golds)), ("HasAns_", answerable), ("NoAns_", unanswerable)):
        if ids:
            for name, values in final.items():
                scores[prefix + name] = 100.0 * sum(values[guid] for guid in ids) / len(ids)
            scores[prefix + "total"] = len(ids)
    if no_answer is not None:
        by_odds = sorted((g for g in no_answer.odds if g in golds), key=no_answer.odds.__getitem__)
        for name, values in raw.items():
            best, threshold = _best_threshold(by_odds, values, golds, predictions, no_answer.odds)
            scores[f"best_{name}"], scores[f"best_{name}_thresh"] = best, threshold
        if answerable:
            oracle = {guid: float(bool(texts)) for guid, texts in golds.items()}
            for name, values in (*raw.items(), ("oracle", oracle)):
                precision = _average_precision(by_odds, values, golds, no_answer.odds)
                scores[f"pr_{name}_ap"] = precision
    return cast(AnswerScores, scores)


def _raw_scores(
    golds: Golds, predictions: Mapping[str, str], normalize: Normalize, score: _OneScore
) -> Dict[str, float]:
    """Returns each question's best score, by SQuAD 2.0's rules."""
    scores = {}
    for guid, texts in golds.items():
        texts = [text for text in texts if normalize(text)] or [""]
        given = predictions.get(guid)
        scores[guid] = 0.0 if given is None else max(score(given, t, normalize) for t in texts)
    return scores


def _with_threshold(
    scores: Mapping[str, float], golds: Golds, no_answer: NoAnswer
) -> Dict[str, float]:
    return {
        guid: float(not golds[guid]) if no_answer.odds[guid] > no_answer.threshold else score
        for guid, score in scores.items()
    }


def _best_threshold(
    by_odds: Sequence[str],
    scores: Mapping[str, float],
    golds: Golds,
    predictions: Mapping[str, str],
    odds: Mapping[str, float],
) -> Tuple[float, float]:
    """Returns the best mean score that a threshold yields, and the threshold; 0.0 if none helps."""
    current = best = float(sum(not texts for texts in golds.values()))
    threshold = 0.0
    for guid in by_odds:  # A higher threshold answers one more question.
        if golds[guid]:
            current += scores[guid]
        elif predictions.get(guid):
            current -= 1
        if current > best:
            best, threshold = current, odds[guid]
    return 100.0 * best / len(scores), threshold


def _average_precision(
    by_odds: Sequence[str],
    scores: Mapping[str, float],
    golds: Golds,
    odds: Mapping[str, float],
) -> float:
    num_answerable = sum(map(bool, golds.values()))
    right, recall, average = 0.0, 0.0, 0.0
    for i, guid in enumerate(by_odds):
        right += scores[guid] if golds[guid] else 0.0
        if i + 1 == len(by_odds) or odds[guid] != odds[by_odds[i + 1]]:  # A threshold fits here.
            average += right / (i + 1) * (right / num_answerable - recall)
            recall = right / num_answerable
    return 100.0 * average


def tuned_threshold(scores: AnswerScores, odds: Sequence[float]) -> float:
    """Returns a threshold with the best F1: the middle of the highest range of such thresholds.

    Args:
      scores: The scores, with odds.
      odds: These odds.
    """
    nothing = 100.0 * scores.get("NoAns_total", 0) / scores["total"]
    if scores["best_f1"] <= nothing:  # It is best to answer no question.
        return min(odds) - 1.0
    best = scores["best_f1_thresh"]
    higher = [number for number in odds if number > best]
    return (best + min(higher)) / 2 if higher else best
