# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Fine-tunes one classifier with Hugging Face's Trainer and writes its dev-set scores.

This is the other side of the comparison in quality.py: the same weights, data and recipe in
an independent implementation. quality.py runs it in a separate environment. It can also be
run directly (requirements-peer.txt lists its requirements):

    python benchmarks/quality_peer.py --task mrpc --data_dir DIR/mrpc --hf_model_dir MODEL \\
        --num_train_epochs 3 --max_seq_length 128 --seed 42 --output_json mrpc-42.json

Everything is read from local files; nothing is downloaded or reported, and only the JSON file is
saved. quality_peer_ner.py does the same for taggers and imports the common code from here.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path

# Taken before the heavy imports, so that "seconds" includes them, as in the toolkit's runs.
STARTED = time.perf_counter()

# Set first, because the libraries read these variables when they are imported.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import accelerate  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

WARMUP_PROPORTION = 0.1
WEIGHT_DECAY = 0.01
MAX_GRAD_NORM = 1.0


def read_lines(path):
    """Returns the file's lines, without line ends or a byte-order mark."""
    # Only "\n" ends a line: str.splitlines would also break at characters inside a sentence.
    with open(path, encoding="utf-8-sig", newline="\n") as stream:
        return [line.rstrip("\r\n") for line in stream]


def read_emotion(path):
    """Returns (text, None, label) for every `text;label` line."""
    rows = []
    for line in read_lines(path):
        text, label = line.rsplit(";", 1)
        rows.append((text, None, label))
    return rows


def read_mrpc(path):
    """Returns (text_a, text_b, label) for every row below the header."""
    rows = []
    for line in read_lines(path)[1:]:
        # Not the csv module: quotation marks belong to the sentences.
        label, _, _, first, second = line.split("\t")
        rows.append((first, second, label))
    return rows


# Per task: reader, train file, its rows, dev file, its rows.
TASKS = {
    "emotion": (read_emotion, "train.txt", 16000, "val.txt", 2000),
    "mrpc": (read_mrpc, "train.tsv", 3668, "dev.tsv", 408),
}


def load_rows(task_files, data_dir):
    """Returns a task's train and dev rows; exits if a file has an unexpected number of rows."""
    read, *files = task_files
    splits = []
    for name, expected in zip(files[::2], files[1::2]):
        rows = read(Path(data_dir) / name)
        if len(rows) != expected:
            raise SystemExit(f"{name}: found {len(rows)} rows, expected {expected}")
        splits.append(rows)
    return splits


def encode_rows(rows, labels, tokenizer, max_seq_length):
    """Returns one feature dict per row, truncated to max_seq_length but not yet padded."""
    features = []
    for first, second, label in rows:
        feature = dict(tokenizer(first, second, truncation=True, max_length=max_seq_length))
        feature["labels"] = labels.index(label)
        features.append(feature)
    return features


def score_predictions(logits, gold, labels):
    """Returns loss, accuracy, macro F1 and the F1 of each label."""
    predicted = logits.argmax(axis=-1)
    f1 = {}
    for index, name in enumerate(labels):
        hits = int(((predicted == index) & (gold == index)).sum())
        claimed = int((predicted == index).sum()) + int((gold == index).sum())
        f1[name] = 2 * hits / claimed if claimed else 0.0
    # Computed over all rows: a mean of batch means would overweight a short last batch.
    loss = torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(gold))
    return {
        "loss": float(loss),
        "accuracy": float((predicted == gold).mean()),
        "macro_f1": float(np.mean(list(f1.values()))),
        "f1": f1,
    }


def build_arguments(options, output_dir):
    """Returns the Trainer's settings for this recipe."""
    return transformers.TrainingArguments(
        output_dir=output_dir,
        learning_rate=options.learning_rate,
        num_train_epochs=options.num_train_epochs,
        per_device_train_batch_size=options.train_batch_size,
        per_device_eval_batch_size=options.train_batch_size,
        lr_scheduler_type="linear",
        # Trainer reads a value below 1 as a fraction of all steps.
        warmup_steps=WARMUP_PROPORTION,
        weight_decay=WEIGHT_DECAY,
        max_grad_norm=MAX_GRAD_NORM,
        seed=options.seed,
        use_cpu=True,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        logging_steps=50,
    )


def load_model(options, auto_class, labels):
    """Returns the tokenizer and auto_class's model with a new head."""
    # Seeded here, because the head is initialised while the model is loaded.
    transformers.set_seed(options.seed)
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.hf_model_dir)
    model = auto_class.from_pretrained(options.hf_model_dir, num_labels=len(labels))
    return tokenizer, model


def train_and_predict(options, model, collator, train_features, dev_features):
    """Fine-tunes the model; returns its dev output and the training time in seconds."""
    # Trainer needs a folder even if it saves nothing.
    with tempfile.TemporaryDirectory() as output_dir:
        trainer = transformers.Trainer(
            model=model,
            args=build_arguments(options, output_dir),
            data_collator=collator,
            train_dataset=train_features,
        )
        train_seconds = trainer.train().metrics["train_runtime"]
        return trainer.predict(dev_features), train_seconds


def run_task(options):
    """Fine-tunes and evaluates once; returns the scores and the training time in seconds."""
    train_rows, dev_rows = load_rows(TASKS[options.task], options.data_dir)
    labels = sorted({label for _, _, label in train_rows})
    auto_class = transformers.AutoModelForSequenceClassification
    tokenizer, model = load_model(options, auto_class, labels)
    encoding = (labels, tokenizer, options.max_seq_length)
    output, train_seconds = train_and_predict(
        options,
        model,
        transformers.DataCollatorWithPadding(tokenizer),
        encode_rows(train_rows, *encoding),
        encode_rows(dev_rows, *encoding),
    )
    scores = score_predictions(output.predictions, output.label_ids, labels)
    return {**scores, "train_seconds": train_seconds}


def parse_options(description, tasks):
    """Returns the command-line options."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--task", required=True, choices=sorted(tasks))
    parser.add_argument("--data_dir", required=True, help="folder with the task's data files")
    parser.add_argument("--hf_model_dir", required=True, help="weights, config and tokenizer")
    parser.add_argument("--learning_rate", type=float, default=1e-4)
    parser.add_argument("--num_train_epochs", type=float, default=1.0)
    parser.add_argument("--train_batch_size", type=int, default=32)
    parser.add_argument("--max_seq_length", type=int, default=64)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--output_json", required=True)
    return parser.parse_args()


def write_record(options, scores, **more_versions):
    """Prints and writes the run's record."""
    recipe_keys = ("learning_rate", "num_train_epochs", "train_batch_size", "max_seq_length")
    record = {
        "side": "peer",
        "task": options.task,
        "seed": options.seed,
        "recipe": {key: getattr(options, key) for key in recipe_keys},
        **scores,
        "seconds": time.perf_counter() - STARTED,
        "threads": torch.get_num_threads(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "accelerate": accelerate.__version__,
            **more_versions,
        },
    }
    text = json.dumps(record, indent=2)
    print(text)
    Path(options.output_json).write_text(text + "\n", encoding="utf-8")


def main():
    """Runs the task and writes its record."""
    options = parse_options(__doc__, TASKS)
    write_record(options, run_task(options))


if __name__ == "__main__":
    main()
