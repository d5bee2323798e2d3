"""Convert objects that annotation tools export: doccano, Label Studio, Prodigy and spaCy.

A converted row has the text under "text", labels of the whole text under "label", and spans under
"entities", as `{"start": 0, "end": 4, "type": "PER"}`.
"""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from finetune.data.column_rules import LABEL_NAMES, TEXT_NAMES
from finetune.util.errors import InputError

_Object = Dict[str, Any]
_SPAN_KEYS = ("entities", "spans", "labels", "label")
_MIN_CATEGORY = 0.5  # spaCy writes 1.0 or 0.0 for each category; scores of a model lie between.


class AnnotatedRow(NamedTuple):
    """A row, and why its annotation does not hold; None if it does."""

    row: _Object
    skipped: Optional[str] = None


class _Export(NamedTuple):
    """A form of exported values: whether a value has it, and the rows in the value."""

    name: str
    applies: Callable[[Any], bool]
    rows: Callable[[Any], Sequence[AnnotatedRow]]


def rows_of_export(value: object, where: str) -> Sequence[AnnotatedRow]:
    """Returns the rows in a value that a tool exported; none if the value has another form.

    Raises:
      InputError: The value has the form of an export, but a part of it is missing or wrong.
    """
    export = next((export for export in _EXPORTS if export.applies(value)), None)
    if export is None:
        return ()
    try:
        return export.rows(value)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{where}: the object looks like {export.name}, but a part of it is missing or has "
            f"another type ({error!r:.100})."
        ) from error


def _with_text(row: _Object) -> _Object:
    """Returns a row with its text under "text" if the text has a usual name or is the only one."""
    if "text" in row:
        return row
    found = [row[name] for name in TEXT_NAMES if isinstance(row.get(name), str)]
    strings = [value for value in row.values() if isinstance(value, str)]
    if not found and len(strings) == 1:
        found = strings
    return {**row, "text": found[0]} if found else row


# Label Studio


def _is_label_studio_task(value: Any) -> bool:
    data = value.get("data") if isinstance(value, dict) else None
    return isinstance(data, dict) and any(isinstance(text, str) for text in data.values())


def _label_studio_task(task: _Object) -> List[AnnotatedRow]:
    names = {key: task[key] for key in ("id", "meta") if key in task}
    row = {**names, **_with_text(task["data"])}
    given = task.get("annotations", task.get("completions")) or []  # The latter: before 1.0
    kept = [item for item in given if not item.get("was_cancelled") and not item.get("skipped")]
    kept = [item for item in kept if item.get("ground_truth")] or kept
    if not kept:
        reason = "the annotator skipped the task" if given else "the task is not annotated"
        return [AnnotatedRow(row, f"{reason} (Label Studio)")]
    first, *others = map(_label_studio_results, kept)
    if any(other != first for other in others):
        return [AnnotatedRow(row, "its annotations differ, and none is the ground truth")]
    spans, labels = first
    row = {**row, **labels, "entities": spans}
    if len(labels) == 1:
        row["label"] = next(iter(labels.values()))
    elif not labels and not spans:
        row["label"] = []
    return [AnnotatedRow(row)]


def _label_studio_results(annotation: _Object) -> Tuple[List[_Object], Dict[str, Any]]:
    """Returns the spans of an annotation, and the values for the whole text by control."""
    spans: List[_Object] = []
    labels: Dict[str, Any] = {}
    for item in annotation.get("result") or ():
        kind, value = item.get("type"), item.get("value")
        if not isinstance(value, dict) or not isinstance(kind, str):
            continue  # A relation between two spans
        found, control = value.get(kind), item.get("from_name", "label")
        if kind.endswith("labels"):
            spans += _label_studio_spans(value, found or ())
        elif kind == "choices" and "start" not in value:
            labels.setdefault(control, []).extend(found or ())
        elif kind == "taxonomy" and "start" not in value:
            labels.setdefault(control, []).extend("/".join(path) for path in found or ())
        elif kind in ("rating", "number"):
            labels[control] = found
    return sorted(spans, key=_span_order), labels


def _span_order(span: _Object) -> Tuple[str, ...]:
    return tuple(f"{span[key]!s:>12}" for key in ("start", "end", "type"))


def _label_studio_spans(value: _Object, types: Sequence[str]) -> List[_Object]:
    place = value.get("globalOffsets", value)  # Labels on HTML have these, too.
    text = {"text": value["text"]} if isinstance(value.get("text"), str) else {}
    return [
        {"start": place.get("start"), "end": place.get("end"), **text, "type": kind}
        for kind in types
    ]


def _is_label_studio_row(value: Any) -> bool:
    """Returns whether a value is an object of Label Studio's JSON-MIN."""
    return isinstance(value, dict) and {"annotation_id", "annotator"}.issubset(value)


def _label_studio_row(value: _Object) -> List[AnnotatedRow]:
    spans: List[_Object] = []
    row: _Object = {}
    for key, found in value.items():
        if isinstance(found, dict) and isinstance(found.get("choices"), list):
            row[key] = found["choices"]
        elif isinstance(found, list) and found and all(_is_region(item) for item in found):
            for item in found:
                kinds = [kind for kind in item if kind.endswith("labels")]
                spans += _label_studio_spans(item, item[kinds[0]] if kinds else ())
        else:
            row[key] = found
    return [AnnotatedRow({**_with_text(row), "entities": spans})]


