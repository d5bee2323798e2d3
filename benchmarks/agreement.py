# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Compares the answers that a trained model gives in a list, alone, and in its exports.

    python benchmarks/agreement.py --output_dir OUTPUT_DIR --file FILE

FILE has the form of the model's task: `text;label` lines for a classifier, CoNLL columns for a
tagger (the words are joined with spaces), or SQuAD's JSON for a model that answers questions. The
answers to all texts in one list are compared with those to each text alone, without and with packed
weights, of the SavedModel that export_model.py writes, in batches and alone, and, for classifiers
with one label per text, of its ONNX model. Use a Python with requirements-export.txt,
requirements-onnx.txt and requirements-tokenizers.txt.

An answer differs if a label, an offset, a text or the number of entities does. Probabilities are
compared where the answers are equal.
"""

import argparse
import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import tensorflow.compat.v1 as tf
import tensorflow_text  # noqa: F401  Registers the ops of the tokenizer in a SavedModel
from quality_setup import ROOT
from speed_worker import read_rows

from finetune import load
from finetune.serving.signatures import Signatures, columns

BATCH_SIZE = 32


def read_texts(path, kind):
    """Returns the texts of a file, each as `predict` of a model of this kind takes it."""
    if kind == "answers":
        return read_questions(path)
    if kind == "entities":
        return read_sentences(path)
    return [text for text, _ in read_rows(path)]


def read_questions(path):
    """Returns (question, context) for each question of a SQuAD file."""
    data = json.loads(Path(path).read_text(encoding="utf-8"))["data"]
    return [
        (qa["question"], paragraph["context"])
        for article in data
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]


def read_sentences(path):
    """Returns the sentences of a file in columns, their words joined with spaces."""
    with open(path, encoding="utf-8-sig") as stream:
        lines = [line.split() for line in stream]
    blocks = itertools.groupby(lines, bool)
    return [" ".join(words[0] for words in block) for is_sentence, block in blocks if is_sentence]


def export(output_dir, form, folder):
    """Exports the model with export_model.py."""
    flags = [f"--output_dir={output_dir}", f"--to={form}", f"--export_dir={folder}"]
    subprocess.run([sys.executable, ROOT / "export_model.py", *flags], check=True)


class Comparison:
    """Compares tensors of answers with those to the same texts in one list.

    Attributes:
      different: The number of texts with different answers.
      largest: The largest difference between probabilities of equal answers.
    """

    def __init__(self, outputs):
        """Starts without any texts; `outputs` are those of `Signatures`."""
        self._outputs = outputs
        self.different = 0
        self.largest = 0.0

    def add(self, expected, found):
        """Compares predictions of the list with the columns that another way gives for them."""
        wanted = {name: columns({name: each}, expected) for name, each in self._outputs.items()}
        for number in range(len(expected)):
            want = {name: column[number] for name, column in wanted.items()}
            have = {name: found[name][number] for name in self._outputs}
            numbers = [name for name, each in self._outputs.items() if each.dtype == "DT_FLOAT"]
            if any(want[name] != have[name] for name in want if name not in numbers):
                self.different += 1
                continue
            for name in numbers:
                gap = np.abs(np.array(want[name]) - np.array(have[name]))
                self.largest = max([self.largest, *gap.ravel()])


def compare_alone(model, texts, expected, outputs):
    """Returns the comparison with each text alone."""
    comparison = Comparison(outputs)
    for text, prediction in zip(texts, expected):
        alone = [model.predict(text)]
        found = {name: columns({name: each}, alone) for name, each in outputs.items()}
        comparison.add([prediction], found)
    return comparison


def compare_saved_model(folder, model, texts, expected, outputs, batch_size):
    """Returns the comparison with a SavedModel's signature for texts."""
    comparison = Comparison(outputs)
    with tf.Graph().as_default(), tf.Session() as session:
        (version,) = Path(folder).iterdir()
        signatures = tf.saved_model.load(session, ["serve"], str(version)).signature_def
        signature = signatures["serving_default"]
        fetches = {name: info.name for name, info in signature.outputs.items()}
        for first in range(0, len(texts), batch_size):
            batch = texts[first : first + batch_size]
            parts = [batch] if len(model.text_names) == 1 else zip(*batch)
            feeds = {
                signature.inputs[name].name: np.array([text.encode() for text in part], object)
                for name, part in zip(model.text_names, parts)
            }
            found = {name: as_list(array) for name, array in session.run(fetches, feeds).items()}
            comparison.add(expected[first : first + batch_size], found)
    return comparison


