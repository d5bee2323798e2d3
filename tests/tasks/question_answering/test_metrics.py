"""Scores equal those of the official scripts, which computed the figures in this file."""

import pytest

from finetune.tasks.question_answering import metrics
from finetune.tasks.question_answering.metrics import NoAnswer, score_answers

GOLDS = {
    "q1": ["the Rankine cycle", "Rankine"],
    "q2": ["1,000 men"],
    "q3": [],
    "q4": ["…", "a"],  # Nothing is left of the second answer
    "q5": [],
    "q6": ["São Paulo"],
    "q7": ["Jim Henson"],
}
PREDICTIONS = {
    "q1": "a Rankine engine cycle",
    "q2": "1000 Men!",
    "q3": "",
    "q4": "",
    "q5": "Paris",
    "q6": "Paulo",
    "q7": "Henson",
}
ODDS = {"q7": 0.7, "q1": 0.1, "q2": 0.3, "q3": 0.8, "q4": 0.3, "q5": 0.6, "q6": 0.2}
# By evaluate-v2.0.py, and by evaluate-v1.1.py without the questions that have no answer and
# without a prediction for q7.
SQUAD2 = {
    "exact": 28.571428571428573,
    "f1": 59.04761904761904,
    "total": 7,
    "HasAns_exact": 20.0,
    "HasAns_f1": 62.666666666666664,
    "HasAns_total": 5,
    "NoAns_exact": 50.0,
    "NoAns_f1": 50.0,
    "NoAns_total": 2,
}
SQUAD2_WITH_ODDS = {
    "exact": 42.857142857142854,
    "f1": 63.80952380952381,
    "total": 7,
    "HasAns_exact": 20.0,
    "HasAns_f1": 49.333333333333336,
    "HasAns_total": 5,
    "NoAns_exact": 100.0,
    "NoAns_f1": 100.0,
    "NoAns_total": 2,
    "best_exact": 42.857142857142854,
    "best_exact_thresh": 0.3,
    "best_f1": 63.80952380952381,
    "best_f1_thresh": 0.3,
    "pr_exact_ap": 5.0,
    "pr_f1_ap": 41.87407407407408,
    "pr_oracle_ap": 96.66666666666667,
}
SQUAD1 = {
    "exact_match": 40.0,
    "f1": 49.333333333333336,
}


def close_to(figures):
    return {name: pytest.approx(value, abs=1e-9) for name, value in figures.items()}


def test_squad_2_without_odds():
    assert score_answers(GOLDS, PREDICTIONS) == close_to(SQUAD2)


def test_squad_2_with_odds_and_threshold():
    scores = score_answers(GOLDS, PREDICTIONS, no_answer=NoAnswer(ODDS, 0.5))
    assert scores == close_to(SQUAD2_WITH_ODDS)


def test_squad_1_counts_a_missing_prediction_as_wrong(caplog):
    golds = {guid: texts for guid, texts in GOLDS.items() if texts}
    predictions = {guid: text for guid, text in PREDICTIONS.items() if guid != "q7"}
    scores = score_answers(golds, predictions)
    assert {name: scores[name] for name in SQUAD1} == close_to(SQUAD1)
    assert "1 question has no prediction, which counts as wrong (q7)" in caplog.text


def test_both_sets_of_names_if_all_questions_have_answers():
    names = {"exact_match", "exact", "f1", "total", "HasAns_exact", "HasAns_f1", "HasAns_total"}
    assert score_answers({"q": ["a b"]}, {"q": "b"}).keys() == names
    version_2 = score_answers({"q": ["a b"]}, {"q": "b"}, version_2=True)
    assert version_2.keys() == names - {"exact_match"}


# Answers with articles, punctuation that is not ASCII, and scripts without spaces.
MLQA_GOLDS = {
    "en": ["“The River — Thames”"],
    "es": ["La Casa de las Flores", "¡Hola!"],
    "de": ["Der Fluß „Elbe“"],
    "vi": ["những con sông của Việt Nam"],
    "ar": ["البيت الكبير"],
    "hi": ["नई दिल्ली।"],
    "zh": ["2011 年的中国", "中国"],
}
MLQA_PREDICTIONS = {
    "en": "Thames river bank",
    "es": "una casa con flores",
    "de": "die Elbe",
    "vi": "sông Việt Nam",
    "ar": "بيت كبير",
    "hi": "दिल्ली",
    "zh": "年,中国人",
}
# Exact match and F1 by mlqa_evaluation_v1.py.
MLQA = {
    "en": (50.0, 90.0),
    "es": (50.0, 83.33333333333333),
    "de": (0.0, 58.33333333333333),
    "vi": (50.0, 92.85714285714286),
    "ar": (100.0, 100.0),
    "hi": (50.0, 83.33333333333333),
    "zh": (50.0, 83.33333333333333),
}


@pytest.mark.parametrize("language", MLQA_GOLDS)
def test_mlqa(language):
    golds = {"x": MLQA_GOLDS[language], "y": MLQA_GOLDS[language]}
    predictions = {"x": MLQA_PREDICTIONS[language], "y": MLQA_GOLDS[language][0].upper()}
    scores = score_answers(golds, predictions, language=language)
    assert (scores["exact_match"], scores["f1"]) == pytest.approx(MLQA[language], abs=1e-9)


def test_other_languages_are_scored_by_the_rules_of_squad(caplog):
    caplog.set_level("INFO")
    # Turkish: "İ" becomes two characters in lower case, in gold and predicted answers alike.
    golds, predictions = {"q": ["İstanbul'da"]}, {"q": "the İstanbulda"}
    metrics.log_rules("zh")
    assert not caplog.text
    metrics.log_rules("tr")
    assert "--answer_language=tr: there are no rules for this language" in caplog.text
    scores = score_answers(golds, predictions, language="tr")
    assert scores == score_answers(golds, predictions)
    assert scores["exact_match"] == 100.0


def test_tuned_threshold_is_the_best_or_answers_nothing():
    golds = {"a": ["x"], "b": [], "c": []}
    odds = {"a": -2.0, "b": -1.0, "c": 5.0}
    right = score_answers(golds, dict.fromkeys("abc", "x"), no_answer=NoAnswer(odds, 0.0))
    assert right["f1"] == pytest.approx(200 / 3)
    assert metrics.tuned_threshold(right, list(odds.values())) == -1.5
    wrong = score_answers(golds, dict.fromkeys("abc", "y"), no_answer=NoAnswer(odds, 0.0))
    assert metrics.tuned_threshold(wrong, list(odds.values())) < -2.0
