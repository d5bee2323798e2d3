"""Write a tagger's answers in the form that annotation tools import."""

import itertools
import json
from typing import Dict, Iterable, Iterator, List, Mapping

from finetune.util.files import atomic_text

ANNOTATION_TOOLS = ("doccano", "label_studio")


def write_for_tool(tool: str, path: str, rows: Iterable[Mapping]) -> None:
    """Writes rows of test_results.jsonl in the form of one of `ANNOTATION_TOOLS`.

    doccano imports JSON lines with "text" and "label". Label Studio imports a JSON list of tasks
    with "data" and "predictions"; as in JavaScript, it counts UTF-16 units.
    """
    with atomic_text(path) as writer:
        if tool == "doccano":
            for row in rows:
                writer.write(json.dumps(_for_doccano(row), ensure_ascii=False) + "\n")
        else:
            writer.write("[")
            separator = "\n "
            for row in rows:
                task = json.dumps(_for_label_studio(row), ensure_ascii=False, indent=1)
                writer.write(separator + task.replace("\n", "\n "))
                separator = ",\n "
            writer.write("\n]\n")


def read_rows(path: str) -> Iterator[Mapping]:
    """Yields the rows of test_results.jsonl."""
    with open(path, encoding="utf-8", newline="\n") as reader:
        for line in reader:
            yield json.loads(line)


def _for_doccano(row: Mapping) -> Dict[str, object]:
    spans = [[e["start"], e["end"], e["type"]] for e in row["entities"]]
    return {**_without_entities(row), "label": spans}


def _for_label_studio(row: Mapping) -> Dict[str, object]:
    units = [0, *itertools.accumulate(1 + (char > "\uffff") for char in row["text"])]
    result: List[Dict[str, object]] = [
        {
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "score": entity["score"],
            "value": {
                "start": units[entity["start"]],
                "end": units[entity["end"]],
                "text": entity["surface"],
                "labels": [entity["type"]],
            },
        }
        for entity in row["entities"]
    ]
    return {"data": _without_entities(row), "predictions": [{"result": result}]}


def _without_entities(row: Mapping) -> Dict[str, object]:
    return {key: value for key, value in row.items() if key != "entities"}
