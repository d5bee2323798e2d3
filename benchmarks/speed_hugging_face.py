# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Hugging Face's side of the speed benchmark: transformers on PyTorch, as its Trainer runs it.

A worker of speed.py (see speed_worker.py). Rows are padded to the longest of their batch; AdamW,
the clipping and the schedule are those of Trainer's defaults, but without Trainer's own work
around a step, which favours this side.
"""

import os
import time

# The libraries read these when they are imported, so they are set first.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import speed_worker
import tokenizers
import torch
import transformers


class HuggingFace:
    """Obeys the commands of speed.py."""

    def __init__(self, settings):
        """Load tokenizer and model."""
        torch.set_num_threads(settings["threads"])
        transformers.set_seed(settings["seed"])
        self._settings = settings
        self._folder = settings["hf_model_dir"]
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(self._folder)
        self._collate = transformers.DataCollatorWithPadding(self._tokenizer)
        self._model = load_model(self._folder, len(settings["labels"]))
        self._optimizer, self._schedule = make_optimizer(self._model, settings)
        self._rows = {}

    def about(self):
        """Return what the figures stand on."""
        modules = {"torch": torch, "transformers": transformers, "tokenizers": tokenizers}
        return {
            "versions": {name: module.__version__ for name, module in modules.items()},
            "threads": torch.get_num_threads(),
            "attention": self._model.config._attn_implementation,
        }

    def load(self, name, path, max_seq_length, num_rows=None):
        """Encode a data set's rows; return the wordpieces of each."""
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
        """Return the pretrained model's final hidden state of [CLS] of each row."""
        batch = self._batch(name, rows)
        del batch["labels"]
        # Loaded anew, since the other one may have been trained by now.
        model = transformers.AutoModel.from_pretrained(self._folder).eval()
        with torch.inference_mode():
            return model(**batch).last_hidden_state[:, 0].tolist()

    def train(self, name, batches):
        """Train on the batches of row numbers; return each one's seconds and loss."""
        self._model.train()
        seconds, losses = speed_worker.time_steps(
            lambda rows: self._train_step(self._batch(name, rows)), batches
        )
        return {"seconds": seconds, "losses": losses}

    def _train_step(self, batch):
        loss = self._model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        self._optimizer.step()
        self._schedule.step()
        self._optimizer.zero_grad()
        return loss.item()

    def predict(self, name, batches):
        """Predict batches of row numbers; return each one's seconds."""
        self._model.eval()
        with torch.inference_mode():
            seconds, _ = speed_worker.time_steps(
                lambda rows: self._model(**self._batch(name, rows)).logits.numpy(), batches
            )
        return {"seconds": seconds}

    def predict_all(self, name, batch_size):
        """Predict all rows in their order; return the seconds for them together."""
        numbers = range(len(self._rows[name]))
        batches = [numbers[i : i + batch_size] for i in numbers[::batch_size]]
        start = time.perf_counter()
        self.predict(name, batches)
        return {"seconds": time.perf_counter() - start}

    def tokenize(self, how, path, num_rows=None):
        """Tokenize texts one by one; return the seconds, and the wordpieces of all.

        Args:
          how: "auto": AutoTokenizer's call; "rust": the bare tokenizers.Tokenizer; each also
            with "_offsets".
          path: The file of the rows.
          num_rows: How many of them; None for all.
        """
        # Loaded anew, so that no side has seen the texts before.
        if how.startswith("auto"):
            turn = auto_turn(self._folder, how.endswith("_offsets"))
        else:
            turn = rust_turn(self._folder, how.endswith("_offsets"))
        texts = [text for text, _ in speed_worker.read_rows(path, num_rows)]
        figures = speed_worker.time_texts(turn, texts)
        figures["wordpieces"] -= 2 * len(texts)  # [CLS] and [SEP], which this side adds.
        return figures

    def peak_memory(self):
        """Return this process's peak memory in bytes."""
        return speed_worker.peak_memory()


def load_model(folder, num_labels):
    """Return the classifier with a new head."""
    return transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=num_labels
    )


def make_optimizer(model, settings):
    """Return the optimizer that Trainer makes by default, and its schedule."""
    decayed, others = [], []
    for name, parameter in model.named_parameters():
        plain = "bias" in name or "LayerNorm" in name
        (others if plain else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    # Trainer's "adamw_torch_fused".
    optimizer = torch.optim.AdamW(groups, lr=settings["learning_rate"], fused=True)
    schedule = transformers.get_linear_schedule_with_warmup(
        optimizer, settings["num_warmup_steps"], settings["num_train_steps"]
    )
    return optimizer, schedule


def auto_turn(folder, offsets):
    """Return a function of a text that calls AutoTokenizer's tokenizer."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    if offsets:
        return lambda text: tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    return lambda text: tokenizer(text)["input_ids"]


def rust_turn(folder, offsets):
    """Return a function of a text that calls the Rust tokenizer without transformers."""
    tokenizer = tokenizers.Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    # What the file says of these is for another use of the model.
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
