"""Score a classifier's answers. The formulas are scikit-learn's and SciPy's."""

import math
from typing import Dict, List, Optional, Sequence, Tuple, TypedDict, cast

import numpy as np

from finetune.output.best_model import Scores
from finetune.tasks.scores import format_figures, format_label_table, format_table

_MAX_MATRIX = 100  # Labels; a larger confusion matrix is neither computed nor shown


class LabelScores(TypedDict):
    """The scores of one label."""

    precision: float
    recall: float
    f1: float
    support: int


class RankedLabelScores(LabelScores):
    """The scores of one label in multi-label data; the new ones are None if undefined."""

    auc: Optional[float]
    average_precision: Optional[float]
    best_threshold: Optional[float]


class Confusion(TypedDict):
    """How often a gold label was mistaken for another."""

    label: str
    predicted: str
    count: int


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns the probabilities for logits, float64 [rows, L]."""
    from scipy import special

    return special.softmax(np.asarray(logits, np.float64), axis=-1)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Returns the probability for each logit separately, float64."""
    from scipy import special

    return special.expit(np.asarray(logits, np.float64))


def classification_scores(
    label_ids: np.ndarray, logits: np.ndarray, labels: Sequence[str]
) -> Scores:
    """Scores a classifier.

    Args:
      label_ids: int [rows], the gold labels.
      logits: float [rows, L].
      labels: Names of the L labels.

    Returns:
      `num_examples`, `loss` (mean cross entropy, nats), `accuracy`, `macro_precision`,
      `macro_recall`, `macro_f1`, `weighted_f1`, `mcc` (Matthews 1975; Gorodkin 2004 for more than
      two labels), for two labels `auc` (the area under the ROC curve of the second label), `labels`
      (the `LabelScores` of each), `confusion_matrix` (rows: gold label, columns: predicted label;
      None with more than 100 labels) and `most_confused` (the most frequent `Confusion`s). A
      precision, recall or F1 whose denominator is zero is 0; an AUC without rows of both labels is
      None.
    """
    from sklearn import metrics as sk  # Only an evaluation needs it.

    predicted = np.argmax(logits, axis=-1)
    all_ids = np.arange(len(labels))
    per_label = sk.precision_recall_fscore_support(
        label_ids, predicted, labels=all_ids, zero_division=0
    )
    precision, recall, f1, support = per_label
    scores: Scores = {
        "num_examples": len(label_ids),
        "loss": _cross_entropy(label_ids, logits),
        "accuracy": float(np.mean(predicted == label_ids)),
        "macro_precision": float(np.mean(precision)),
        "macro_recall": float(np.mean(recall)),
        "macro_f1": float(np.mean(f1)),
        "weighted_f1": float(np.average(f1, weights=support)),
        "mcc": _mcc(label_ids, predicted),
    }
    if len(labels) == 2:
        has_both = len(np.unique(label_ids)) == 2
        positive = np.subtract(*np.asarray(logits, np.float64).T[::-1])  # [rows]
        scores["auc"] = float(sk.roc_auc_score(label_ids, positive)) if has_both else None
    scores["labels"] = {
        label: LabelScores(precision=p, recall=r, f1=f, support=int(s))
        for label, p, r, f, s in zip(labels, *(column.tolist() for column in per_label))
    }
    scores["confusion_matrix"] = None
    if len(labels) <= _MAX_MATRIX:
        matrix = sk.confusion_matrix(label_ids, predicted, labels=all_ids)
        scores["confusion_matrix"] = matrix.tolist()
    scores["most_confused"] = _most_confused(label_ids, predicted, labels)
    return scores


def _mcc(label_ids: np.ndarray, predicted: np.ndarray) -> float:
    """Gorodkin 2004, equation 8, from counts: scikit-learn's builds a matrix of all labels."""
    size = int(max(label_ids.max(), predicted.max())) + 1
    gold = np.bincount(label_ids, minlength=size).astype(np.float64)
    given = np.bincount(predicted, minlength=size).astype(np.float64)
    total, correct = len(label_ids), np.sum(label_ids == predicted)
    spread = (total**2 - gold @ gold) * (total**2 - given @ given)
    # 0 by convention if all answers, or all rows, have one label.
    return float((correct * total - gold @ given) / math.sqrt(spread)) if spread else 0.0


def _most_confused(
    label_ids: np.ndarray, predicted: np.ndarray, labels: Sequence[str], most: int = 20
) -> List[Confusion]:
    wrong = label_ids != predicted
    pairs, counts = np.unique(
        np.stack([label_ids[wrong], predicted[wrong]], axis=1), axis=0, return_counts=True
    )
    order = np.argsort(-counts, kind="stable")[:most]
    return [
        Confusion(label=labels[pairs[i][0]], predicted=labels[pairs[i][1]], count=int(counts[i]))
        for i in order
    ]


def _cross_entropy(label_ids: np.ndarray, logits: np.ndarray) -> float:
    from scipy import special

    logits = np.asarray(logits, np.float64)
    log_sum = special.logsumexp(logits, axis=-1)  # [rows]
    return float(np.mean(log_sum - logits[np.arange(len(logits)), label_ids]))


