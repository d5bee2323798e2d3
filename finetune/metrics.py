"""Score a classifier's answers. The formulas are scikit-learn's, the choice is ours."""

from typing import Dict, List, Sequence

import numpy as np


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
      `confusion_matrix` (rows: right label, columns: predicted label), and for two labels `auc`,
      the area under the ROC curve of the second one. A precision, recall or F1 whose denominator
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
    scores["confusion_matrix"] = sk.confusion_matrix(label_ids, predicted, labels=all_ids).tolist()
    return scores


def _mcc(label_ids: np.ndarray, predicted: np.ndarray) -> float:
    from sklearn.metrics import matthews_corrcoef

    # 0 by convention where all answers are one label; scikit-learn then warns about its own parts.
    if len(np.unique(predicted)) == 1:
        return 0.0
    return float(matthews_corrcoef(label_ids, predicted))


def _cross_entropy(label_ids: np.ndarray, logits: np.ndarray) -> float:
    logits = np.asarray(logits, np.float64)
    top = logits.max(axis=-1)
    log_sum = top + np.log(np.exp(logits - top[:, None]).sum(axis=-1))  # [rows]
    return float(np.mean(log_sum - logits[np.arange(len(logits)), label_ids]))


def format_scores(scores: Dict[str, object]) -> str:
    """Returns scores as text for people: a line each, a table of labels, the confusion matrix."""
    per_label: Dict[str, Dict[str, float]] = scores["labels"]
    lines = [*format_figures(scores), "", *format_table("label", per_label)]
    lines += ["", "confusion matrix (rows: right label, columns: predicted label)"]
    width = max(map(len, ("label", *per_label)))
    return "\n".join(lines + _matrix(list(per_label), scores["confusion_matrix"], width)) + "\n"


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