def as_list(array):
    """Returns an array as nested lists, with texts in place of bytes."""
    decode = np.vectorize(bytes.decode, otypes=[object])
    return (decode(array) if array.dtype == object and array.size else array).tolist()


def compare_onnx(folder, texts, expected, outputs):
    """Returns the comparison with ONNX Runtime, which reads the texts as docs/onnx.md shows."""
    import onnxruntime
    from tokenizers import Tokenizer

    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    labels = [config["id2label"][str(number)] for number in range(len(config["id2label"]))]
    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    tokenizer.encode_special_tokens = True
    tokenizer.enable_truncation(config["max_seq_length"])
    tokenizer.enable_padding(pad_id=config["pad_token_id"])
    session = onnxruntime.InferenceSession(f"{folder}/onnx/model.onnx")
    comparison = Comparison(outputs)
    for first in range(0, len(texts), BATCH_SIZE):
        rows = tokenizer.encode_batch(texts[first : first + BATCH_SIZE])
        arrays = {
            "input_ids": [row.ids for row in rows],
            "attention_mask": [row.attention_mask for row in rows],
            "token_type_ids": [row.type_ids for row in rows],
        }
        feeds = {each.name: np.array(arrays[each.name], np.int64) for each in session.get_inputs()}
        (logits,) = session.run(None, feeds)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = powers / powers.sum(axis=1, keepdims=True)
        found = {
            "prediction": [labels[number] for number in probabilities.argmax(axis=1)],
            "score": probabilities.max(axis=1),
            "labels": [labels] * len(rows),
            "probabilities": probabilities,
        }
        comparison.add(expected[first : first + BATCH_SIZE], found)
    return comparison


def compare_all(output_dir, path, folder, limit):
    """Yields the name of each way and its comparison."""
    with contextlib.ExitStack() as stack:
        model = stack.enter_context(load(output_dir))
        packed = stack.enter_context(load(output_dir, packed_weights=True))
        texts = read_texts(path, model.kind)[:limit]
        print(f"{len(texts)} texts", flush=True)
        expected = model.predict(texts)
        outputs = Signatures(model.kind, model.labels, model.text_names).outputs
        yield "alone", compare_alone(model, texts, expected, outputs)
        yield "alone, packed weights", compare_alone(packed, texts, expected, outputs)
        export(output_dir, "saved_model", folder / "saved_model")
        for name, size in (("SavedModel, batches of 32", BATCH_SIZE), ("SavedModel, alone", 1)):
            saved = folder / "saved_model"
            yield name, compare_saved_model(saved, model, texts, expected, outputs, size)
        if model.kind == "single_label":
            export(output_dir, "onnx", folder / "onnx")
            yield "ONNX Runtime", compare_onnx(folder / "onnx", texts, expected, outputs)


def main():
    """Prints a line for each way."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output_dir", required=True, help="of the trained model")
    parser.add_argument("--file", required=True, help="texts to answer")
    parser.add_argument("--limit", type=int, help="number of texts; default: all")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ways = compare_all(options.output_dir, options.file, Path(folder), options.limit)
        for name, comparison in ways:
            print(
                f"{name}: {comparison.different} answers differ, "
                f"probabilities by at most {comparison.largest:.1e}",
                flush=True,
            )


if __name__ == "__main__":
    main()
