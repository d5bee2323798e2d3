# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Times how long answers take to decode, beside the post-processing of Hugging Face's example.

    python benchmarks/speed_qa_decoding.py --data_file DIR/squad/dev.json --peer_python PYTHON

PYTHON is one with NumPy and `datasets`, for example that of quality.py's peer. Both sides decode
the same windows with the same logits, which are made up, but high around two places, as those of a
trained model are. The sides alternate, three rounds each; the lowest CPU time counts. The toolkit
finds the best 20 answers only if they are used, so there are two times: with the best answer and
the odds of no answer, which evaluation needs, and with the best 20 answers as well: their texts as
strings; their offsets, probabilities and logits as arrays. No model is needed, but
model_dir/ must contain the vocabulary of an uncased model.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from finetune.tasks.question_answering.decoding import decode  # noqa: E402
from finetune.tasks.question_answering.features import Cut, encode_questions  # noqa: E402
from finetune.tasks.question_answering.readers import read_questions  # noqa: E402
from tokenization import FullTokenizer  # noqa: E402

ROUNDS = 3


def make_logits(features, random, shift):
    """Returns logits like those of a trained model: high around two places. float32 [windows, S].

    Args:
      features: The windows.
      random: The source of randomness.
      shift: Number of wordpieces between these places and those of another call.
    """
    lengths = features.lengths
    shape = len(features), int(lengths.max())
    logits = random.normal(-6.0, 1.5, shape)
    positions = np.arange(shape[1])
    for fraction, height in ((0.4, 12.0), (0.7, 8.0)):
        distance = positions - (fraction * lengths[:, None] + shift)
        logits += height * np.exp(-(distance**2) / 8)
    return np.where(positions < lengths[:, None], logits, -10.0).astype(np.float32)


def write_for_peer(path, questions, features, logits):
    """Writes the windows and logits as qa_postprocessing.py reads them.

    The rows have the columns that they have in Hugging Face's example for a BERT model.
    """
    examples = []
    for question in questions:
        row = {"id": question.guid, "title": "", "context": question.context}
        answers = {
            "text": [answer.text for answer in question.gold],
            "answer_start": [answer.start for answer in question.gold],
        }
        examples.append({**row, "question": question.question, "answers": answers})
    rows = []
    for number, (question, start, end) in enumerate(features.windows):
        pieces = features.contexts.slice_of(features.context_of[question])
        spans = zip(features.contexts.starts[pieces], features.contexts.ends[pieces])
        offsets = [None] * features.starts_of_contexts[question]
        offsets += [[int(first), int(last)] for first, last in list(spans)[start:end]]
        inputs = features.batch(np.array([number]))
        row = {
            "input_ids": inputs["input_ids"][0].tolist(),
            "token_type_ids": inputs["segment_ids"][0].tolist(),
            "attention_mask": inputs["input_mask"][0].tolist(),
            "offset_mapping": [*offsets, None],
            "example_id": questions[question].guid,
        }
        rows.append(row)
    contents = {"examples": json.dumps(examples), "features": json.dumps(rows)}
    np.savez(path, start_logits=logits[0], end_logits=logits[1], **contents)


def time_toolkit(questions, features, logits):
    """Returns the CPU time, in seconds, for the best answers and for the best 20 as well."""
    outputs = [{"start_logits": logits[0], "end_logits": logits[1]}]
    started = time.process_time()
    found = list(decode(questions, features, outputs, n_best_size=20, max_answer_length=30))
    answers = [(each.text, each.null_odds) for each in found]
    best_done = time.process_time()
    best_20 = [each.ranked for each in found]
    assert len(answers) == len(best_20) == len(questions)
    return best_done - started, time.process_time() - started


def main():
    """Prints the times of both sides, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_file", required=True)
    parser.add_argument("--peer_python", required=True)
    parser.add_argument("--vocab_file", default=ROOT / "model_dir" / "vocab.txt")
    options = parser.parse_args()
    questions = list(read_questions(options.data_file, "dev"))
    tokenizer = FullTokenizer(str(options.vocab_file))
    cut = Cut(max_seq_length=384, max_query_length=64, doc_stride=128)
    features = encode_questions(questions, tokenizer=tokenizer, cut=cut, with_answers=False)
    random = np.random.RandomState(1)
    logits = [make_logits(features, random, shift) for shift in (0, 2)]
    times, peer_times = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "input.npz"
        write_for_peer(path, questions, features, logits)
        command = [options.peer_python, Path(__file__).with_name("qa_postprocessing.py"), path]
        for _ in range(ROUNDS):
            times += [time_toolkit(questions, features, logits) for _ in range(ROUNDS)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            peer_times.append(float(done.stdout))
    print(f"{len(questions)} questions, {len(features)} windows")
    peer = min(peer_times)
    print(f"peer: {peer:.3f} s of CPU time")
    for name, seconds in zip(("best answers", "best 20 answers"), map(min, zip(*times))):
        print(f"toolkit, {name}: {seconds:.3f} s, ratio {peer / seconds:.1f}")


if __name__ == "__main__":
    main()
