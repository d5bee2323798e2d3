"""The names of all files that runs write to an output directory."""

import re
from typing import Tuple

from finetune.models import names as model_names

# The files that prediction needs besides a checkpoint.
RECORD = "run.json"
VOCABULARY = model_names.VOCABULARY
TOKENIZER = model_names.TOKENIZER  # Some models have it instead of the vocabulary
BERT_CONFIG = model_names.BERT_CONFIG
TOKENIZER_CONFIG = model_names.TOKENIZER_CONFIG
MODEL_FILES = (RECORD, VOCABULARY, TOKENIZER, BERT_CONFIG, TOKENIZER_CONFIG)

# Checkpoints. During training: weights and Adam's slots, to resume from. Afterwards: weights only.
CHECKPOINT_STATE = "checkpoint"
TRAINING_CHECKPOINT = "train.ckpt"
FINAL_CHECKPOINT = "model.ckpt"

# Folders.
BEST = "best"
SPLIT = "split"

# Data and training.
DATA_REPORT = "data_report.json"
TRAIN_LOG = "train_log.jsonl"
EVENTS = "events.out.tfevents"  # For TensorBoard; TensorFlow appends time, host and process
REPORT = "report.html"

# Scores.
EVAL_TEXT = "eval_results.txt"
EVAL_JSON = "eval_results.json"
# The scores of other files than the dev file, by the file's name; the JSON file contains its path.
EVAL_TEXT_OF = "eval_results-{}.txt"
EVAL_JSON_OF = "eval_results-{}.json"
REPORT_OF = "report-{}.html"
SCORES_OF = (EVAL_TEXT_OF, REPORT_OF, EVAL_JSON_OF)

# Predictions.
PREDICTIONS_TABLE = "test_results.tsv"
PREDICTIONS_CONLL = "test_results.conll"
PREDICTIONS_JSONL = "test_results.jsonl"
PREDICTIONS_FOR_TOOL = {
    "doccano": "test_results.doccano.jsonl",
    "label_studio": "test_results.label_studio.json",
}
EMBEDDINGS = "embeddings.npy"
EMBEDDED_ROWS = "embeddings.tsv"
ANSWERS = "predictions.json"
NBEST_ANSWERS = "nbest_predictions.json"
NULL_ODDS = "null_odds.json"

# Several training runs.
FOLD_FOLDER = "fold-{}"
FOLDS_TEXT = "cv_results.txt"
FOLDS_JSON = "cv_results.json"
FOLDS_PREDICTIONS = "cv_predictions{}"  # With the extension of the files of predictions
FINAL_FOLDER = "final"  # Suggested for a model of all rows
TRIAL_FOLDER = "trial-{}"
TRIALS_TEXT = "trials.txt"
TRIALS_JSON = "trials.json"
TRIALS_PLAN = "trials_plan.json"
DISCARDED = "weights_discarded.txt"  # Says why the weights of a worse trial were deleted

# How TensorFlow completes names.
TO_COMPLETE = (f"{TRAINING_CHECKPOINT}-", f"{FINAL_CHECKPOINT}-", f"{EVENTS}.")
COMPLETED = re.compile(
    rf"(?:{TRAINING_CHECKPOINT}|{FINAL_CHECKPOINT})-\d+\.(?:index|meta|data-\d{{5}}-of-\d{{5}})"
    rf"|{EVENTS}\.\d+\..+"
)

# Glob patterns, for deleting what earlier runs wrote; a "*" stands for what TensorFlow adds.
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
    *PREDICTIONS_FOR_TOOL.values(),
    EMBEDDINGS,
    EMBEDDED_ROWS,
    ANSWERS,
    NBEST_ANSWERS,
    NULL_ODDS,
    f"{EVENTS}.*",
    DATA_REPORT,
    *(f"{SPLIT}/{part}.jsonl" for part in ("train", "dev", "test")),
    TRAIN_LOG,
    REPORT,
    FOLDS_TEXT,
    FOLDS_JSON,
    FOLDS_PREDICTIONS.format(".*"),
    TRIALS_TEXT,
    TRIALS_JSON,
    TRIALS_PLAN,
)
