"""Write predictions as they come: one row for each input row, in the same order."""

import contextlib
import csv
import itertools
import json
from typing import Dict, Iterable, List, Sequence, Tuple

from finetune.files import atomic_text
from finetune.tagged_text import TaggedText
from finetune.tagging import spans_of
from processors import InputExample


def write_classification(
    path: str,
    examples: Iterable[InputExample],
    answers: Iterable[Sequence[str]],
    *,
    columns: Sequence[str],
    pairs: bool,
) -> None:
    """Writes `test_results.tsv`.

    Columns: guid, text (or text_a and text_b, of pairs), and those of the answers. The dialect is
    that of spreadsheets ("excel-tab"): a field that holds a quote, tab or line end is quoted, so
    that no row can be lost in reading.

    Args:
      path: The file to write.
      examples: The rows.
      answers: The answer to each of them, in the same order, a cell for each column.
      columns: Names of these columns.
      pairs: Whether there are second texts.

    Raises:
      ValueError: There are more or fewer answers than rows.
    """
    with atomic_text(path) as writer:
        table = csv.writer(writer, dialect="excel-tab", lineterminator="\n")
        quoting = csv.writer(writer, "excel-tab", lineterminator="\n", quoting=csv.QUOTE_ALL)
        table.writerow(["guid", *(("text_a", "text_b") if pairs else ("text",)), *columns])
        for example, cells in itertools.zip_longest(examples, answers):
            if example is None or cells is None:
                raise ValueError("The data to predict changed while it was read. Predict again.")
            texts = (example.text_a, example.text_b or "") if pairs else (example.text_a,)
            # A lone CR ends a line for readers, but the minimal quoting leaves it bare.
            bare = any("\r" in cell for cell in (*texts, *cells))
            (quoting if bare else table).writerow([example.guid, *texts, *cells])


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
