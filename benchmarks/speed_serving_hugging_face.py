# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Hugging Face's side of speed_serving.py: transformers on PyTorch.

This is a worker (see speed_worker.py).
"""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import speed_serving_batches
import speed_worker
import torch
import transformers


class HuggingFace(speed_serving_batches.Side):
    """Executes the commands of speed_serving.py."""

    def __init__(self, settings):
        """Loads the model."""
        super().__init__(settings)
        torch.set_num_threads(settings["threads"])
        folder = settings["hf_model_dir"]
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self._length = settings["max_seq_length"]
        self._model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()

    def about(self):
        """Returns the versions."""
        return {"torch": torch.__version__, "transformers": transformers.__version__}

    def encode(self, texts):
        """Returns the token ids of each text."""
        return self._tokenizer(texts, truncation=True, max_length=self._length)["input_ids"]

    def logits(self, batch):
        """Returns the logits of a batch of token ids."""
        padded = self._tokenizer.pad({"input_ids": batch}, return_tensors="pt")
        with torch.inference_mode():
            return self._model(**padded).logits.numpy()


if __name__ == "__main__":
    speed_worker.serve(HuggingFace)
