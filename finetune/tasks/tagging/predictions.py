"""Write a tagger's predictions: one text for each input text, in the same order."""

import contextlib
import json
from typing import Dict, Iterable, List, Sequence, Tuple

from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.tasks.tagging.tags import spans_of
from finetune.util.files import atomic_text


def write_tagging(
    conll_path: str,
    jsonl_path: str,
    texts: Sequence[TaggedText],
    answers: Iterable[Tuple[List[str], List[float]]],
) -> None:
    """Writes `test_results.conll` and `test_results.jsonl`.

    The first file has one word per line: the word, its gold tag if all texts have tags, and its
    predicted tag, separated by spaces, with an empty line after each text, as conlleval and seqeval
    read it. A text without words is left out, as these cannot represent it. The second file has one
    JSON object per line, for every text, with its entities.

    Args:
      conll_path: The first file.
      jsonl_path: The second file.
      texts: The texts; their tags, if any, are in IOB2.
      answers: The predicted tags of each text, in the same order, and their probabilities.
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
    # White space in a word, which tab-separated files can have, would make it two columns.
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
