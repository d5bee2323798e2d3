"""The scores of an evaluation, as stored in eval_results.json and as human-readable text."""

from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, TypedDict, Union

from finetune.util.printable import one_line


class PrecisionRecallF1(TypedDict):
    """Precision, recall and F1; 0 where the denominator is 0."""

    precision: float
    recall: float
    f1: float


class LabelScores(PrecisionRecallF1):
    """The scores of one label or entity type; `support` counts its gold rows or entities."""

    support: int


class RankedLabelScores(LabelScores):
    """The scores of one label in multi-label data; an additional score is None if undefined."""

    auc: Optional[float]
    average_precision: Optional[float]
    best_threshold: Optional[float]


class Confusion(TypedDict):
    """How often a gold label was mistaken for another."""

    label: str
    predicted: str
    count: int


class SingleLabelFigures(TypedDict):
    """The scores of a single-label classifier over all labels; see `SingleLabelScores`."""

    num_examples: int
    loss: float
    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    weighted_f1: float
    mcc: float


class TwoLabelFigures(SingleLabelFigures, total=False):
    """The scores over all labels, including `auc` if there are exactly two labels."""

    auc: Optional[float]


class SingleLabelScores(TwoLabelFigures):
    """The scores of a single-label classifier.

    `loss` is the mean cross entropy in nats. `mcc` follows Matthews 1975, and Gorodkin 2004 for
    more than two labels. `auc` is the area under the ROC curve of the second label; None if all
    rows have the same label. `confusion_matrix` has a row for each gold label and a column for each
    predicted label; None if there are too many labels. `most_confused` has the most frequent pair
    first.
    """

    labels: Dict[str, LabelScores]
    confusion_matrix: Optional[List[List[int]]]
    most_confused: List[Confusion]


class MultiLabelScores(TypedDict):
    """The scores of a multi-label classifier.

    `loss` is the binary cross entropy in nats, averaged over rows and labels. `accuracy` is the
    fraction of rows with all labels correct. `macro_auc` and `macro_average_precision` are means
    over the labels for which they are defined; None if there is no such label.
    """

    num_examples: int
    loss: float
    accuracy: float
    hamming_loss: float
    micro_precision: float
    micro_recall: float
    micro_f1: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    macro_auc: Optional[float]
    macro_average_precision: Optional[float]
    labels: Dict[str, RankedLabelScores]


class RegressionScores(TypedDict):
    """The scores of a regression model.

    `mse` is the mean squared error, `mae` the mean absolute error. The correlations `pearson` and
    `spearman` are None if all gold values or all predicted values are equal.
    """

    num_examples: int
    mse: float
    mae: float
    pearson: Optional[float]
    spearman: Optional[float]


class TypeErrors(TypedDict):
    """The outcomes of the gold entities of one type.

    The first five counts add up to the number of gold entities of the type. Predicted entities
    need not add up: one can be compared with two gold entities, or with none.

    Keys:
      right: Number of entities whose type and both ends are correct.
      wrong_type: Number of entities with both ends correct, but the wrong type.
      wrong_boundary: Number of entities with the correct type, but a wrong end.
      wrong_type_and_boundary: Number of entities with the wrong type and a wrong end.
      missed: Number of entities that no predicted entity overlaps.
      spurious: Number of predicted entities of the type that overlap no gold entity.
      taken_for: Number of entities by predicted type, among those with both ends correct.
    """

    right: int
    wrong_type: int
    wrong_boundary: int
    wrong_type_and_boundary: int
    missed: int
    spurious: int
    taken_for: Dict[str, int]


class EntityScores(PrecisionRecallF1):
    """The scores of a tagger.

    `loss` is in nats per word; `token_accuracy` includes O. `precision`, `recall` and `f1` are
    micro-averaged over all entities; the `macro_` scores are means over types. The `strict_` scores
    are micro-averaged, and count a predicted entity only if it begins with B.
    """

    num_sentences: int
    num_words: int
    loss: float
    token_accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    strict_precision: float
    strict_recall: float
    strict_f1: float
    types: Dict[str, LabelScores]
    errors: Dict[str, TypeErrors]


class AnswerScores(TypedDict, total=False):
    """The scores of answers to questions, in percent, with the official scripts' names.

    `exact_match` is SQuAD 1.1's, for data in which all questions have answers; `HasAns_` and
    `NoAns_` are about the questions with and without an answer. `best_` is the score with the best
    threshold for "no answer", `pr_` the average precision over all thresholds. `loss` is in nats
    per window. `null_score_diff_threshold` is the threshold that the answers were scored with.
    """

    exact: float
    f1: float
    total: int
    HasAns_exact: float
    HasAns_f1: float
    HasAns_total: int
    NoAns_exact: float
    NoAns_f1: float
    NoAns_total: int
    best_exact: float
    best_exact_thresh: float
    best_f1: float
    best_f1_thresh: float
    pr_exact_ap: float
    pr_f1_ap: float
    pr_oracle_ap: float
    exact_match: float
    loss: float
    null_score_diff_threshold: float


TaskScores = Union[
    SingleLabelScores, MultiLabelScores, RegressionScores, EntityScores, AnswerScores
]


class Evaluation(NamedTuple):
    """The scores of a model, as data and as human-readable text.

    Attributes:
      scores: The scores.
      text: The same scores, human-readable.
      warning: A warning with advice, if the model has learnt nothing.
    """

    scores: TaskScores
    text: str
    warning: Optional[str] = None


def format_figures(scores: Mapping[str, object]) -> List[str]:
    """Returns a line for each score that is a single value."""
    return [
        f"{name} = {value:.4f}" if isinstance(value, float) else f"{name} = {value}"
        for name, value in scores.items()
        if value is None or isinstance(value, (int, float))
    ]


def format_label_table(
    title: str, rows: Mapping[str, Mapping[str, object]], columns: Sequence[str]
) -> List[str]:
    """Returns the lines of a table of labels.

    Args:
      title: Title of the first column.
      rows: The figures of each label, by name.
      columns: Names of the figures that the table shows; None is shown as "-".
    """
    body = [[name, *(_cell(row[column]) for column in columns)] for name, row in rows.items()]
    return format_table([title, *columns], body)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def format_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> List[str]:
    """Returns the lines of a table: the first column is left-aligned, the others right-aligned."""
    import tabulate  # Only an evaluation or a report needs it.

    text = tabulate.tabulate(
        [[one_line(str(cell)) for cell in row] for row in rows],
        headers=[one_line(str(cell)) for cell in header],
        tablefmt="plain",
        disable_numparse=True,
        colalign=("left", *["right"] * (len(header) - 1)) if rows else None,
    )
    return [line.rstrip() for line in text.splitlines()]
