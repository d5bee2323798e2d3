# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Takes models from Hugging Face's format to the toolkit's and back; compares with transformers.

    python benchmarks/hugging_face.py

The models are tiny and random: each family (BERT, DistilBERT, ELECTRA, RoBERTa, XLM-RoBERTa,
CamemBERT) with each head (a label, pairs, several labels, a number, tags, answers). transformers
makes them, in an environment of its own. Each must come back with every tensor unchanged.
transformers must load the exported model without a warning, and give the same ids, and the logits
and answers that the toolkit gives, within 1e-5, both for it and for the original. Use the Python
that runs the toolkit. The exit status is 1 if a model differs.
"""

import argparse
import json
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from quality_setup import install_peer  # noqa: E402
from rampart import expected_tags  # noqa: E402

from finetune import load  # noqa: E402
from finetune.models import weight_files  # noqa: E402
from finetune.runs.export_hugging_face import export_to_hugging_face  # noqa: E402
from prepare_model import prepare  # noqa: E402

CORPUS = ("binary/train.tsv", "binary/dev.tsv", "multiclass/train.tsv", "ner/train.txt")
TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "Don't   split me :-) OR DO",
    "Barack Obama was born in Honolulu, Hawaii, in 1961.",
    "Die Größe der Straße überrascht uns nicht.",
    "L'été à Orléans: c'était déjà fini, n'est-ce pas?",
    "Это предложение написано по-русски.",
    "東京は日本の首都です。",
    "هذه جملة باللغة العربية",
    "यह हिंदी में एक वाक्य है",
    "mixed: naïve café 你好 мир 123.45",
    "I ❤️ it 👩‍👧‍👦 so much 🇩🇪 !",
    "e\u0301tude cafe\u0301 ﬁne ½ Ａ１",
    "a",
    "word " * 40 + "end",
]
TOLERANCE = 1e-5


def tensors_of(folder):
    """Returns the tensors of a model."""
    return weight_files.read(weight_files.find(str(folder)))


def changed_tensors(before, after):
    """Returns the names of the tensors that only one model has, or whose bits differ."""
    differing = set(before) ^ set(after)
    both = set(before) & set(after)
    return differing | {name for name in both if before[name].tobytes() != after[name].tobytes()}


def log_softmax(logits):
    shifted = logits - logits.max(0)
    return shifted - np.log(np.exp(shifted).sum(0))


def entities_of(text, tags):
    """Returns the entities that the IOB2 tags of a text's words mark."""
    entities = []
    for word, tag in zip(text.split(), tags):
        if tag[0] == "B":
            entities.append([word])
        elif tag[0] == "I":
            entities[-1].append(word)
    return [" ".join(words) for words in entities]


def difference(found, outputs, row):
    """Returns how far the toolkit's answer and logits are from those of transformers' logits.

    Args:
      found: The toolkit's answer to a text.
      outputs: The outputs of the toolkit's graph for it, by name.
      row: The result of hugging_face_peer.py.
    """
    logits = np.array(row["logits"])
    if "entities" in found:
        tags = expected_tags(row["text"], row["text"].split(), row, row["labels"])
        is_same = entities_of(row["text"], tags) == [e["surface"] for e in found["entities"]]
        return 0.0 if is_same else 1.0
    if "answer" in found:
        own = np.stack([outputs["start_logits"], outputs["end_logits"]], axis=-1)
        return max(answer_difference(found, row), np.abs(own[: len(logits)] - logits).max())
    of_logits = np.abs(outputs["logits"] - logits).max()
    if "probabilities" not in found:
        return max(of_logits, abs(found["prediction"] - logits[0]))
    is_multi_label = isinstance(found["prediction"], list)
    expected = 1 / (1 + np.exp(-logits)) if is_multi_label else np.exp(log_softmax(logits))
    own = np.array(list(found["probabilities"].values()))
    return max(of_logits, np.abs(own - expected).max())


def answer_difference(found, row):
    """Returns the difference of an answer's scores; 1 if the answers differ."""
    logits = np.array(row["logits"])
    first = row["sequences"].index(1)
    places = range(first, len(row["ids"]) - 1)
    spans = [(0, 0), *((i, j) for i in places for j in places if i <= j < i + 30)]
    scores = np.exp(log_softmax(np.array([logits[i, 0] + logits[j, 1] for i, j in spans])))
    best = 1 + int(scores[1:].argmax())  # (0, 0) is no answer.
    start, end = (row["offsets"][place][k] for k, place in enumerate(spans[best]))
    while end < len(row["text_b"]) and unicodedata.category(row["text_b"][end])[0] == "M":
        end += 1  # The toolkit does not cut combining marks off.
    is_same = (found["start"], found["end"]) == (start, end)
    return abs(found["score"] - scores[best]) if is_same else 1.0


