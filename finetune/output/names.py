"""Every file that a run writes into an output directory, named once."""

from typing import Tuple

# The model: what a folder needs, besides a checkpoint, to be used for prediction.
RECORD = "run.json"
VOCABULARY = "vocab.txt"
BERT_CONFIG = "bert_config.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
MODEL_FILES = (RECORD, VOCABULARY, BERT_CONFIG, TOKENIZER_CONFIG)

# Checkpoints. While training: weights and Adam's slots, to resume from. Afterwards: weights only.
CHECKPOINT_STATE = "checkpoint"
TRAINING_CHECKPOINT = "train.ckpt"
FINAL_CHECKPOINT = "model.ckpt"

# Folders.
BEST = "best"
SPLIT = "split"

# The data and the training.
DATA_REPORT = "data_report.json"
TRAIN_LOG = "train_log.jsonl"
EVENTS = "events.out.tfevents"  # TensorBoard's; TensorFlow appends time, host and process
REPORT = "report.html"

# Scores.
EVAL_TEXT = "eval_results.txt"
EVAL_JSON = "eval_results.json"

# Predictions.
PREDICTIONS_TABLE = "test_results.tsv"
PREDICTIONS_CONLL = "test_results.conll"
PREDICTIONS_JSONL = "test_results.jsonl"

# Several trainings.
FOLD_FOLDER = "fold-{}"
FOLDS_TEXT = "cv_results.txt"
FOLDS_JSON = "cv_results.json"
TRIAL_FOLDER = "trial-{}"
TRIALS_TEXT = "trials.txt"
TRIALS_JSON = "trials.json"
TRIALS_PLAN = "trials_plan.json"
DISCARDED = "weights_discarded.txt"  # Says why the weights of a worse trial were deleted

# Glob patterns, for deleting what earlier runs wrote.
WEIGHTS: Tuple[str, ...] = (
    CHECKPOINT_STATE,
    f"{TRAINING_CHECKPOINT}-*",
    f"{FINAL_CHECKPOINT}-*",
    f"{BEST}/{CHECKPOINT_STATE}",
    f"{BEST}/{FINAL_CHECKPOINT}-*",
)
TRAINED: Tuple[str, ...] = (
    *MODEL_FILES,
    *WEIGHTS,
    *(f"{BEST}/{name}" for name in MODEL_FILES),
    DISCARDED,
)
RESULTS: Tuple[str, ...] = (
    EVAL_TEXT,
    EVAL_JSON,
    f"{BEST}/{EVAL_JSON}",
    PREDICTIONS_TABLE,
    PREDICTIONS_CONLL,
    PREDICTIONS_JSONL,
    f"{EVENTS}.*",
    DATA_REPORT,
    f"{SPLIT}/*.jsonl",
    TRAIN_LOG,
    REPORT,
    FOLDS_TEXT,
    FOLDS_JSON,
    TRIALS_TEXT,
    TRIALS_JSON,
    TRIALS_PLAN,
)
