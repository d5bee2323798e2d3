# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Fine-tunes one question-answering model with Hugging Face's Trainer and writes its dev scores.

This is the other side of the comparison in quality.py for question answering, as quality_peer.py is
for classifiers. It follows the recipe of Hugging Face's run_qa example: its features (the first
gold answer, windows that overlap by 128 wordpieces), loss, dynamic padding and post-processing. It
can also be run directly:

    python benchmarks/quality_peer_qa.py --task squad --data_dir DIR/squad --hf_model_dir MODEL \\
        --num_train_epochs 2 --train_batch_size 16 --max_seq_length 384 --seed 42 \\
        --output_json squad-42.json

The toolkit's module of official scores computes the scores on both sides.
"""

import json
import sys
import time
from pathlib import Path

# Imported before transformers, because it sets variables that transformers reads on import.
import quality_peer as shared

# isort: split
import transformers
from qa_postprocessing import find_answers
from quality_tasks import TASKS as QUALITY_TASKS

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from finetune.tasks.question_answering.metrics import NoAnswer, score_answers

OVERLAP = 128
TASKS = ("squad", "squad_no_answer")


def read_questions(path):
    """Returns (id, question, context, answers) for every question of a file of SQuAD."""
    data = json.loads(Path(path).read_text(encoding="utf-8"))["data"]
    return [
        (qa["id"], qa["question"].lstrip(), paragraph["context"], qa["answers"])
        for article in data
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]


def encode(rows, tokenizer, max_seq_length):
    """Returns the windows of all questions, and the row of each."""
    encoding = tokenizer(
        [question for _, question, _, _ in rows],
        [context for _, _, context, _ in rows],
        truncation="only_second",
        max_length=max_seq_length,
        stride=OVERLAP,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    return encoding, encoding.pop("overflow_to_sample_mapping")


def inputs_of(encoding, window):
    """Returns the model's inputs for a window."""
    names = ("input_ids", "token_type_ids", "attention_mask")
    return {name: encoding[name][window] for name in names}


def find_label(answers, offsets, sequence_ids):
    """Returns the positions of the first answer; those of [CLS], 0, if it is not in the window."""
    if not answers:
        return 0, 0
    start = answers[0]["answer_start"]
    end = start + len(answers[0]["text"])
    inside = [i for i, sequence in enumerate(sequence_ids) if sequence == 1]
    if not inside or offsets[inside[0]][0] > start or offsets[inside[-1]][1] < end:
        return 0, 0
    first = max(i for i in inside if offsets[i][0] <= start)
    last = min(i for i in inside if offsets[i][1] >= end)
    return first, last


def training_features(rows, tokenizer, max_seq_length):
    """Returns the features of all windows, with the positions of the answers."""
    encoding, row_of = encode(rows, tokenizer, max_seq_length)
    features = []
    for window, row in enumerate(row_of):
        offsets, sequence_ids = encoding["offset_mapping"][window], encoding.sequence_ids(window)
        start, end = find_label(rows[row][3], offsets, sequence_ids)
        labels = {"start_positions": start, "end_positions": end}
        features.append({**inputs_of(encoding, window), **labels})
    return features


def dev_features(rows, tokenizer, max_seq_length):
    """Returns the inputs of all windows, and what the post-processing needs to know of them."""
    encoding, row_of = encode(rows, tokenizer, max_seq_length)
    windows = []
    for window, row in enumerate(row_of):
        pairs = zip(encoding["offset_mapping"][window], encoding.sequence_ids(window))
        offsets = [offset if sequence == 1 else None for offset, sequence in pairs]
        windows.append({"example_id": rows[row][0], "offset_mapping": offsets})
    return [inputs_of(encoding, window) for window in range(len(windows))], windows


def score(rows, windows, logits, version_2):
    """Returns the scores, and the seconds that post-processing takes."""
    examples = [{"id": guid, "context": context} for guid, _, context, _ in rows]
    started = time.perf_counter()
    answers, odds, _ = find_answers(examples, windows, *logits, version_2)
    seconds = time.perf_counter() - started
    golds = {guid: [answer["text"] for answer in answers] for guid, _, _, answers in rows}
    # The example's threshold is 0.
    no_answer = NoAnswer(odds, 0.0) if version_2 else None
    scores = score_answers(golds, answers, no_answer=no_answer)
    return {**scores, "postprocessing_seconds": seconds}


def run_task(options):
    """Fine-tunes and evaluates once; returns the scores and the training time in seconds."""
    rows = [read_questions(Path(options.data_dir) / f"{name}.json") for name in ("train", "dev")]
    expected = QUALITY_TASKS[options.task]["dev_rows"]
    if len(rows[1]) != expected:
        raise SystemExit(f"dev.json: found {len(rows[1])} questions, expected {expected}")
    transformers.set_seed(options.seed)
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.hf_model_dir)
    model = transformers.AutoModelForQuestionAnswering.from_pretrained(options.hf_model_dir)
    inputs, windows = dev_features(rows[1], tokenizer, options.max_seq_length)
    output, train_seconds = shared.train_and_predict(
        options,
        model,
        transformers.DataCollatorWithPadding(tokenizer),
        training_features(rows[0], tokenizer, options.max_seq_length),
        inputs,
    )
    scores = score(rows[1], windows, output.predictions, options.task == "squad_no_answer")
    rate = options.num_train_epochs * len(rows[0]) / train_seconds
    return {**scores, "train_seconds": train_seconds, "questions_per_second": rate}


def main():
    """Runs the task and writes its record."""
    options = shared.parse_options(__doc__, TASKS)
    shared.write_record(options, run_task(options))


if __name__ == "__main__":
    main()
