"""Write predictions as they come: one row for each input row, in the same order."""

import contextlib
import csv
import json
from typing import Dict, Iterable, List, Sequence, Tuple

import numpy as np

from finetune.files import atomic_text
from finetune.metrics import softmax
from finetune.tagged_text import TaggedText
from finetune.tagging import spans_of
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


def write_tagging(
    conll_path: str,
    jsonl_path: str,
    texts: Sequence[TaggedText],
    answers: Iterable[Tuple[List[str], List[float]]],
) -> None:
    """Writes `test_results.conll` and `test_results.jsonl`.

    The first has a word a line with its right tag, if all texts have tags, and its predicted one,
    a space between, and an empty line behind each text: as conlleval and seqeval take it. A text
    without words is not in it, as these cannot take it. The second has an object a line for each
    text, with its entities.

    Args:
      conll_path: The first file.
      jsonl_path: The second.
      texts: The texts; tags, if they have them, in IOB2.
      answers: Of each text in the same order, the predicted tags and their probabilities.
    """
    with_gold = all(text.tags is not None for text in texts)
    with contextlib.ExitStack() as files:
        conll, jsonl = (files.enter_context(atomic_text(p)) for p in (conll_path, jsonl_path))
        for text, (tags, probabilities) in zip(texts, answers):
            for i, tag in enumerate(tags):
                columns = [_one_cell(text.word(i)), *([text.tags[i]] if with_gold else []), tag]
                conll.write(" ".join(columns) + "\n")
            conll.write("\n" if tags else "")
            row = {
                "guid": text.guid,
                "text": text.text,
                "entities": _entities(text, tags, probabilities),
            }
            jsonl.write(json.dumps(row, ensure_ascii=False) + "\n")


def _one_cell(word: str) -> str:
    # White space in a word, which tab-separated files can have, would make two columns of it.
    return "".join("_" if char.isspace() else char for char in word)


def _entities(
    text: TaggedText, tags: Sequence[str], probabilities: Sequence[float]
) -> List[Dict[str, object]]:
    """Returns the entities: type, half-open code-point offsets, surface, score.

    The score is the mean probability of the entity's tags.
    """
    entities = []
    for first, last, kind in spans_of(tags):
        start, end = text.words[first][0], text.words[last - 1][1]
        score = sum(probabilities[first:last]) / (last - first)
        entity = {"type": kind, "start": start, "end": end, "surface": text.text[start:end]}
        entities.append({**entity, "score": round(score, 6)})
    return entities