def _is_region(value: object) -> bool:
    return isinstance(value, dict) and "start" in value and "end" in value


# Prodigy


def _is_prodigy_choice(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("options"), list)
        and isinstance(value.get("accept"), list)
    )


def _prodigy_choice(value: _Object) -> List[AnnotatedRow]:
    return [AnnotatedRow({"label": value["accept"], **value})]


def _is_prodigy_without_spans(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and "_input_hash" in value
        and not any(key in value for key in _SPAN_KEYS)
    )


# spaCy


def _is_spacy_document(value: Any) -> bool:
    """Returns whether a value is a document in the JSON format of spaCy 2."""
    paragraphs = value.get("paragraphs") if isinstance(value, dict) else None
    return (
        isinstance(paragraphs, list)
        and bool(paragraphs)
        and all(isinstance(p, dict) and "sentences" in p for p in paragraphs)
    )


def _spacy_document(value: _Object) -> List[AnnotatedRow]:
    return [AnnotatedRow(_spacy_paragraph(paragraph)) for paragraph in value["paragraphs"]]


def _spacy_paragraph(paragraph: _Object) -> _Object:
    tokens = [token for sentence in paragraph["sentences"] for token in sentence["tokens"]]
    words = [token["orth"] for token in tokens]
    text = paragraph.get("raw") or " ".join(words)
    row: _Object = {"text": text}
    tags = [token.get("ner") for token in tokens]
    if all(tag not in (None, "-") for tag in tags):  # "-" is a word without an annotation.
        row["entities"] = _spans_of_tags(text, words, tags)
    if paragraph.get("cats"):
        row["cats"] = {cat["label"]: cat["value"] for cat in paragraph["cats"]}
    return _with_categories(row)


def _spans_of_tags(text: str, words: Sequence[str], tags: Sequence[str]) -> List[_Object]:
    """Returns the spans of tags in BILUO or IOB2."""
    spans: List[_Object] = []
    end = 0
    for word, tag in zip(words, tags):
        start = text.index(word, end)
        end = start + len(word)
        prefix, _, kind = tag.partition("-")
        if prefix in ("B", "U"):
            spans.append({"start": start, "end": end, "type": kind})
        elif prefix in ("I", "L") and spans:
            spans[-1]["end"] = end
    return spans


def _is_spacy_pair(value: Any) -> bool:
    """Returns whether a value is a pair as in spaCy's TRAIN_DATA, which NER Annotator writes."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], dict)
    )


def _has_categories(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("cats"), (dict, list))


def _with_categories(row: _Object) -> _Object:
    """Returns a row with the names of its categories under "label", unless it has a label."""
    found = row.get("cats")
    if isinstance(found, dict):
        found = [name for name, share in found.items() if float(share) >= _MIN_CATEGORY]
    has_label = any(name in row for name in LABEL_NAMES)
    row = row if has_label or found is None else {**row, "label": found}
    return {"entities": row["ents"], **row} if isinstance(row.get("ents"), list) else row


# doccano


def _has_text_as_data(value: Any) -> bool:
    """Returns whether a value is an object of doccano 1.0, which writes the text as "data"."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("data"), str)
        and not any(name in value for name in TEXT_NAMES)
    )


# doccano, before version 1.0


def _is_old_doccano(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("annotations"), list)
        and all(isinstance(item, dict) and "label" in item for item in value["annotations"])
        and not any(key in value for key in _SPAN_KEYS)
    )


def _old_doccano(value: _Object) -> List[AnnotatedRow]:
    items = value["annotations"]
    if any("start_offset" in item for item in items):
        spans = [{**item, "label": str(item["label"])} for item in items]
        return [AnnotatedRow({**value, "entities": spans})]
    return [AnnotatedRow({**value, "label": [item["label"] for item in items]})]


_EXPORTS: Sequence[_Export] = (
    _Export(
        "spaCy's training pairs",
        _is_spacy_pair,
        lambda value: [AnnotatedRow(_with_categories({"text": value[0], **value[1]}))],
    ),
    _Export("Label Studio's JSON", _is_label_studio_task, _label_studio_task),
    _Export("Label Studio's JSON-MIN", _is_label_studio_row, _label_studio_row),
    _Export("spaCy 2's JSON format", _is_spacy_document, _spacy_document),
    _Export("Prodigy's choices", _is_prodigy_choice, _prodigy_choice),
    _Export(
        "Prodigy's annotation without spans",
        _is_prodigy_without_spans,
        lambda value: [AnnotatedRow({**value, "spans": []})],
    ),
    _Export(
        "spaCy's Doc.to_json, or doccano's intents",
        _has_categories,
        lambda value: [AnnotatedRow(_with_categories(value))],
    ),
    _Export(
        "doccano's JSON",
        _has_text_as_data,
        lambda value: [AnnotatedRow({**value, "text": value["data"]})],
    ),
    _Export("doccano's old JSON", _is_old_doccano, _old_doccano),
)
