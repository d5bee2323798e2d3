# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Fine-tune one tagger with Hugging Face's Trainer and write its dev-set scores.

This is the other side of the comparison in quality.py for named-entity recognition, as
quality_peer.py is for classifiers. It runs alone just as well:

    python benchmarks/quality_peer_ner.py --task wnut17 --data_dir DIR/wnut17 \\
        --hf_model_dir MODEL --learning_rate 2e-4 --num_train_epochs 4 \\
        --max_seq_length 128 --seed 42 --output_json wnut17-42.json

A word is trained and tagged on its first piece. The model never sees a word that is cut off
at max_seq_length or of which the tokenizer leaves nothing; it counts as tagged "O", so that
every entity of the dev file is scored. The scores are seqeval's.
"""

import importlib.metadata

# Imported before transformers, since it sets what that reads when it is imported.
import quality_peer as shared

# isort: split
import torch
import transformers
from quality_tasks import TASKS as QUALITY_TASKS
from seqeval.metrics import accuracy_score, classification_report, f1_score
from seqeval.scheme import IOB2

# The label of a piece that is not its word's first, as torch's cross entropy skips it.
NO_LABEL = -100


def read_conll(path):
    """Return (words, tags) for every sentence of `word<TAB>tag` lines."""
    sentences = []
    words, tags = [], []
    # One separator more, since the last sentence may lack its own.
    for line in [*shared.read_lines(path), ""]:
        if line.strip():
            word, tag = line.split("\t")
            words.append(word)
            tags.append(tag)
        elif words:
            sentences.append((words, tags))
            words, tags = [], []
    return sentences


# Per task: reader, train file, its sentences, dev file, its sentences.
TASKS = {"wnut17": (read_conll, "wnut17train.conll", 3394, "emerging.dev.conll", 1009)}


def encode_sentence(words, tags, labels, tokenizer, max_seq_length):
    """Return the sentence's features, and the indices of the words that got a label."""
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
    """Return all sentences' features and, of each, the indices of the labelled words."""
    encoding = (labels, tokenizer, max_seq_length)
    encoded = [encode_sentence(words, tags, *encoding) for words, tags in sentences]
    return [feature for feature, _ in encoded], [seen for _, seen in encoded]


def read_tags(predicted, gold, seen, sentences, labels):
    """Return the predicted tag of every word of every sentence."""
    tagged = []
    for row, targets, indices, (words, _) in zip(predicted, gold, seen, sentences):
        tags = ["O"] * len(words)
        # Strict: a sentence that is not where it was put would differ in its count of words.
        for word, label in zip(indices, row[targets != NO_LABEL], strict=True):
            tags[word] = labels[label]
        tagged.append(tags)
    return tagged


def score_tags(gold, predicted, entities):
    """Return seqeval's scores, refusing another number of gold entities."""
    report = classification_report(gold, predicted, output_dict=True)
    totals = {name: report.pop(f"{name} avg") for name in ("micro", "macro", "weighted")}
    if totals["micro"]["support"] != entities:
        raise SystemExit(f"{totals['micro']['support']} entities where {entities} are expected")
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
    """Return the loss over the labelled pieces and the scores over all words."""
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
    """Fine-tune, evaluate once and return the scores and the training seconds."""
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
    """Run the task and leave its record."""
    options = shared.parse_options(__doc__, TASKS)
    scores = run_task(options)
    shared.write_record(options, scores, seqeval=importlib.metadata.version("seqeval"))


if __name__ == "__main__":
    main()
