"""Score a classifier's predictions. The formulas are those of scikit-learn and SciPy."""

import math
from typing import Iterable, List, Optional, Sequence, Tuple

import numpy as np

from finetune.tasks.scores import (
    Confusion,
    LabelScores,
    MultiLabelScores,
    RankedLabelScores,
    RegressionScores,
    SingleLabelScores,
    TwoLabelFigures,
    format_figures,
    format_label_table,
    format_table,
)

_MAX_MATRIX = 100  # Labels; with more, the confusion matrix is neither computed nor shown


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns the probabilities for logits, float64 [rows, L]."""
    from scipy import special

    return special.softmax(np.asarray(logits, np.float64), axis=-1)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Returns the probability for each logit, independently of the others: float64."""
    from scipy import special

    return special.expit(np.asarray(logits, np.float64))


def single_label_scores(
    label_ids: np.ndarray, logits: np.ndarray, labels: Sequence[str]
) -> SingleLabelScores:
    """Scores a classifier whose texts have one label each.

    Args:
      label_ids: int [rows], the gold labels.
      logits: float [rows, L].
      labels: Names of the L labels.
    """
    from sklearn import metrics as sk  # Only an evaluation needs it.

    predicted = np.argmax(logits, axis=-1)
    all_ids = np.arange(len(labels))
    per_label = sk.precision_recall_fscore_support(
        label_ids, predicted, labels=all_ids, zero_division=0
    )
    precision, recall, f1, support = per_label
    figures: TwoLabelFigures = {
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
        figures["auc"] = _auc_of_second(label_ids, logits)
    matrix = None
    if len(labels) <= _MAX_MATRIX:
        matrix = sk.confusion_matrix(label_ids, predicted, labels=all_ids).tolist()
    columns = [column.tolist() for column in per_label]
    return {
        **figures,
        "labels": {label: _label_scores(*row) for label, *row in zip(labels, *columns)},
        "confusion_matrix": matrix,
        "most_confused": _most_confused(label_ids, predicted, labels),
    }


def _label_scores(precision: float, recall: float, f1: float, support: float) -> LabelScores:
    return {"precision": precision, "recall": recall, "f1": f1, "support": int(support)}


def _auc_of_second(label_ids: np.ndarray, logits: np.ndarray) -> Optional[float]:
    from sklearn import metrics as sk

    if len(np.unique(label_ids)) < 2:
        return None
    margins = np.subtract(*np.asarray(logits, np.float64).T[::-1])  # [rows]
    return float(sk.roc_auc_score(label_ids, margins))


def _mcc(label_ids: np.ndarray, predicted: np.ndarray) -> float:
    """Returns the Matthews correlation coefficient as in Gorodkin 2004, equation 8.

    It is computed from counts; scikit-learn would build a matrix of all labels.
    """
    size = int(max(label_ids.max(), predicted.max())) + 1
    gold = np.bincount(label_ids, minlength=size).astype(np.float64)
    given = np.bincount(predicted, minlength=size).astype(np.float64)
    total, correct = len(label_ids), np.sum(label_ids == predicted)
    spread = (total**2 - gold @ gold) * (total**2 - given @ given)
    # By convention, 0 if all predictions or all gold labels are the same.
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


def format_single_label_scores(scores: SingleLabelScores) -> str:
    """Returns scores as human-readable text: figures, a table of labels, the confusion matrix."""
    per_label, matrix = scores["labels"], scores["confusion_matrix"]
    table = format_label_table("label", per_label, ("precision", "recall", "f1", "support"))
    lines = [*format_figures(scores), "", *table, ""]
    if matrix is not None:
        lines += ["confusion matrix (rows: gold label, columns: predicted label)"]
        rows = [[label, *row] for label, row in zip(per_label, matrix)]
        lines += format_table(["", *per_label], rows)
    else:
        lines += ["most frequent mistakes (gold label → predicted label)"]
        lines += [
            f"{m['count']:7d}  {m['label']} → {m['predicted']}" for m in scores["most_confused"]
        ]
    return "\n".join(lines) + "\n"


def multi_label_scores(
    label_ids: np.ndarray, logits: np.ndarray, labels: Sequence[str], thresholds: np.ndarray
) -> MultiLabelScores:
    """Scores a classifier whose texts have any number of labels.

    Args:
      label_ids: int [rows, L], 1 if a row has the label.
      logits: float [rows, L].
      labels: Names of the L labels.
      thresholds: float [1] or [L], the minimum probability for a label to be assigned.
    """
    probabilities = sigmoid(logits)
    given = (probabilities >= thresholds).astype(np.int32)
    gold, hits = label_ids.sum(axis=0), (given & label_ids).sum(axis=0)  # [L]
    parts = _precision_recall_f1(hits, given.sum(axis=0), gold)
    micro = _precision_recall_f1(hits.sum(), given.sum(), gold.sum())
    columns = (*(part.tolist() for part in (*parts, gold)), label_ids.T, probabilities.T)
    per_label = {
        label: _ranked_scores(_label_scores(p, r, f, s), *ranked)
        for label, p, r, f, s, *ranked in zip(labels, *columns)
    }
    return {
        "num_examples": len(label_ids),
        "loss": float(np.mean(np.logaddexp(0, logits.astype(np.float64)) - label_ids * logits)),
        "accuracy": float(np.mean(np.all(given == label_ids, axis=1))),
        "hamming_loss": float(np.mean(given != label_ids)),
        "micro_precision": float(micro[0]),
        "micro_recall": float(micro[1]),
        "micro_f1": float(micro[2]),
        "macro_precision": float(np.mean(parts[0])),
        "macro_recall": float(np.mean(parts[1])),
        "macro_f1": float(np.mean(parts[2])),
        "macro_auc": _mean_of_known(row["auc"] for row in per_label.values()),
        "macro_average_precision": _mean_of_known(
            row["average_precision"] for row in per_label.values()
        ),
        "labels": per_label,
    }


def best_thresholds(label_ids: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Returns the threshold of each label with the best F1; 0.5 if there is no such threshold.

    Args:
      label_ids: int [rows, L], 1 if a row has the label.
      probabilities: float [rows, L].

    Returns:
      float [L].
    """
    found = (_best_threshold(*columns) for columns in zip(label_ids.T, probabilities.T))
    return np.array([0.5 if threshold is None else threshold for threshold in found])


def _best_threshold(gold: np.ndarray, probabilities: np.ndarray) -> Optional[float]:
    """Returns the middle between the lowest probability above the best threshold and the next."""
    from sklearn import metrics as sk

    if len(np.unique(gold)) < 2:
        return None
    precision, recall, thresholds = sk.precision_recall_curve(gold, probabilities)
    best = int(np.argmax(_f1(precision, recall)[:-1]))
    return float((thresholds[best] + thresholds[max(0, best - 1)]) / 2)


def _f1(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    return 2 * precision * recall / np.maximum(precision + recall, 1e-12)


def _mean_of_known(values: Iterable[Optional[float]]) -> Optional[float]:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _precision_recall_f1(
    hits: np.ndarray, given: np.ndarray, gold: np.ndarray
) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns precision, recall and F1 from counts; 0 where the denominator is 0."""
    # scikit-learn is not used: it would read an indicator matrix with one label as two classes.
    precision = hits / np.maximum(given, 1)
    recall = hits / np.maximum(gold, 1)
    return precision, recall, 2 * hits / np.maximum(given + gold, 1)


def _ranked_scores(
    scores: LabelScores, gold: np.ndarray, probabilities: np.ndarray
) -> RankedLabelScores:
    """Adds scores for how well the probabilities rank rows with the label above other rows."""
    from sklearn import metrics as sk

    if len(np.unique(gold)) < 2:
        return {**scores, "auc": None, "average_precision": None, "best_threshold": None}
    precision, recall, thresholds = sk.precision_recall_curve(gold, probabilities)
    f1 = _f1(precision, recall)
    return {
        **scores,
        "auc": float(sk.roc_auc_score(gold, probabilities)),
        "average_precision": float(sk.average_precision_score(gold, probabilities)),
        "best_threshold": float(thresholds[np.argmax(f1[:-1])]),
    }


def format_multi_label_scores(scores: MultiLabelScores) -> str:
    """Returns the scores of a multi-label classifier as human-readable text."""
    columns = ("precision", "recall", "f1", "support", "auc", "average_precision", "best_threshold")
    table = format_label_table("label", scores["labels"], columns)
    return "\n".join([*format_figures(scores), "", *table]) + "\n"


def regression_scores(numbers: np.ndarray, predicted: np.ndarray) -> RegressionScores:
    """Scores the predictions of a regression model.

    Args:
      numbers: float [rows], the gold values.
      predicted: float [rows].
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