def rows_for(head):
    """Returns the texts for a head, in pairs with None for no second text; and for `predict`."""
    if head in ("pairs", "answers"):
        rows = list(zip(TEXTS, TEXTS[1:]))
        return rows, rows
    texts = [" ".join(text.split()) for text in TEXTS] if head == "tagger" else TEXTS
    return [(text, None) for text in texts], [
        tuple(text.split()) if head == "tagger" else text for text in texts
    ]


def convert(source, folder):
    """Converts a model to the toolkit's format and back.

    Returns:
      The exported folder, the inputs, and the toolkit's answer and outputs for each.
    """
    out, exported = folder / "out" / source.name, folder / "exported" / source.name
    prepare(str(source), str(out), fine_tuned=True)
    export_to_hugging_face(str(out), str(exported))
    rows, inputs = rows_for(source.name.partition("_")[2])
    # So that no question is cut, which transformers does not do
    flags = {"max_query_length": 60} if source.name.endswith("answers") else {}
    with load(str(out), **flags) as model:
        found = model.predict(inputs)
        outputs = outputs_of(model, inputs)
    return exported, rows, list(zip(found, outputs))


def outputs_of(model, inputs):
    """Returns the outputs of a model's graph for each input, before they become answers."""
    task = model._task
    examples = [task.example_of("text", each) for each in inputs]
    features = task.encode("test", examples, is_chunk=True)
    assert len(features) == len(inputs), "A text has several windows."
    outputs = model._predictor.outputs(features, True)
    return [{name: array[i] for name, array in outputs.items()} for i in range(len(inputs))]


def run_peer(python, script, folder):
    path = ROOT / "benchmarks" / script
    if subprocess.run([str(python), str(path), str(folder)]).returncode:
        raise SystemExit(f"{script} failed")


def corpus():
    lines = TEXTS * 3
    for name in CORPUS:
        text = (ROOT / "data" / name).read_text(encoding="utf-8")
        lines += [line.replace("\t", " ") for line in text.splitlines() if line]
    return lines


def report(name, result, original, answers):
    """Prints the result for a model; returns whether it differs."""
    pairs = list(zip(answers, result["rows"], original["rows"]))
    worst = max(difference(*found, row) for found, *both in pairs for row in both)
    num_other_ids = sum(row["ids"] != before["ids"] for _, row, before in pairs)
    complaints = "; ".join(result["complaints"]) or "no warning"
    ids = f"{num_other_ids} with other ids" if num_other_ids else "same ids"
    print(f"{name}: {len(pairs)} texts, {ids}, difference {worst:.1e}, {complaints}", flush=True)
    return worst > TOLERANCE or bool(result["complaints"]) or num_other_ids > 0


def main():
    """Runs the comparison and returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work_dir", type=Path, default=ROOT / "build" / "hugging_face")
    parser.add_argument("--peer_python", help="a Python with requirements-peer.txt, to reuse")
    parser.add_argument("--only", default="", help="start of the models' names, for a part")
    options = parser.parse_args()
    folder = options.work_dir.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    python = options.peer_python or install_peer(folder, sys.executable)
    for name in ("out", "exported", "made", "tokenizers"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "corpus.json").write_text(json.dumps(corpus()), encoding="utf-8")
    run_peer(python, "hugging_face_models.py", folder)
    answers, jobs, failed = {}, {}, False
    for source in sorted((folder / "made").glob(f"{options.only}*")):
        exported, rows, answers[source.name] = convert(source, folder)
        for where in (source, exported):
            jobs[f"{where.parent.name}/{source.name}"] = {"folder": str(where), "rows": rows}
        changed = changed_tensors(tensors_of(source), tensors_of(exported))
        failed |= bool(changed)
        print(f"{source.name}: {', '.join(changed) or 'no tensor'} changed", flush=True)
    (folder / "jobs.json").write_text(json.dumps(jobs), encoding="utf-8")
    run_peer(python, "hugging_face_peer.py", folder)
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    for name in answers:
        original, result = results[f"made/{name}"], results[f"exported/{name}"]
        failed |= report(name, result, original, answers[name])
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
