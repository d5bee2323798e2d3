# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Takes models from Hugging Face's format to the toolkit's and back; compares with transformers.

    python benchmarks/hugging_face.py

The models are the tiny ones in tests/golden/hugging_face: each family, and each kind of head. Each
must come back with every tensor unchanged. transformers, in an environment of its own, must load
the exported model without a warning, and give the probabilities, numbers, tags and answers that the
toolkit gives, within 1e-5. Use the Python that runs the toolkit. The exit status is 1 if a model
differs.
"""

import argparse
import json
import shutil
import subprocess
import sys
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

GOLDEN = ROOT / "tests" / "golden" / "hugging_face"
# Variants of bert_pair with other problem types, and the rows of the last layer that they keep.
VARIANTS = {"multi_label_classification": 3, "regression": 1}
TOLERANCE = 1e-5


def sources(folder):
    """Yields the folder of each model."""
    yield from sorted(path for path in GOLDEN.iterdir() if path.is_dir())
    from safetensors.numpy import load_file, save_file

    for problem_type, num_outputs in VARIANTS.items():
        path = Path(shutil.copytree(GOLDEN / "bert_pair", folder / f"bert_{problem_type}"))
        tensors = load_file(path / "model.safetensors")
        for name in ("classifier.weight", "classifier.bias"):
            tensors[name] = tensors[name][:num_outputs]
        save_file(tensors, path / "model.safetensors", {"format": "pt"})
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
        labels = {str(i): f"label {i}" for i in range(num_outputs)}
        config.update(problem_type=problem_type, id2label=labels)
        config["label2id"] = {label: int(i) for i, label in labels.items()}
        (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
        yield path


def tensors_of(folder):
    """Returns the tensors of a model, with today's names of the LayerNorm's weights."""
    found = weight_files.read(weight_files.find(str(folder)))
    return {
        name.replace("Norm.gamma", "Norm.weight").replace("Norm.beta", "Norm.bias"): array
        for name, array in found.items()
    }


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


def difference(found, row):
    """Returns how far the toolkit's answer is from that of transformers' logits."""
    logits = np.array(row["logits"])
    if "answer" in found:
        first = row["sequences"].index(1)
        places = range(first, len(row["ids"]) - 1)
        spans = [(0, 0), *((i, j) for i in places for j in places if i <= j)]  # (0, 0): no answer
        scores = np.exp(log_softmax(np.array([logits[i, 0] + logits[j, 1] for i, j in spans])))
        best = 1 + int(scores[1:].argmax())
        start, end = (row["offsets"][place][k] for k, place in enumerate(spans[best]))
        is_same = (found["start"], found["end"]) == (start, end)
        return abs(found["score"] - scores[best]) if is_same else 1.0
    if "entities" in found:
        tags = expected_tags(row["text"], row["text"].split(), row, row["labels"])
        return float(entities_of(row["text"], tags) != [e["surface"] for e in found["entities"]])
    if "probabilities" not in found:
        return abs(found["prediction"] - logits[0])
    is_multi_label = isinstance(found["prediction"], list)
    expected = 1 / (1 + np.exp(-logits)) if is_multi_label else np.exp(log_softmax(logits))
    return np.abs(np.array(list(found["probabilities"].values())) - expected).max()


def convert(source, folder):
    """Converts a model to the toolkit's format and back.

    Returns:
      The exported folder, the inputs, and the toolkit's answer to each.
    """
    out, exported = folder / "out" / source.name, folder / "exported" / source.name
    prepare(str(source), str(out), fine_tuned=True)
    export_to_hugging_face(str(out), str(exported))
    golden = source if source.parent == GOLDEN else GOLDEN / "bert_pair"
    lines = (golden / "expected.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [(row["text"], row["text_b"]) for row in map(json.loads, lines)]
    if "token" in source.name:  # Words as in the text, so that offsets are the same
        rows = [(" ".join(text.split()), None) for text, _ in rows if text.isascii()]
        inputs = [text.split() for text, _ in rows]
    else:
        inputs = [text if text_b is None else (text, text_b) for text, text_b in rows]
    # So that no question is cut, which transformers does not do
    flags = {"max_query_length": 50} if "answer" in source.name else {}
    with load(str(out), **flags) as model:
        return exported, rows, list(model.predict(inputs))


def main():
    """Runs the comparison and returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work_dir", type=Path, default=ROOT / "build" / "hugging_face")
    parser.add_argument("--peer_python", help="a Python with requirements-peer.txt, to reuse")
    options = parser.parse_args()
    folder = options.work_dir.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    python = options.peer_python or install_peer(folder, sys.executable)
    for name in ("out", "exported", "made"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "made").mkdir()
    answers, jobs, failed = {}, {}, False
    for source in sources(folder / "made"):
        exported, rows, answers[source.name] = convert(source, folder)
        jobs[source.name] = {"folder": str(exported), "rows": rows}
        changed = changed_tensors(tensors_of(source), tensors_of(exported))
        failed |= bool(changed)
        print(f"{source.name}: {', '.join(changed) or 'no tensor'} changed", flush=True)
    (folder / "jobs.json").write_text(json.dumps(jobs), encoding="utf-8")
    peer = ROOT / "benchmarks" / "hugging_face_peer.py"
    if subprocess.run([str(python), str(peer), str(folder)]).returncode:
        raise SystemExit("hugging_face_peer.py failed")
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    for name, result in results.items():
        worst = max(map(difference, answers[name], result["rows"]))
        failed |= worst > TOLERANCE or bool(result["complaints"])
        complaints = "; ".join(result["complaints"]) or "no warning"
        print(f"{name}: {len(result['rows'])} texts, difference {worst:.1e}, {complaints}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
