"""Write predictions as they come: one row for each input row, in the same order."""

import csv
from typing import Iterable, Sequence

import numpy as np

from finetune.files import atomic_text
from finetune.metrics import softmax
from processors import InputExample


def write_classification(
    path: str,
    examples: Sequence[InputExample],
    batches_of_logits: Iterable[np.ndarray],
    labels: Sequence[str],
) -> int:
    """Writes `test_results.tsv`.

    Columns: guid, text (or text_a and text_b, if there is a pair), predicted label, its score (its
    probability), and each label's probability. The dialect is that of spreadsheets ("excel-tab"):
    a field that holds a quote, tab or line end is quoted, so that no row can be lost in reading.

    Args:
      path: The file to write.
      examples: The rows.
      batches_of_logits: Their logits, float [B, L] each, in the same order.
      labels: Names of the L labels.

    Returns:
      The number of rows written.
    """
    pairs = any(example.text_b is not None for example in examples)
    rows = iter(examples)
    written = 0
    with atomic_text(path) as writer:
        table = csv.writer(writer, dialect="excel-tab", lineterminator="\n")
        quoting = csv.writer(writer, "excel-tab", lineterminator="\n", quoting=csv.QUOTE_ALL)
        texts = ("text_a", "text_b") if pairs else ("text",)
        table.writerow(["guid", *texts, "prediction", "score", *_columns(labels)])
        for logits in batches_of_logits:
            for probabilities in softmax(logits):
                example = next(rows)
                best = int(np.argmax(probabilities))
                texts = (example.text_a, example.text_b or "") if pairs else (example.text_a,)
                numbers = [f"{p:.6f}" for p in (probabilities[best], *probabilities)]
                # A lone CR ends a line for readers, but the minimal quoting leaves it bare.
                row_writer = quoting if any("\r" in text for text in texts) else table
                row_writer.writerow([example.guid, *texts, labels[best], *numbers])
                written += 1
    return written


def _columns(labels: Sequence[str]) -> Sequence[str]:
    # A label that bears the name of another column would hide it from readers by name.
    taken = {"guid", "text", "text_a", "text_b", "prediction", "score"}
    if taken.isdisjoint(labels):
        return labels
    return [f"label_{label}" for label in labels]
