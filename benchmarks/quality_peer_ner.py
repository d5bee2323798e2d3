# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Fine-tunes one tagger with Hugging Face's Trainer and writes its dev-set scores.

This is the other side of the comparison in quality.py for named-entity recognition, as
quality_peer.py is for classifiers. It can also be run directly:

    python benchmarks/quality_peer_ner.py --task wnut17 --data_dir DIR/wnut17 \\
        --hf_model_dir MODEL --learning_rate 2e-4 --num_train_epochs 4 \\
        --max_seq_length 128 --seed 42 --output_json wnut17-42.json

A word is trained and tagged on its first wordpiece. The model never sees words that are truncated
at max_seq_length, or for which the tokenizer returns no wordpiece. They count as tagged "O", so
that every entity of the dev file is scored. seqeval computes the scores.
"""

import importlib.metadata
import re

# Imported before transformers, because it sets variables that transformers reads on import.
import quality_peer as shared

# isort: split
import torch
import transformers
from quality_tasks import TASKS as QUALITY_TASKS
from seqeval.metrics import accuracy_score, classification_report, f1_score
from seqeval.scheme import IOB2

# The label of wordpieces that are not their word's first: torch's cross entropy skips it.
NO_LABEL = -100


def read_conll(path):
    """Returns (words, tags) for every sentence, from the first and the last column of its lines."""
    sentences = []
    words, tags = [], []
    # Add a separator, because the last sentence may lack one.
    for line in [*shared.read_lines(path), ""]:
        if line.strip():
            columns = re.split("[ \t]", line)
            words.append(columns[0])
            tags.append(columns[-1])
        elif words:
            sentences.append((words, tags))
            words, tags = [], []
    return sentences


# Per task: reader, train file, its sentences, dev file, its sentences.
TASKS = {
    "wnut17": (read_conll, "wnut17train.conll", 3394, "emerging.dev.conll", 1009),
    "conll2003": (read_conll, "train.txt", 4000, "dev.txt", 3250),
}


def encode_sentence(words, tags, labels, tokenizer, max_seq_length):
    """Returns a sentence's features, and the indices of the labelled words."""
    encoding = tokenizer(
        words, is_split_into_words=True, truncation=True, max_length=max_seq_length
    )
    targets, seen = [], []
    previous = None
    for word in encoding.word_ids():
        if word is None or word == previous:
            targets.append(NO_LABEL)
        else:
            targets.append(labels.index(tags[word]))
            seen.append(word)
        previous = word
    return {**encoding, "labels": targets}, seen


def encode_sentences(sentences, labels, tokenizer, max_seq_length):
    """Returns the features and the indices of the labelled words of each sentence."""
    encoding = (labels, tokenizer, max_seq_length)
    encoded = [encode_sentence(words, tags, *encoding) for words, tags in sentences]
    return [feature for feature, _ in encoded], [seen for _, seen in encoded]


def read_tags(predicted, gold, seen, sentences, labels):
    """Returns the predicted tag of every word of every sentence."""
    tagged = []
    for row, targets, indices, (words, _) in zip(predicted, gold, seen, sentences):
        tags = ["O"] * len(words)
        # strict=True detects sentences in the wrong order, because their word counts differ.
        for word, label in zip(indices, row[targets != NO_LABEL], strict=True):
            tags[word] = labels[label]
        tagged.append(tags)
    return tagged


def score_tags(gold, predicted, entities):
    """Returns seqeval's scores; exits if the number of gold entities is wrong."""
    report = classification_report(gold, predicted, output_dict=True)
    totals = {name: report.pop(f"{name} avg") for name in ("micro", "macro", "weighted")}
    if totals["micro"]["support"] != entities:
        raise SystemExit(f"found {totals['micro']['support']} entities, expected {entities}")
    types = {}
    for name, row in report.items():
        scores = {"precision": row["precision"], "recall": row["recall"], "f1": row["f1-score"]}
        types[name] = {key: float(value) for key, value in scores.items()}
        types[name]["support"] = int(row["support"])
    return {
        "precision": float(totals["micro"]["precision"]),
        "recall": float(totals["micro"]["recall"]),
        "f1": float(totals["micro"]["f1-score"]),
        "macro_f1": float(totals["macro"]["f1-score"]),
        "token_accuracy": float(accuracy_score(gold, predicted)),
        "strict_f1": float(f1_score(gold, predicted, mode="strict", scheme=IOB2)),
        "types": types,
    }


def score_output(output, seen, sentences, labels, entities):
    """Returns the loss over the labelled wordpieces, and the scores over all words."""
    logits, gold = output.predictions, output.label_ids
    labelled = gold != NO_LABEL
    loss = torch.nn.functional.cross_entropy(
        torch.tensor(logits[labelled]), torch.tensor(gold[labelled])
    )
    predicted = read_tags(logits.argmax(axis=-1), gold, seen, sentences, labels)
    words = sum(len(words) for words, _ in sentences)
    return {
        "loss": float(loss),
        "words_not_seen": words - int(labelled.sum()),
        **score_tags([tags for _, tags in sentences], predicted, entities),
    }


def run_task(options):
    """Fine-tunes and evaluates once; returns the scores and the training time in seconds."""
    train, dev = shared.load_rows(TASKS[options.task], options.data_dir)
    labels = sorted({tag for _, tags in train for tag in tags})
    auto_class = transformers.AutoModelForTokenClassification
    tokenizer, model = shared.load_model(options, auto_class, labels)
    encoding = (labels, tokenizer, options.max_seq_length)
    train_features, _ = encode_sentences(train, *encoding)
    dev_features, seen = encode_sentences(dev, *encoding)
    collator = transformers.DataCollatorForTokenClassification(tokenizer)
    output, train_seconds = shared.train_and_predict(
        options, model, collator, train_features, dev_features
    )
    entities = QUALITY_TASKS[options.task]["dev_entities"]
    scores = score_output(output, seen, dev, labels, entities)
    return {**scores, "train_seconds": train_seconds}


def main():
    """Runs the task and writes its record."""
    options = shared.parse_options(__doc__, TASKS)
    scores = run_task(options)
    shared.write_record(options, scores, seqeval=importlib.metadata.version("seqeval"))


if __name__ == "__main__":
    main()
