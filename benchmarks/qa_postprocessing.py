# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Turns logits into answers as Hugging Face's run_qa example does; see quality_peer_qa.py.

For each window, the 20 highest starts and the 20 highest ends are combined into spans, which are
then sorted. Examples and features are rows of a `datasets.Dataset`, as in the example.

speed_qa_decoding.py runs this file as a program, which prints the CPU time that decoding takes:

    python benchmarks/qa_postprocessing.py INPUT.npz

INPUT.npz contains the arrays start_logits and end_logits, and as JSON the rows of both data sets.
"""

import collections
import json
import sys
import time

import numpy as np

N_BEST, MAX_ANSWER_LENGTH = 20, 30
ROUNDS = 3


def spans_of_window(start_logits, end_logits, offsets):
    """Returns the spans of one window: their score, text offsets and logits."""
    spans = []
    ends = np.argsort(end_logits)[-1 : -N_BEST - 1 : -1].tolist()
    for start in np.argsort(start_logits)[-1 : -N_BEST - 1 : -1].tolist():
        for end in ends:
            if start >= len(offsets) or end >= len(offsets):
                continue
            if offsets[start] is None or offsets[end] is None:
                continue
            if end < start or end - start + 1 > MAX_ANSWER_LENGTH:
                continue
            span = {
                "offsets": (offsets[start][0], offsets[end][1]),
                "score": start_logits[start] + end_logits[end],
                "start_logit": start_logits[start],
                "end_logit": end_logits[end],
            }
            spans.append(span)
    return spans


def find_answers(examples, features, start_logits, end_logits, version_2, threshold=0.0):
    """Returns the answers, the odds of no answer (with version_2) and the best spans, by question.

    Args:
      examples: Rows with "id" and "context".
      features: Rows, one for each window, with "example_id" and "offset_mapping": the text offsets
        of its tokens, None for tokens outside the context.
      start_logits, end_logits: The logits of each window.
      version_2: Whether a question may have no answer.
      threshold: The odds above which there is no answer.
    """
    windows_of = collections.defaultdict(list)
    for number, feature in enumerate(features):
        windows_of[feature["example_id"]].append(number)
    answers, odds, best_spans = {}, {}, {}
    for example in examples:
        spans, null_scores = [], []
        for number in windows_of[example["id"]]:
            null_scores.append(start_logits[number][0] + end_logits[number][0])
            offsets = features[number]["offset_mapping"]
            features[number].get("token_is_max_context")  # The example reads each row twice.
            spans += spans_of_window(start_logits[number], end_logits[number], offsets)
        null_score = min(null_scores)
        if version_2:
            spans.append({"offsets": (0, 0), "score": null_score})
        best = sorted(spans, key=lambda span: span["score"], reverse=True)[:N_BEST]
        for span in best:
            start, end = span["offsets"]
            span["text"] = example["context"][start:end]
        scores = np.array([span["score"] for span in best])
        exponentials = np.exp(scores - np.max(scores, initial=-np.inf))
        for span, probability in zip(best, exponentials / exponentials.sum()):
            span["probability"] = probability
        found = next((span for span in best if span["text"]), None)
        answers[example["id"]] = found["text"] if found else ""
        if version_2:
            odds[example["id"]] = float(null_score - (found["score"] if found else 0.0))
            if odds[example["id"]] > threshold:
                answers[example["id"]] = ""
        best_spans[example["id"]] = [
            {k: float(v) if isinstance(v, np.floating) else v for k, v in span.items()}
            for span in best
        ]
    return answers, odds, best_spans


def main(path):
    """Prints the lowest CPU time of several rounds, in seconds."""
    import datasets

    with np.load(path) as arrays:
        logits = arrays["start_logits"], arrays["end_logits"]
        rows = [json.loads(str(arrays[name])) for name in ("examples", "features")]
    examples, features = map(datasets.Dataset.from_list, rows)
    seconds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        find_answers(examples, features, *logits, version_2=True)
        seconds.append(time.process_time() - started)
    print(min(seconds))


if __name__ == "__main__":
    main(sys.argv[1])
