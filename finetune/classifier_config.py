"""The flags that run_classifier.py has of its own."""

import dataclasses
from typing import List, Optional

from finetune.cleaning import STEPS
from finetune.config import (
    Config,
    bool_flag,
    choice_flag,
    integer_flag,
    list_flag,
    string_flag,
)
from finetune.text_readers import FORMS
from finetune.truncation import TRUNCATIONS

PROBLEM_TYPES = ("single_label", "multi_label", "regression")
LONG_TEXT = ("truncate", "windows")
WINDOW_POOLINGS = ("mean", "max")


@dataclasses.dataclass(frozen=True)
class ClassifierConfig(Config):
    """What one run of `run_classifier.py` does."""

    examples = (
        ("a table with a header (.tsv, .csv; each file may be .gz)", "--train_file=a.csv …"),
        (
            "… with columns of other names; without a header",
            "--text_column=tweet --label_column=mood …; --text_column=2 --label_column=1 …",
        ),
        ("… quotes that are no quotes, or are in a .tsv", "--quoting=false …; --quoting=true …"),
        ("JSON lines, by their keys", "--train_file=a.jsonl --text_column=body …"),
        ("text;label lines", "--train_file=a.txt …"),
        ("a folder of text files for each label", "--train_file=folder …"),
        ("pairs of texts", "--text_column=question --text_b_column=answer …"),
        ("labels and their order given", "--labels=bad,good …; --labels=labels.txt …"),
        ("one file for all, cut 70:15:15", "--train_file=a.csv --split=70:15:15 --do_train …"),
        ("cross-validation", "--train_file=a.csv --num_folds=5 --do_train …"),
        ("a report on the data", "--do_check --data_dir=data --task_name=binary …"),
        ("texts with several labels", "--problem_type=multi_label --label_separator='|' …"),
        ("numbers", "--problem_type=regression …"),
        ("tweets", "--clean=links,emails,non_ascii …"),
        ("long texts, read whole", "--long_text=windows --max_seq_length=256 …"),
        ("a file without labels", "--do_predict --output_dir=out --predict_file=new.csv"),
        ("texts from elsewhere", "--do_predict --output_dir=out --predict_file=- <texts.txt"),
    )

    data_form: Optional[str] = choice_flag(
        None,
        ("auto", *FORMS),
        "What the data files are. auto, the default: told from their names and what is in them.",
    )
    header: Optional[bool] = bool_flag(
        None, "Whether the first line of a table names its columns. Default: told from the line."
    )
    delimiter: Optional[str] = string_flag(
        None, "Character between columns; tab for a tab. Default: told from name and first line."
    )
    quoting: Optional[bool] = bool_flag(
        None, "Whether cells of a table may be in quotes. Default: in .csv yes, else no."
    )
    text_column: Optional[str] = string_flag(
        None, "Column (or key) of the text, by name or number. Default: text, sentence, tweet, …"
    )
    text_b_column: Optional[str] = string_flag(
        None, "Column of the second text of a pair. Default: text_b, sentence2, … if there is one."
    )
    label_column: Optional[str] = string_flag(
        None, "Column of the label. Default: label, class, category, …"
    )
    labels: Optional[List[str]] = list_flag(
        None, "The labels, commas between, or a file with one a line. Default: the training data's."
    )
    problem_type: Optional[str] = choice_flag(
        None, PROBLEM_TYPES, "What the answer to a text is. Default: single_label."
    )
    label_separator: Optional[str] = string_flag(
        None, "What is between the labels of a text with several. Default: a comma."
    )
    thresholds: Optional[List[str]] = list_flag(
        None,
        "Probability from which on a text gets a label of several: one for all labels, or one for "
        "each, commas between. Default: 0.5.",
    )
    clean: Optional[List[str]] = list_flag(
        None,
        f"What to take out of the texts, commas between: {', '.join(STEPS)}. Default: nothing.",
    )
    truncation: Optional[str] = choice_flag(
        None, TRUNCATIONS, "What stays of a text that is too long. Default: head."
    )
    long_text: Optional[str] = choice_flag(
        None,
        LONG_TEXT,
        "Whether a text that is too long is cut, or read whole in windows. Default: truncate.",
    )
    window_pooling: Optional[str] = choice_flag(
        None, WINDOW_POOLINGS, "What becomes of the logits of a text's windows. Default: mean."
    )
    max_windows: Optional[int] = integer_flag(
        None,
        "Windows of a text at the most; what is behind them is cut. Default: 16.",
        lower_bound=1,
    )

    def __post_init__(self):
        super().__post_init__()
        for step in self.clean or ():
            if step not in STEPS:
                raise ValueError(f"--clean={step}: expected some of {', '.join(STEPS)}.")
        if self.delimiter is not None and len(self.tab_or_delimiter()) != 1:
            raise ValueError(
                f"--delimiter={self.delimiter}: expected one character, or tab for a tab."
            )
        if self.label_separator == "":
            raise ValueError("--label_separator is empty; expected what is between two labels.")
        self.threshold_numbers()

    def tab_or_delimiter(self) -> Optional[str]:
        """Returns the delimiter, in which a tab may be written as a word."""
        return "\t" if self.delimiter in ("tab", "\\t") else self.delimiter

    def threshold_numbers(self) -> List[float]:
        """Returns the thresholds; raises `ValueError` if one is no probability."""
        try:
            numbers = [float(text) for text in self.thresholds or ("0.5",)]
        except ValueError:
            numbers = []
        if not numbers or not all(0 <= number <= 1 for number in numbers):
            raise ValueError(
                f"--thresholds={','.join(self.thresholds)}: expected probabilities, 0 to 1."
            )
        return numbers
