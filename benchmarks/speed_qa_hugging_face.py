# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Hugging Face's side of speed_qa.py: the recipe of its run_qa example, as in quality_peer_qa.py.

Rows are padded to the longest in their batch. AdamW, clipping and schedule are Trainer's defaults.
Trainer's own work around each step is omitted, which favours this side.
"""

# Imported before transformers, because it sets variables that transformers reads on import.
import quality_peer_qa as peer

# isort: split
import datasets
import numpy as np
import speed_worker
import torch
import transformers
from qa_postprocessing import find_answers
from speed_hugging_face import make_optimizer

TRAINING = {"learning_rate": 1e-4, "num_train_steps": 10000, "num_warmup_steps": 1000}


class HuggingFace:
    """Executes the commands of speed_qa.py."""

    def __init__(self, settings):
        """Encodes the questions and loads the model."""
        torch.set_num_threads(settings["threads"])
        transformers.set_seed(42)
        folder, length = settings["hf_model_dir"], settings["max_seq_length"]
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self._batch_size = settings["batch_size"]
        self._collate = transformers.DataCollatorWithPadding(tokenizer)
        self._model = transformers.AutoModelForQuestionAnswering.from_pretrained(folder)
        self._optimizer, self._schedule = make_optimizer(self._model, TRAINING)
        train, dev = (
            peer.read_questions(settings[f"{split}_file"])[: settings[f"{split}_questions"]]
            for split in ("train", "dev")
        )
        _, row_of = peer.encode(train, tokenizer, length)
        self._train = peer.training_features(train, tokenizer, length)
        self._first_windows = np.searchsorted(row_of, np.arange(len(train)))
        self._inputs, windows = peer.dev_features(dev, tokenizer, length)
        rows = [{"id": guid, "context": context} for guid, _, context, _ in dev]
        self._examples = datasets.Dataset.from_list(rows)
        self._windows = datasets.Dataset.from_list(
            [{**inputs, **window} for inputs, window in zip(self._inputs, windows)]
        )

    def about(self):
        """Returns the versions, the number of windows, and how many wordpieces padding adds.

        "padded" is the number of computed wordpieces over that of real ones: in training, in random
        batches; in prediction, in the batches of the dev file.
        """
        windows = {"train": len(self._train), "dev": len(self._inputs)}
        versions = {"torch": torch.__version__, "transformers": transformers.__version__}
        shuffled = np.random.RandomState(0).permutation(len(self._train))
        padded = {
            "train": self._padding_factor([self._train[row] for row in shuffled]),
            "dev": self._padding_factor(self._inputs),
        }
        return {**versions, "windows": windows, "padded": padded}

    def _padding_factor(self, windows):
        lengths = [len(window["input_ids"]) for window in windows]
        batches = [
            lengths[i : i + self._batch_size] for i in range(len(lengths))[:: self._batch_size]
        ]
        return round(sum(max(batch) * len(batch) for batch in batches) / sum(lengths), 2)

    def train(self, batches):
        """Trains on the first windows of batches of questions; returns the times of all steps."""
        self._model.train()
        with speed_worker.Clock() as clock:
            for numbers in batches:
                rows = [self._train[window] for window in self._first_windows[numbers]]
                self._train_step(self._collate(rows))
        return clock.times

    def _train_step(self, batch):
        loss = self._model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        self._optimizer.step()
        self._schedule.step()
        self._optimizer.zero_grad()
        return loss.item()

    def predict(self):
        """Finds the 20 best answers to each question of the dev file; returns the times."""
        self._model.eval()
        with speed_worker.Clock() as clock, torch.inference_mode():
            starts, ends = [], []
            for first in range(0, len(self._inputs), self._batch_size):
                output = self._model(
                    **self._collate(self._inputs[first : first + self._batch_size])
                )
                starts.extend(output.start_logits.numpy())
                ends.extend(output.end_logits.numpy())
            answers, _, _ = find_answers(
                self._examples, self._windows, starts, ends, version_2=False
            )
        assert len(answers) == len(self._examples)
        return clock.times


if __name__ == "__main__":
    speed_worker.serve(HuggingFace)
