"""Score a classifier's answers. The formulas are scikit-learn's, the choice is ours."""

import math
from typing import Dict, List, Sequence

import numpy as np

_LARGEST_MATRIX = 100  # Labels; with more, a confusion matrix is neither read nor held


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns the probabilities of logits, float64 [rows, L]."""
    logits = np.asarray(logits, np.float64)
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def classification_scores(
    label_ids: np.ndarray, logits: np.ndarray, labels: Sequence[str]
) -> Dict[str, object]:
    """Scores a classifier.

    Args:
      label_ids: int [rows], the right answers.
      logits: float [rows, L].
      labels: Names of the L labels.

    Returns:
      `num_examples`, `loss` (mean cross entropy, nats), `accuracy`, `macro_precision`,
      `macro_recall`, `macro_f1`, `weighted_f1`, `mcc` (Matthews 1975; Gorodkin 2004 for more than
      two labels), `labels` (for each its `precision`, `recall`, `f1`, `support`),
      `confusion_matrix` (rows: right label, columns: predicted label; None with more than 100
      labels) and `most_confused` (the pairs of right and predicted label that are most often
      mistaken, with their count), and for two labels `auc`, the area under the ROC curve of the
      second one. A precision, recall or F1 whose denominator
      is zero is 0; an AUC without rows of both labels is None.
    """
    from sklearn import metrics as sk  # Only an evaluation pays for this import.

    predicted = np.argmax(logits, axis=-1)
    all_ids = np.arange(len(labels))
    per_label = sk.precision_recall_fscore_support(
        label_ids, predicted, labels=all_ids, zero_division=0
    )
    precision, recall, f1, support = per_label
    scores: Dict[str, object] = {
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
        both = len(np.unique(label_ids)) == 2
        positive = np.subtract(*np.asarray(logits, np.float64).T[::-1])  # [rows]
        scores["auc"] = float(sk.roc_auc_score(label_ids, positive)) if both else None
    scores["labels"] = {
        label: {"precision": p, "recall": r, "f1": f, "support": int(s)}
        for label, p, r, f, s in zip(labels, *(column.tolist() for column in per_label))
    }
    scores["confusion_matrix"] = None
    if len(labels) <= _LARGEST_MATRIX:
        matrix = sk.confusion_matrix(label_ids, predicted, labels=all_ids)
        scores["confusion_matrix"] = matrix.tolist()
    scores["most_confused"] = _most_confused(label_ids, predicted, labels)
    return scores


def _mcc(label_ids: np.ndarray, predicted: np.ndarray) -> float:
    """Gorodkin 2004, equation 8, of counts alone: scikit-learn's makes a matrix of all labels."""
    size = int(max(label_ids.max(), predicted.max())) + 1
    right = np.bincount(label_ids, minlength=size).astype(np.float64)
    given = np.bincount(predicted, minlength=size).astype(np.float64)
    total, correct = len(label_ids), np.sum(label_ids == predicted)
    spread = (total**2 - right @ right) * (total**2 - given @ given)
    # 0 by convention where all answers, or all rows, are one label.
    return float((correct * total - right @ given) / math.sqrt(spread)) if spread else 0.0


def _most_confused(
    label_ids: np.ndarray, predicted: np.ndarray, labels: Sequence[str], most: int = 20
) -> List[Dict[str, object]]:
    wrong = label_ids != predicted
    pairs, counts = np.unique(
        np.stack([label_ids[wrong], predicted[wrong]], axis=1), axis=0, return_counts=True
    )
    order = np.argsort(-counts, kind="stable")[:most]
    return [
        {"label": labels[pairs[i][0]], "predicted": labels[pairs[i][1]], "count": int(counts[i])}
        for i in order
    ]


def _cross_entropy(label_ids: np.ndarray, logits: np.ndarray) -> float:
    logits = np.asarray(logits, np.float64)
    top = logits.max(axis=-1)
    log_sum = top + np.log(np.exp(logits - top[:, None]).sum(axis=-1))  # [rows]
    return float(np.mean(log_sum - logits[np.arange(len(logits)), label_ids]))