def format_scores(scores: Scores) -> str:
    """Returns scores as human-readable text: figures, a table of labels, the confusion matrix."""
    per_label: Dict[str, LabelScores] = scores["labels"]
    table = format_label_table("label", per_label, ("precision", "recall", "f1", "support"))
    lines = [*format_figures(scores), "", *table, ""]
    if scores["confusion_matrix"] is not None:
        lines += ["confusion matrix (rows: gold label, columns: predicted label)"]
        rows = [[label, *row] for label, row in zip(per_label, scores["confusion_matrix"])]
        lines += format_table(["", *per_label], rows)
    else:
        lines += ["most frequent mistakes (gold label → predicted label)"]
        lines += [
            f"{m['count']:7d}  {m['label']} → {m['predicted']}" for m in scores["most_confused"]
        ]
    return "\n".join(lines) + "\n"


def multi_label_scores(
    label_ids: np.ndarray, logits: np.ndarray, labels: Sequence[str], thresholds: np.ndarray
) -> Scores:
    """Scores a classifier whose texts have any number of labels.

    Args:
      label_ids: int [rows, L], 1 if a row has the label.
      logits: float [rows, L].
      labels: Names of the L labels.
      thresholds: float [1] or [L], the minimum probability for a label to be assigned.

    Returns:
      `num_examples`, `loss` (mean binary cross entropy over rows and labels, nats), `accuracy`
      (the fraction of rows with all labels correct), `hamming_loss`, `micro_…` and
      `macro_precision`, `…_recall`, `…_f1`, `macro_auc` and `macro_average_precision` (means over
      the labels for which they are defined), and `labels` (the `RankedLabelScores` of each;
      `best_threshold` is the best for its F1 on these rows).
    """
    probabilities = sigmoid(logits)
    given = (probabilities >= thresholds).astype(np.int32)
    scores: Scores = {
        "num_examples": len(label_ids),
        "loss": float(np.mean(np.logaddexp(0, logits.astype(np.float64)) - label_ids * logits)),
        "accuracy": float(np.mean(np.all(given == label_ids, axis=1))),
        "hamming_loss": float(np.mean(given != label_ids)),
    }
    gold, hits = label_ids.sum(axis=0), (given & label_ids).sum(axis=0)  # [L]
    parts = _precision_recall_f1(hits, given.sum(axis=0), gold)
    micro = _precision_recall_f1(hits.sum(), given.sum(), gold.sum())
    for average, values in (("micro", micro), ("macro", [np.mean(part) for part in parts])):
        for name, value in zip(("precision", "recall", "f1"), values):
            scores[f"{average}_{name}"] = float(value)
    columns = (*(part.tolist() for part in (*parts, gold)), label_ids.T, probabilities.T)
    per_label = {
        label: _ranked_scores(LabelScores(precision=p, recall=r, f1=f, support=int(s)), *ranked)
        for label, p, r, f, s, *ranked in zip(labels, *columns)
    }
    for name in ("auc", "average_precision"):
        known = [row[name] for row in per_label.values() if row[name] is not None]
        scores[f"macro_{name}"] = float(np.mean(known)) if known else None
    return {**scores, "labels": per_label}


def _precision_recall_f1(
    hits: np.ndarray, given: np.ndarray, gold: np.ndarray
) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns precision, recall and F1 from counts; 0 where the denominator is 0."""
    # Not scikit-learn's, which takes a table of one label for two classes.
    precision = hits / np.maximum(given, 1)
    recall = hits / np.maximum(gold, 1)
    return precision, recall, 2 * hits / np.maximum(given + gold, 1)


def _ranked_scores(
    scores: LabelScores, gold: np.ndarray, probabilities: np.ndarray
) -> RankedLabelScores:
    """Adds how well the probabilities of one label rank the rows that have it first."""
    from sklearn import metrics as sk

    ranking: Dict[str, Optional[float]] = {
        "auc": None,
        "average_precision": None,
        "best_threshold": None,
    }
    if len(np.unique(gold)) == 2:
        precision, recall, thresholds = sk.precision_recall_curve(gold, probabilities)
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        ranking = {
            "auc": float(sk.roc_auc_score(gold, probabilities)),
            "average_precision": float(sk.average_precision_score(gold, probabilities)),
            "best_threshold": float(thresholds[np.argmax(f1[:-1])]),
        }
    return cast(RankedLabelScores, {**scores, **ranking})


def format_multi_label_scores(scores: Scores) -> str:
    """Returns the scores of a multi-label classifier as human-readable text."""
    columns = ("precision", "recall", "f1", "support")
    columns += ("auc", "average_precision", "best_threshold")
    table = format_label_table("label", scores["labels"], columns)
    return "\n".join([*format_figures(scores), "", *table]) + "\n"


def regression_scores(numbers: np.ndarray, predicted: np.ndarray) -> Scores:
    """Scores predicted numbers.

    Args:
      numbers: float [rows], the gold numbers.
      predicted: float [rows].

    Returns:
      `num_examples`, `mse` (mean squared error), `mae` (mean absolute error), `pearson` and
      `spearman` (correlations; None if all gold or all predicted numbers are equal).
    """
    from scipy import stats

    numbers, predicted = np.asarray(numbers, np.float64), np.asarray(predicted, np.float64)
    is_varied = len(np.unique(numbers)) > 1 and len(np.unique(predicted)) > 1
    return {
        "num_examples": len(numbers),
        "mse": float(np.mean((predicted - numbers) ** 2)),
        "mae": float(np.mean(np.abs(predicted - numbers))),
        "pearson": float(stats.pearsonr(numbers, predicted)[0]) if is_varied else None,
        "spearman": float(stats.spearmanr(numbers, predicted)[0]) if is_varied else None,
    }
