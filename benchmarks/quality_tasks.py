# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""The tasks of the quality benchmark: recipe, seeds, sides and what the toolkit must reach."""

# The side of wnut17 that run_ner.py trains when neither --ner_head nor --use_crf is given.
WNUT17_DEFAULT = "linear"

# Without what makes it fast: no score may move by it, more than it does from seed to seed.
PADDED = {"padding_free": "false", "group_by_length": "false"}

# "sides" are the toolkit's, each with the flags that it adds; the peer is one more side.
# A target is the least that the mean of "default_side" over the seeds may be, and a
# comparison (score, side, other) says that side's mean may not be below the other's.
TASKS = {
    "emotion": {
        "tool": "run_classifier.py",
        "peer": "quality_peer.py",
        "dev_rows": 2000,
        "seeds": [42, 43, 44],
        "recipe": {
            "learning_rate": 1e-4,
            "num_train_epochs": 1.0,
            "train_batch_size": 32,
            "max_seq_length": 64,
        },
        "sides": {"toolkit": {}, "padded": PADDED},
        "default_side": "toolkit",
        "columns": ["accuracy", "macro_f1", "loss"],
        "targets": {"accuracy": 0.910, "macro_f1": 0.88},
        "comparisons": [],
    },
    "mrpc": {
        "tool": "run_classifier.py",
        "peer": "quality_peer.py",
        "dev_rows": 408,
        "seeds": [42, 43, 44],
        "recipe": {
            "learning_rate": 1e-4,
            "num_train_epochs": 3.0,
            "train_batch_size": 32,
            "max_seq_length": 128,
        },
        "sides": {"toolkit": {}},
        "default_side": "toolkit",
        "columns": ["accuracy", "f1_of_1", "loss"],
        # 408 rows are few: one seed moves by a point or two, hence the mean of three.
        "targets": {"accuracy": 0.79, "f1_of_1": 0.855},
        "comparisons": [],
    },
    "wnut17": {
        "tool": "run_ner.py",
        "peer": "quality_peer_ner.py",
        "dev_rows": 1009,
        "dev_entities": 836,
        "seeds": [42, 43, 44],
        "recipe": {
            "learning_rate": 2e-4,
            "num_train_epochs": 4.0,
            "train_batch_size": 32,
            "max_seq_length": 128,
        },
        "sides": {
            "pooler": {"ner_head": "pooler"},
            "linear": {"ner_head": "linear"},
            "crf": {"use_crf": "true"},
            "padded": {"ner_head": WNUT17_DEFAULT, **PADDED},
        },
        "default_side": WNUT17_DEFAULT,
        # No loss: a CRF's is that of whole sentences, so it compares with none of the others.
        "columns": ["f1", "precision", "recall", "macro_f1", "strict_f1"],
        "targets": {"f1": 0.555},
        "comparisons": [("f1", "crf", WNUT17_DEFAULT)],
    },
}


def list_sides(task):
    """Return the names of all sides of the task, the toolkit's first."""
    return [*TASKS[task]["sides"], "peer"]