def format_scores(scores: Dict[str, object]) -> str:
    """Returns scores as text for people: a line each, a table of labels, the confusion matrix."""
    per_label: Dict[str, Dict[str, float]] = scores["labels"]
    lines = [*format_figures(scores), "", *format_table("label", per_label), ""]
    if scores["confusion_matrix"] is not None:
        lines += ["confusion matrix (rows: right label, columns: predicted label)"]
        width = max(map(len, ("label", *per_label)))
        lines += _matrix(list(per_label), scores["confusion_matrix"], width)
    else:
        lines += ["most often mistaken"]
        lines += [
            f"{m['count']:7d}  {m['label']} → {m['predicted']}" for m in scores["most_confused"]
        ]
    return "\n".join(lines) + "\n"


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Returns the probability of each logit by itself, float64."""
    from scipy.special import expit

    return expit(np.asarray(logits, np.float64))


def multi_label_scores(
    label_ids: np.ndarray, logits: np.ndarray, labels: Sequence[str], thresholds: np.ndarray
) -> Dict[str, object]:
    """Scores a classifier whose texts have any number of labels.

    Args:
      label_ids: int [rows, L], 1 where a row has a label.
      logits: float [rows, L].
      labels: Names of the L labels.
      thresholds: float [1] or [L], the probability from which on a label is given.

    Returns:
      `num_examples`, `loss` (mean binary cross entropy over rows and labels, nats), `accuracy`
      (rows whose labels are all right), `hamming_loss`, `micro_…` and `macro_precision`,
      `…_recall`, `…_f1`, `macro_auc`, `macro_average_precision` (means over the labels that have
      one), and `labels`: for each its `precision`, `recall`, `f1`, `support`, `auc`,
      `average_precision`, and the `best_threshold` for its F1 on these rows. Where all rows or no
      rows have the label, the last three are None.
    """
    probabilities = sigmoid(logits)
    given = (probabilities >= thresholds).astype(np.int32)
    scores: Dict[str, object] = {
        "num_examples": len(label_ids),
        "loss": float(np.mean(np.logaddexp(0, logits.astype(np.float64)) - label_ids * logits)),
        "accuracy": float(np.mean(np.all(given == label_ids, axis=1))),
        "hamming_loss": float(np.mean(given != label_ids)),
    }
    right, hits = label_ids.sum(axis=0), (given & label_ids).sum(axis=0)  # [L]
    parts = _precision_recall_f1(hits, given.sum(axis=0), right)
    micro = _precision_recall_f1(hits.sum(), given.sum(), right.sum())
    for average, values in (("micro", micro), ("macro", [np.mean(part) for part in parts])):
        for name, value in zip(("precision", "recall", "f1"), values):
            scores[f"{average}_{name}"] = float(value)
    per_label = {
        label: {
            "precision": p,
            "recall": r,
            "f1": f,
            "support": int(s),
            **_ranking(column, chances),
        }
        for label, p, r, f, s, column, chances in zip(
            labels, *(part.tolist() for part in (*parts, right)), label_ids.T, probabilities.T
        )
    }
    for name in ("auc", "average_precision"):
        known = [row[name] for row in per_label.values() if row[name] is not None]
        scores[f"macro_{name}"] = float(np.mean(known)) if known else None
    return {**scores, "labels": per_label}


def _precision_recall_f1(hits: np.ndarray, given: np.ndarray, right: np.ndarray) -> tuple:
    """Returns the three figures of counts; 0 where the denominator is."""
    # Not scikit-learn's: it takes a table of one label for two classes.
    precision = hits / np.maximum(given, 1)
    recall = hits / np.maximum(right, 1)
    return precision, recall, 2 * hits / np.maximum(given + right, 1)


def _ranking(right: np.ndarray, probabilities: np.ndarray) -> Dict[str, object]:
    """Returns how well the probabilities of one label put the rows that have it first."""
    from sklearn import metrics as sk

    if len(np.unique(right)) < 2:
        return {"auc": None, "average_precision": None, "best_threshold": None}
    precision, recall, thresholds = sk.precision_recall_curve(right, probabilities)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return {
        "auc": float(sk.roc_auc_score(right, probabilities)),
        "average_precision": float(sk.average_precision_score(right, probabilities)),
        "best_threshold": float(thresholds[np.argmax(f1[:-1])]),
    }


def format_multi_label_scores(scores: Dict[str, object]) -> str:
    """Returns the scores of texts with any number of labels as text for people."""
    rows = scores["labels"]
    table = format_table("label", rows)
    names = ("auc", "average_precision", "best_threshold")
    lines = [table[0] + "".join(f"  {name:>17}" for name in names)]
    for line, row in zip(table[1:], rows.values()):
        cells = ("-" if row[name] is None else f"{row[name]:.4f}" for name in names)
        lines.append(line + "".join(f"  {cell:>17}" for cell in cells))
    return "\n".join([*format_figures(scores), "", *lines]) + "\n"


def regression_scores(numbers: np.ndarray, predicted: np.ndarray) -> Dict[str, object]:
    """Scores predicted numbers.

    Args:
      numbers: float [rows], the right ones.
      predicted: float [rows].

    Returns:
      `num_examples`, `mse` (mean squared error), `mae` (mean absolute error), `pearson` and
      `spearman` (correlations; None where one side is all the same number).
    """
    from scipy import stats

    numbers, predicted = np.asarray(numbers, np.float64), np.asarray(predicted, np.float64)
    varied = len(np.unique(numbers)) > 1 and len(np.unique(predicted)) > 1
    return {
        "num_examples": len(numbers),
        "mse": float(np.mean((predicted - numbers) ** 2)),
        "mae": float(np.mean(np.abs(predicted - numbers))),
        "pearson": float(stats.pearsonr(numbers, predicted)[0]) if varied else None,
        "spearman": float(stats.spearmanr(numbers, predicted)[0]) if varied else None,
    }


def format_figures(scores: Dict[str, object]) -> List[str]:
    """Returns a line for each score that is a single figure."""
    return [
        f"{name} = {value:.4f}" if isinstance(value, float) else f"{name} = {value}"
        for name, value in scores.items()
        if value is None or isinstance(value, (int, float))
    ]


def format_table(title: str, rows: Dict[str, Dict[str, float]]) -> List[str]:
    """Returns the lines of a table of `precision`, `recall`, `f1` and `support`."""
    width = max(map(len, (title, *rows)))
    return [f"{title:<{width}}  precision  recall      f1  support"] + [
        f"{name:<{width}}  {s['precision']:9.4f}  {s['recall']:6.4f}  {s['f1']:6.4f}"
        f"  {s['support']:7d}"
        for name, s in rows.items()
    ]


def _matrix(labels: List[str], rows: List[List[int]], width: int) -> List[str]:
    cell = max(map(len, (*labels, *(str(n) for row in rows for n in row))))
    head = f"{'':<{width}}  " + "  ".join(f"{label:>{cell}}" for label in labels)
    body = (
        f"{lab:<{width}}  " + "  ".join(f"{n:>{cell}}" for n in r) for lab, r in zip(labels, rows)
    )
    return [head, *body]
