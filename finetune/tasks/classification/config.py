"""The flags that only run_classifier.py has."""

import dataclasses
from typing import Final, List, Optional

from finetune.config.config import Config
from finetune.config.data_flags import OTHER_FILES
from finetune.config.flags import (
    bool_flag,
    choice_flag,
    integer_flag,
    list_flag,
    redeclared,
    string_flag,
)
from finetune.data.cleaning import STEPS
from finetune.data.processor import DataProcessor
from finetune.data.truncation import TRUNCATIONS, Cut
from finetune.tasks.classification.label_edits import check_pattern
from finetune.tasks.classification.readers import FORMS, TextFormat
from finetune.util.errors import UsageError

SINGLE_LABEL: Final = "single_label"
MULTI_LABEL: Final = "multi_label"
REGRESSION: Final = "regression"
PROBLEM_TYPES = (SINGLE_LABEL, MULTI_LABEL, REGRESSION)
BEST = "best"  # A value of --thresholds
TRUNCATE, WINDOWS = "truncate", "windows"
LONG_TEXT = (TRUNCATE, WINDOWS)
WINDOW_POOLINGS = ("mean", "max")
_OTHER_TASK = ("task_name changed",)
_OTHER_COLUMNS = ("header", "task_name changed")


@dataclasses.dataclass(frozen=True)
class ClassifierConfig(Config):
    """The configuration of one run of `run_classifier.py`."""

    examples = (
        (
            "Train on a CSV file; split it into train, dev and test:",
            "--train_file=a.csv --split=70:15:15 --do_train --do_eval …",
        ),
        (
            "Specify the columns:",
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

    task_name: Optional[str] = redeclared(
        Config,
        "task_name",
        help_text="Task: binary, multiclass, or another name in PROCESSORS in processors.py.",
        default_if_unset="multiclass",
        default_if="train_file|problem_type|do_embed",
    )
    data_form: Optional[str] = choice_flag(
        None,
        ("auto", *FORMS),
        "Form of the data files. auto: detected from their names and content.",
        "data",
        default_if_unset=TextFormat.form,
        kept=True,
        kept_unless=(*OTHER_FILES, *_OTHER_TASK),
        about_tables=True,
    )
    header: Optional[bool] = bool_flag(
        None,
        "Whether the first line of a table names its columns.",
        "data",
        default_text="detected from the line",
        kept=True,
        kept_unless=_OTHER_TASK,
        about_tables=True,
    )
    delimiter: Optional[str] = string_flag(
        None,
        "Character between columns; the word tab means a tab.",
        "data",
        default_text="detected from the file's name and first lines",
        kept=True,
        kept_unless=_OTHER_TASK,
        about_tables=True,
    )
    quoting: Optional[bool] = bool_flag(
        None,
        "Whether cells of a table can be quoted. If false, quotes are ordinary characters.",
        "data",
        default_text="true for .csv, otherwise false",
        kept=True,
        kept_unless=_OTHER_TASK,
        about_tables=True,
    )
    quotechar: Optional[str] = string_flag(
        None,
        "Character that quotes the cells of a table.",
        "data",
        default_if_unset=TextFormat.quotechar,
        kept=True,
        kept_unless=_OTHER_TASK,
        about_tables=True,
    )
    text_column: Optional[str] = string_flag(
        None,
        "Column (or JSON key) of the text, by name or number. Several, separated by commas, are "
        "joined by spaces.",
        "data",
        default_text="the column text, sentence, tweet or similar",
        common=True,
        kept=True,
        kept_unless=_OTHER_COLUMNS,
        about_tables=True,
    )
    text_b_column: Optional[str] = string_flag(
        None,
        "Column of the second text of a pair.",
        "data",
        default_text="the column text_b, sentence2 or similar, if there is one",
        common=True,
        kept=True,
        kept_unless=_OTHER_COLUMNS,
        about_tables=True,
    )
    label_column: Optional[str] = string_flag(
        None,
        "Column of the label.",
        "data",
        default_text="the column label, class, category or similar",
        common=True,
        kept=True,
        kept_unless=_OTHER_COLUMNS,
        about_tables=True,
    )
    label_pattern: Optional[str] = string_flag(
        None,
        "Regular expression: each label is cut to its match, or to its first group. For example, "
        "^[^:]+ turns DESC:manner into DESC.",
        "data",
        kept=True,
        kept_unless=_OTHER_TASK,
        about_tables=True,
    )
    label_names: Optional[List[str]] = list_flag(
        None,
        "Names for label ids: a file with one name per line, numbered from 0, or with an id before "
        "each name; or comma-separated names.",
        "data",
        kept=True,
        kept_unless=_OTHER_TASK,
        about_tables=True,
    )
    labels: Optional[List[str]] = list_flag(
        None,
        "The labels, comma-separated, or a file with one per line.",
        "data",
        default_text="those of the training data",
        requires=("problem_type=single_label|problem_type=multi_label",),
    )
    problem_type: Optional[str] = choice_flag(
        None,
        PROBLEM_TYPES,
        "Problem type.",
        "model",
        default_if_unset=DataProcessor.problem_type,
        common=True,
        identity=True,
        fixed=True,
        head=True,
        before=SINGLE_LABEL,
        kept=True,
    )
    label_separator: Optional[str] = string_flag(
        None,
        "Separator between labels in a multi-label cell.",
        "data",
        default_if_unset=",",
        default_unrecorded=True,
        identity=True,
        kept=True,
        requires=("problem_type=multi_label",),
    )
    thresholds: Optional[List[str]] = list_flag(
        None,
        "Minimum probability for assigning a label in multi-label classification: one number, or "
        "one per label, comma-separated, or best: those with the best F1 on the dev file.",
        "evaluation",
        default_if_unset=["0.5"],
        kept=True,
        requires=("problem_type=multi_label",),
    )
    clean: Optional[List[str]] = list_flag(
        None,
        f"Cleaning steps for the texts, comma-separated: {', '.join(STEPS)}.",
        "data",
        default_if_unset=[],
        identity=True,
        before=[],
        kept=True,
    )
    truncation: Optional[str] = choice_flag(
        None,
        TRUNCATIONS,
        "Which part of an over-long text to keep.",
        "model",
        default_if_unset=TRUNCATIONS[0],
        identity=True,
        before="head",
        kept=True,
        requires=("long_text=truncate",),
    )
    long_text: Optional[str] = choice_flag(
        None,
        LONG_TEXT,
        "Whether an over-long text is truncated or read whole, in windows.",
        "model",
        default_if_unset=TRUNCATE,
        common=True,
        identity=True,
        before=TRUNCATE,
        kept=True,
    )
    doc_stride: Optional[int] = redeclared(
        Config,
        "doc_stride",
        requires=("long_text=windows",),
    )
    window_pooling: Optional[str] = choice_flag(
        None,
        WINDOW_POOLINGS,
        "How the logits of a text's windows are combined.",
        "model",
        default_if_unset=WINDOW_POOLINGS[0],
        identity=True,
        kept=True,
        requires=("long_text=windows",),
    )
    max_windows: Optional[int] = integer_flag(
        None,
        "Maximum number of windows per text; the rest of the text is dropped.",
        "model",
        default_if_unset=16,
        identity=True,
        kept=True,
        requires=("long_text=windows",),
        lower_bound=1,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for step in self.clean or ():
            if step not in STEPS:
                raise UsageError(f"--clean={step}: expected one or more of {', '.join(STEPS)}.")
        if self.delimiter is not None and len(self.tab_or_delimiter() or "") != 1:
            raise UsageError(
                f"--delimiter={self.delimiter}: expected one character, or tab for a tab."
            )
        if self.quotechar is not None and len(self.quotechar) != 1:
            raise UsageError(f"--quotechar={self.quotechar}: expected one character.")
        check_pattern(self.label_pattern)
        if self.label_separator == "":
            raise UsageError("--label_separator is empty; expected the text between two labels.")
        self.threshold_numbers()
        if self.tunes_thresholds and self.do_train and not self.do_eval and not self.num_folds:
            raise UsageError(
                "--thresholds=best requires --do_eval=true: they are tuned on the dev file."
            )

    @property
    def separator(self) -> str:
        """The separator between labels, or the default."""
        return self.value_of("label_separator")

    @property
    def clean_steps(self) -> List[str]:
        """The cleaning steps, in the order in which they are applied."""
        return [step for step in STEPS if step in (self.clean or ())]

    def cut(self) -> Cut:
        """Returns how to make over-long texts fit."""
        return Cut(
            max_seq_length=self.require("max_seq_length"),
            truncation=self.value_of("truncation"),
            windows=self.long_text == WINDOWS,
            doc_stride=self.doc_stride or Cut.doc_stride,
            max_windows=self.value_of("max_windows"),
        )

    def tab_or_delimiter(self) -> Optional[str]:
        """Returns the delimiter; the word tab means a tab."""
        return "\t" if self.delimiter in ("tab", "\\t") else self.delimiter

    @property
    def tunes_thresholds(self) -> bool:
        """Whether the thresholds are those with the best F1 on the dev file."""
        return self.thresholds == [BEST]

    def threshold_numbers(self) -> Optional[List[float]]:
        """Returns the thresholds, or the default; None if they are to be tuned.

        Raises:
          UsageError: The thresholds are invalid.
        """
        if self.tunes_thresholds:
            return None
        given = self.value_of("thresholds")
        try:
            numbers = [float(text) for text in given]
        except ValueError:
            numbers = []
        if not numbers or not all(0 <= number <= 1 for number in numbers):
            raise UsageError(
                f"--thresholds={','.join(given)}: expected probabilities from 0 to 1, or best."
            )
        return numbers
