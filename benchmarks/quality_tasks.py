# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""The tasks of the quality benchmark: recipes, seeds, sides and targets."""

# The side of wnut17 that run_ner.py trains when neither --ner_head nor --use_crf is set.
WNUT17_DEFAULT = "linear"

# Without the speed optimisations: scores may differ only as much as they do between seeds.
PADDED = {"padding_free": "false", "group_by_length": "false"}

# The stride of the windows is 128 on all sides: the toolkit's step, and the peer's overlap.
QA_RECIPE = {
    "learning_rate": 1e-4,
    "num_train_epochs": 2.0,
    "train_batch_size": 16,
    "max_seq_length": 384,
}

# "sides" contains the toolkit's sides, each with the flags that it adds; every task also has the
# side "peer". A side in "evaluates" trains nothing: with its flags, it evaluates the model of the
# side that is named there. A target is the minimum for a side's mean over the seeds. A comparison
# (score, side, other) requires that the side's mean be no lower than the other's. "task_name" is
# the value of --task_name if it differs from the task's name here.
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
        "columns": ["accuracy", "macro_f1", "loss"],
        "targets": {"toolkit": {"accuracy": 0.910, "macro_f1": 0.88}},
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
        "columns": ["accuracy", "f1_of_1", "loss"],
        # With only 408 rows, scores vary by a point or two between seeds, so the mean counts.
        "targets": {"toolkit": {"accuracy": 0.79, "f1_of_1": 0.855}},
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
        # No loss: a CRF's loss covers whole sentences and is not comparable with the others.
        "columns": ["f1", "precision", "recall", "macro_f1", "strict_f1"],
        "targets": {WNUT17_DEFAULT: {"f1": 0.555}},
        "comparisons": [("f1", "crf", WNUT17_DEFAULT)],
    },
    "conll2003": {
        "tool": "run_ner.py",
        "task_name": "ner",
        "peer": "quality_peer_ner.py",
        "dev_rows": 3250,
        "dev_entities": 5942,
        "seeds": [42, 43, 44, 45, 46],
        "recipe": {
            "learning_rate": 2e-4,
            "num_train_epochs": 2.0,
            "train_batch_size": 32,
            "max_seq_length": 128,
        },
        "sides": {
            "toolkit": {},
            "crf": {"use_crf": "true"},
            "grouped": {"group_by_length": "true"},
        },
        "columns": ["f1", "precision", "recall", "macro_f1", "strict_f1"],
        "targets": {"toolkit": {"f1": 0.845}, "crf": {"f1": 0.865}},
        "comparisons": [("f1", "crf", "toolkit"), ("f1", "toolkit", "grouped")],
    },
    "squad": {
        "tool": "run_squad.py",
        "task_name": "qa",
        "peer": "quality_peer_qa.py",
        "dev_rows": 2079,
        "seeds": [42, 43, 44],
        "recipe": QA_RECIPE,
        "sides": {
            "toolkit": {},
            "first": {"answers": "first"},
            "skip": {"windows_without_answer": "skip"},
        },
        "columns": ["f1", "exact_match"],
        "targets": {},
        "comparisons": [("f1", "toolkit", "peer")],
    },
    "squad_no_answer": {
        "tool": "run_squad.py",
        "task_name": "qa",
        "peer": "quality_peer_qa.py",
        "dev_rows": 831,
        "seeds": [42, 43, 44],
        "recipe": QA_RECIPE,
        # The threshold for "no answer": tuned on the dev file, or 0.
        "sides": {"toolkit": {}, "zero": {"null_score_diff_threshold": 0}},
        "evaluates": {"zero": "toolkit"},
        "columns": ["f1", "exact"],
        "targets": {},
        "comparisons": [("f1", "toolkit", "peer"), ("f1", "toolkit", "zero")],
    },
}


def list_sides(task):
    """Returns the names of all sides of the task, the toolkit's first."""
    return [*TASKS[task]["sides"], "peer"]
