"""The flags that only run_classifier.py has."""

import dataclasses
from typing import List, Optional

from finetune.config.config import Config
from finetune.config.flags import bool_flag, choice_flag, integer_flag, list_flag, string_flag
from finetune.data.cleaning import STEPS
from finetune.data.truncation import TRUNCATIONS
from finetune.tasks.classification.readers import FORMS
from finetune.util.errors import UsageError

SINGLE_LABEL, MULTI_LABEL, REGRESSION = "single_label", "multi_label", "regression"
PROBLEM_TYPES = (SINGLE_LABEL, MULTI_LABEL, REGRESSION)
TRUNCATE, WINDOWS = "truncate", "windows"
LONG_TEXT = (TRUNCATE, WINDOWS)
WINDOW_POOLINGS = ("mean", "max")
_OTHER_FILES = ("data_dir", "dev_file", "predict_file", "task_name changed")
_OTHER_TASK = ("task_name changed",)
_OTHER_COLUMNS = ("header", "task_name changed")


@dataclasses.dataclass(frozen=True)
class ClassifierConfig(Config):
    """What one run of `run_classifier.py` does."""

    examples = (
        (
            "Train on a CSV file; split it into train, dev and test:",
            "--train_file=a.csv --split=70:15:15 --do_train --do_eval …",
        ),
        (
            "Name the columns:",
            "--train_file=a.csv --text_column=tweet --label_column=mood …",
        ),
        (
            "Pairs of texts; several labels per text; a number per text:",
            "--text_b_column=answer …; --problem_type=multi_label …; --problem_type=regression …",
        ),
        ("Only check the data:", "--do_check --data_dir=data --task_name=binary …"),
        (
            "Predict with a trained model, from a file or from standard input:",
            "--do_predict --output_dir=out --predict_file=new.csv; … --predict_file=- <texts.txt",
        ),
    )

    data_form: Optional[str] = choice_flag(
        None,
        ("auto", *FORMS),
        "Form of the data files. Default: auto, detected from their names and content.",
        "data",
        kept=True,
        kept_unless=_OTHER_FILES,
    )
    header: Optional[bool] = bool_flag(
        None,
        "Whether the first line of a table names its columns. Default: detected from the line.",
        "data",
        kept=True,
        kept_unless=_OTHER_TASK,
    )
    delimiter: Optional[str] = string_flag(
        None,
        "Character between columns; tab for a tab. Default: detected from the name and first "
        "lines.",
        "data",
        kept=True,
        kept_unless=_OTHER_TASK,
    )
    quoting: Optional[bool] = bool_flag(
        None,
        "Whether cells of a table can be quoted. False: quotes are ordinary characters. Default: "
        "true for .csv, else false.",
        "data",
        kept=True,
        kept_unless=_OTHER_TASK,
    )
    text_column: Optional[str] = string_flag(
        None,
        "Column (or JSON key) of the text, by name or number. Default: text, sentence, tweet, …",
        "data",
        common=True,
        kept=True,
        kept_unless=_OTHER_COLUMNS,
    )
    text_b_column: Optional[str] = string_flag(
        None,
        "Column of the second text of a pair. Default: text_b, sentence2, … if there is one.",
        "data",
        common=True,
        kept=True,
        kept_unless=_OTHER_COLUMNS,
    )
    label_column: Optional[str] = string_flag(
        None,
        "Column of the label. Default: label, class, category, …",
        "data",
        common=True,
        kept=True,
        kept_unless=_OTHER_COLUMNS,
    )
    labels: Optional[List[str]] = list_flag(
        None,
        "The labels, comma-separated, or a file with one per line. Default: those of the training "
        "data.",
        "data",
        requires=("problem_type=single_label|problem_type=multi_label",),
    )
    problem_type: Optional[str] = choice_flag(
        None,
        PROBLEM_TYPES,
        "Type of problem. Default: single_label.",
        "model",
        common=True,
        identity=True,
        fixed=True,
        head=True,
        before=SINGLE_LABEL,
        kept=True,
    )
    label_separator: Optional[str] = string_flag(
        None,
        "Separator between labels in a multi-label cell. Default: a comma.",
        "data",
        identity=True,
        kept=True,
        requires=("problem_type=multi_label",),
    )
    thresholds: Optional[List[str]] = list_flag(
        None,
        "Multi-label: minimum probability for a label to be assigned: one number, or one per "
        "label, "
        "comma-separated. Default: 0.5.",
        "evaluation",
        kept=True,
        requires=("problem_type=multi_label",),
    )
    clean: Optional[List[str]] = list_flag(
        None,
        f"What to remove from the texts, comma-separated: {', '.join(STEPS)}. Default: nothing.",
        "data",
        identity=True,
        before=[],
        kept=True,
    )
    truncation: Optional[str] = choice_flag(
        None,
        TRUNCATIONS,
        "Which part of an over-long text to keep. Default: head.",
        "model",
        identity=True,
        before="head",
        kept=True,
        kept_unless=("long_text=windows",),
        requires=("long_text=truncate",),
    )
    long_text: Optional[str] = choice_flag(
        None,
        LONG_TEXT,
        "Whether an over-long text is truncated or read whole, in windows. Default: truncate.",
        "model",
        common=True,
        identity=True,
        before=TRUNCATE,
        kept=True,
    )
    doc_stride: Optional[int] = integer_flag(
        None,
        "Wordpieces from the start of one window of a long text to the start of the next. "
        "Default: half a window.",
        "model",
        identity=True,
        kept=True,
        kept_unless=("max_seq_length", "long_text=truncate"),
        requires=("long_text=windows",),
        lower_bound=1,
    )
    window_pooling: Optional[str] = choice_flag(
        None,
        WINDOW_POOLINGS,
        "How the logits of a text's windows are combined. Default: mean.",
        "model",
        identity=True,
        kept=True,
        kept_unless=("long_text=truncate",),
        requires=("long_text=windows",),
    )
    max_windows: Optional[int] = integer_flag(
        None,
        "Maximum windows per text; the rest of the text is cut. Default: 16.",
        "model",
        identity=True,
        kept=True,
        kept_unless=("long_text=truncate",),
        requires=("long_text=windows",),
        lower_bound=1,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for step in self.clean or ():
            if step not in STEPS:
                raise UsageError(f"--clean={step}: expected some of {', '.join(STEPS)}.")
        if self.delimiter is not None and len(self.tab_or_delimiter() or "") != 1:
            raise UsageError(
                f"--delimiter={self.delimiter}: expected one character, or tab for a tab."
            )
        if self.label_separator == "":
            raise UsageError("--label_separator is empty; expected the text between two labels.")
        self.threshold_numbers()

    def tab_or_delimiter(self) -> Optional[str]:
        """Returns the delimiter; a tab can be written as a word."""
        return "\t" if self.delimiter in ("tab", "\\t") else self.delimiter

    def threshold_numbers(self) -> List[float]:
        """Returns the thresholds; raises `UsageError` if one is not a probability."""
        given = self.thresholds or ["0.5"]
        try:
            numbers = [float(text) for text in given]
        except ValueError:
            numbers = []
        if not numbers or not all(0 <= number <= 1 for number in numbers):
            raise UsageError(f"--thresholds={','.join(given)}: expected probabilities, 0 to 1.")
        return numbers
