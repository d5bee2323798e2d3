# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Hugging Face's side of the speed benchmark: transformers on PyTorch, as its Trainer runs it.

This is a worker of speed.py (see speed_worker.py). Rows are padded to the longest in their batch.
AdamW, clipping and schedule are Trainer's defaults. Trainer's own work around each step is omitted,
which favours this side.
"""

import os
import random
import time

# The libraries read these variables when they are imported, so they are set first.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import speed_worker
import tokenizers
import torch
import transformers
from transformers.trainer_pt_utils import get_length_grouped_indices


class HuggingFace:
    """Executes the commands of speed.py."""

    def __init__(self, settings):
        """Loads the tokenizer and the model."""
        torch.set_num_threads(settings["threads"])
        transformers.set_seed(settings["seed"])
        self._settings = settings
        self._folder = settings["hf_model_dir"]
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(self._folder)
        self._collate = transformers.DataCollatorWithPadding(self._tokenizer)
        self._model = load_model(self._folder, len(settings["labels"]))
        self._optimizer, self._schedule = make_optimizer(self._model, settings)
        self._rows = {}
        self._grouped = {}

    def about(self):
        """Returns the versions and settings behind the figures."""
        modules = {"torch": torch, "transformers": transformers, "tokenizers": tokenizers}
        return {
            "versions": {name: module.__version__ for name, module in modules.items()},
            "threads": torch.get_num_threads(),
            "attention": self._model.config._attn_implementation,
        }

    def load(self, name, path, max_seq_length, num_rows=None):
        """Encodes a data set's rows; returns the number of wordpieces in each."""
        labels = self._settings["labels"]
        self._rows[name] = [
            {
                **self._tokenizer(text, truncation=True, max_length=max_seq_length),
                "labels": labels.index(label),
            }
            for text, label in speed_worker.read_rows(path, num_rows)
        ]
        return [len(row["input_ids"]) for row in self._rows[name]]

    def _batch(self, name, rows):
        return self._collate([self._rows[name][row] for row in rows])

    def cls_states(self, name, rows):
        """Returns the pretrained model's final hidden state of [CLS] in each row."""
        batch = self._batch(name, rows)
        del batch["labels"]
        # Loaded again, because the timed model may have been trained already.
        model = transformers.AutoModel.from_pretrained(self._folder).eval()
        with torch.inference_mode():
            return model(**batch).last_hidden_state[:, 0].tolist()

    def train(self, name, batches):
        """Trains on batches given as row numbers; returns the seconds and loss of each."""
        self._model.train()
        seconds, losses = speed_worker.time_steps(
            lambda rows: self._train_step(self._batch(name, rows)), batches
        )
        return {"seconds": seconds, "losses": losses}

    def train_own(self, name, steps):
        """Trains on batches of rows of similar length; returns the seconds, losses and lengths.

        The batches are those of Trainer's train_sampling_strategy="group_by_length". Trainer takes
        50 of them at a time from the longest to the shortest; here, a few are drawn at random.
        """
        lengths = [len(row["input_ids"]) for row in self._rows[name]]
        if name not in self._grouped:
            self._grouped[name] = self._group(lengths)
        batches = [next(self._grouped[name]) for _ in range(steps)]
        used = [[lengths[row] for row in batch] for batch in batches]
        return {**self.train(name, batches), "lengths": used}

    def _group(self, lengths):
        """Yields batches of similar length, endlessly."""
        size = self._settings["batch_size"]
        chosen = random.Random(self._settings["seed"])
        while True:
            rows = get_length_grouped_indices(lengths, size)
            batches = [rows[i : i + size] for i in range(0, len(rows) - size + 1, size)]
            chosen.shuffle(batches)
            yield from batches

    def _train_step(self, batch):
        loss = self._model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        self._optimizer.step()
        self._schedule.step()
        self._optimizer.zero_grad()
        return loss.item()

    def predict(self, name, batches):
        """Predicts batches of row numbers; returns the seconds of each."""
        self._model.eval()
        with torch.inference_mode():
            seconds, _ = speed_worker.time_steps(
                lambda rows: self._model(**self._batch(name, rows)).logits.numpy(), batches
            )
        return {"seconds": seconds}

    def predict_all(self, name, batch_size):
        """Predicts all rows in file order; returns the total seconds."""
        numbers = range(len(self._rows[name]))
        batches = [numbers[i : i + batch_size] for i in numbers[::batch_size]]
        start = time.perf_counter()
        self.predict(name, batches)
        return {"seconds": time.perf_counter() - start}

    def tokenize(self, how, path, num_rows=None):
        """Tokenizes texts one by one; returns the seconds and the total number of wordpieces.

        Args:
          how: "auto" calls AutoTokenizer's tokenizer, "rust" calls tokenizers.Tokenizer
            directly. The suffix "_offsets" adds offsets.
          path: The file that contains the rows.
          num_rows: Number of rows, or None for all.
        """
        # Loaded again, so that the tokenizer has not seen the texts before.
        if how.startswith("auto"):
            turn = auto_turn(self._folder, how.endswith("_offsets"))
        else:
            turn = rust_turn(self._folder, how.endswith("_offsets"))
        texts = [text for text, _ in speed_worker.read_rows(path, num_rows)]
        figures = speed_worker.time_texts(turn, texts)
        figures["wordpieces"] -= 2 * len(texts)  # The tokenizers of this side add [CLS] and [SEP].
        return figures

    def peak_memory(self):
        """Returns this process's peak memory in bytes."""
        return speed_worker.peak_memory()


def load_model(folder, num_labels):
    """Returns the classifier with a new head."""
    return transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=num_labels
    )


def make_optimizer(model, settings):
    """Returns Trainer's default optimizer and its schedule."""
    decayed, others = [], []
    for name, parameter in model.named_parameters():
        plain = "bias" in name or "LayerNorm" in name
        (others if plain else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    # Trainer calls this optimizer "adamw_torch_fused".
    optimizer = torch.optim.AdamW(groups, lr=settings["learning_rate"], fused=True)
    schedule = transformers.get_linear_schedule_with_warmup(
        optimizer, settings["num_warmup_steps"], settings["num_train_steps"]
    )
    return optimizer, schedule


def auto_turn(folder, offsets):
    """Returns a function of a text that calls AutoTokenizer's tokenizer."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    if offsets:
        return lambda text: tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    return lambda text: tokenizer(text)["input_ids"]


def rust_turn(folder, offsets):
    """Returns a function of a text that calls the Rust tokenizer without transformers."""
    tokenizer = tokenizers.Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    # The file's truncation and padding settings are meant for a different use of the model.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    if not offsets:
        return lambda text: tokenizer.encode(text).ids

    def ids_and_offsets(text):
        encoding = tokenizer.encode(text)
        return list(zip(encoding.ids, encoding.offsets))

    return ids_and_offsets


if __name__ == "__main__":
    speed_worker.serve(HuggingFace)
