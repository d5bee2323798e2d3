"""Entity scores, compared with values worked out by hand, conlleval and seqeval."""

import conlleval
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval import metrics as seqeval
from seqeval.scheme import IOB2

from finetune.tasks.tagging.metrics import entity_scores, error_table, format_entity_scores
from finetune.tasks.tagging.tags import spans_of

# The data has a type with a hyphen, entities that touch, a type that is never predicted, and an
# I-LOC after B-PER, which is an entity for conlleval but invalid in IOB2.
GOLD = ["B-PER I-PER O B-LOC I-LOC I-LOC O B-LOC", "B-ORG O O B-creative-work"]
PREDICTED = ["B-PER I-PER O B-LOC I-LOC O O B-ORG", "B-ORG O B-PER I-LOC"]

ERRORS = ("right", "wrong_type", "wrong_boundary", "wrong_type_and_boundary", "missed")
FIGURES = ("precision", "recall", "f1")
# The last two tags have no type.
TAGS = ("O", "B-X", "I-X", "B-Y", "I-Y", "B-a-b", "I-a-b", "B", "I")
checked = settings(max_examples=100, deadline=None, database=None, derandomize=True)


def cut(texts):
    return [text.split() for text in texts]


def as_iob2(tags):
    """Returns valid tags: each I that continues no entity becomes B."""
    valid = [
        "B" + tag[1:] if tag[0] == "I" and before[1:] != tag[1:] else tag
        for before, tag in zip(["O-", *tags], tags)
    ]
    assert all(tag[0] != "I" or tag[1:] == before[1:] for before, tag in zip(["O-", *valid], valid))
    return valid


# Texts as pairs of a gold tag and a predicted tag, which mostly agree. None means the gold tag.
words = st.tuples(st.sampled_from(TAGS), st.sampled_from([None] * 2 * len(TAGS) + [*TAGS]))
corpora = st.lists(st.lists(words, max_size=10), max_size=5)


def as_tags(corpus):
    """Returns gold tags, which are valid IOB2, and predicted tags, which need not be."""
    gold = [as_iob2([tag for tag, _ in text]) for text in corpus]
    predicted = [
        [new or old for old, (_, new) in zip(tags, text)] for tags, text in zip(gold, corpus)
    ]
    return gold, predicted


def figures(scores, prefix=""):
    return tuple(scores[prefix + name] for name in FIGURES)


def by_seqeval(gold, predicted, **how):
    scorers = (seqeval.precision_score, seqeval.recall_score, seqeval.f1_score)
    return tuple(score(gold, predicted, zero_division=0, **how) for score in scorers)


def by_conlleval(gold, predicted):
    lines = []
    for tags in filter(all, zip(gold, predicted)):  # The port fails on a blank first line
        lines += [f"word {g} {p}" for g, p in zip(*tags)] + [""]
    return conlleval.evaluate(lines)


def conlleval_figures(result):
    """Returns conlleval's figures; without predictions, the port's precision is 1, not 0."""
    evals = result["evals"]
    return (evals["prec"] if result["stats"]["pred"] else 0, evals["rec"], evals["f1"])


@pytest.fixture(scope="module")
def scores():
    return entity_scores(cut(GOLD), cut(PREDICTED), loss=0.25)


def test_scores_match_values_worked_out_by_hand(scores):
    # 2 of 6 predicted and 5 gold entities are correct; strict mode has only 5 predicted entities.
    assert figures(scores) == pytest.approx((2 / 6, 2 / 5, 4 / 11))
    assert figures(scores, "strict_") == pytest.approx((2 / 5, 2 / 5, 2 / 5))
    assert scores["types"] == {
        "LOC": {"precision": 0, "recall": 0, "f1": 0, "support": 2},
        "ORG": pytest.approx({"precision": 1 / 2, "recall": 1, "f1": 2 / 3, "support": 1}),
        "PER": pytest.approx({"precision": 1 / 2, "recall": 1, "f1": 2 / 3, "support": 1}),
        "creative-work": {"precision": 0, "recall": 0, "f1": 0, "support": 1},
    }
    assert list(scores["types"]) == sorted(scores["types"])
    assert figures(scores, "macro_") == pytest.approx((1 / 4, 2 / 4, 1 / 3))
    assert scores["token_accuracy"] == pytest.approx(8 / 12)
    assert (scores["num_sentences"], scores["num_words"], scores["loss"]) == (2, 12, 0.25)


def test_scores_match_conlleval_output(scores):
    # Output of conlleval.pl, version 2004-01-26, for these two texts.
    output = """\
processed 12 tokens with 5 phrases; found: 6 phrases; correct: 2.
accuracy:  66.67%; precision:  33.33%; recall:  40.00%; FB1:  36.36
              LOC: precision:   0.00%; recall:   0.00%; FB1:   0.00  2
              ORG: precision:  50.00%; recall: 100.00%; FB1:  66.67  2
              PER: precision:  50.00%; recall: 100.00%; FB1:  66.67  2
    creative-work: precision:   0.00%; recall:   0.00%; FB1:   0.00  0
"""
    form = "precision: {:6.2f}%; recall: {:6.2f}%; FB1: {:6.2f}"
    printed = [f"accuracy: {100 * scores['token_accuracy']:6.2f}%; "]
    printed[0] += form.format(*(100 * value for value in figures(scores)))
    printed += [
        f"{kind:>17}: " + form.format(*(100 * value for value in figures(of_type)))
        for kind, of_type in scores["types"].items()
    ]
    first, *others = output.splitlines()[1:]
    assert printed == [first, *(line.rpartition("  ")[0] for line in others)]


@checked
@given(corpus=corpora)
def test_scores_match_seqeval(corpus):
    gold, predicted = as_tags(corpus)
    scores = entity_scores(gold, predicted, loss=0.0)
    assert scores["num_sentences"] == len(gold)
    assert scores["num_words"] == sum(map(len, gold))
    if not gold:
        return
    assert figures(scores) == by_seqeval(gold, predicted)
    assert figures(scores, "strict_") == by_seqeval(gold, predicted, mode="strict", scheme=IOB2)
    if scores["num_words"]:
        assert scores["token_accuracy"] == seqeval.accuracy_score(gold, predicted)
    if not scores["types"]:
        return
    report = seqeval.classification_report(gold, predicted, output_dict=True, zero_division=0)
    names = ("precision", "recall", "f1-score", "support")
    peer = {kind: tuple(row[name] for name in names) for kind, row in report.items()}
    averages = {kind: peer.pop(f"{kind} avg")[:3] for kind in ("micro", "macro", "weighted")}
    assert averages["micro"] == figures(scores)
    # Not exact: NumPy rounds at each step, while sum() rounds once from Python 3.12 on.
    assert figures(scores, "macro_") == pytest.approx(averages["macro"], rel=1e-15, abs=0)
    assert peer == {
        kind: (*figures(of_type), of_type["support"]) for kind, of_type in scores["types"].items()
    }


@checked
@given(corpus=corpora)
def test_scores_match_conlleval(corpus):
    gold, predicted = as_tags(corpus)
    scores = entity_scores(gold, predicted, loss=0.0)
    result = by_conlleval(gold, predicted)
    assert figures(scores) == conlleval_figures(result["overall"]["chunks"])
    right = sum(row["right"] for row in scores["errors"].values())
    support = sum(of_type["support"] for of_type in scores["types"].values())
    stats = result["overall"]["chunks"]["stats"]
    assert (stats["correct"], stats["gold"]) == (right, support)
    tags = result["overall"]["tags"]["stats"]
    assert scores["num_words"] == tags["gold"]
    assert scores["token_accuracy"] == (tags["correct"] / tags["gold"] if tags["gold"] else 0)
    for kind in scores["types"].keys() - {"_"}:  # The port omits entities without a type
        of_type, chunks = scores["types"][kind], result["slots"]["chunks"][kind]
        assert figures(of_type) == conlleval_figures(chunks)
        assert of_type["support"] == chunks["stats"]["gold"]


@pytest.mark.parametrize(
    ("gold", "predicted", "accuracy", "types", "spurious"),
    [
        (["O O", "O"], ["O B-X", "O"], 2 / 3, {"X": 0}, 1),
        (["O B-X", "O"], ["O O", "O"], 2 / 3, {"X": 1}, 0),
        (["O O"], ["O O"], 1, {}, 0),
        (["", ""], ["", ""], 0, {}, 0),
        ([], [], 0, {}, 0),
    ],
    ids=["no gold", "no predicted", "neither", "no words", "no texts"],
)
def test_scores_without_entities_are_zero(gold, predicted, accuracy, types, spurious):
    gold, predicted = cut(gold), cut(predicted)
    scores = entity_scores(gold, predicted, loss=0.0)
    for prefix in ("", "strict_", "macro_"):
        assert figures(scores, prefix) == (0, 0, 0)
    assert scores["token_accuracy"] == accuracy
    assert {kind: row["support"] for kind, row in scores["types"].items()} == types
    assert sum(row["spurious"] for row in scores["errors"].values()) == spurious
    assert sum(row["missed"] for row in scores["errors"].values()) == sum(types.values())
    if gold:
        assert by_seqeval(gold, predicted) == (0, 0, 0)
    assert conlleval_figures(by_conlleval(gold, predicted)["overall"]["chunks"]) == (0, 0, 0)
    assert "\nf1 = 0.0000\n" in format_entity_scores(scores)


def test_entity_without_b_counts_except_in_strict_scores():
    scores = entity_scores([["O", "B-X", "I-X"]], [["O", "I-X", "I-X"]], loss=0.0)
    assert figures(scores) == (1, 1, 1)
    assert figures(scores, "strict_") == (0, 0, 0)
    assert scores["token_accuracy"] == 2 / 3


def test_entities_are_compared_within_one_text():
    scores = entity_scores([["B-X"], ["O"]], [["O"], ["B-X"]], loss=0.0)
    assert figures(scores) == (0, 0, 0)
    assert (scores["errors"]["X"]["missed"], scores["errors"]["X"]["spurious"]) == (1, 1)


def counts(table):
    """Returns the nonzero counts of a table of errors."""
    return {
        kind: {name: value for name, value in row.items() if value} for kind, row in table.items()
    }


def test_errors_match_values_worked_out_by_hand(scores):
    assert counts(scores["errors"]) == {
        "LOC": {"wrong_type": 1, "wrong_boundary": 1, "taken_for": {"ORG": 1}},
        "ORG": {"right": 1, "taken_for": {"ORG": 1}},
        "PER": {"right": 1, "spurious": 1, "taken_for": {"PER": 1}},
        "creative-work": {"wrong_type": 1, "taken_for": {"LOC": 1}},
    }


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ([(0, 2, "X")], [(0, 2, "X")], {"X": {"right": 1, "taken_for": {"X": 1}}}),
        ([(0, 2, "X")], [(0, 2, "Y")], {"X": {"wrong_type": 1, "taken_for": {"Y": 1}}, "Y": {}}),
        ([(0, 2, "X")], [(1, 2, "X")], {"X": {"wrong_boundary": 1}}),
        ([(0, 2, "X")], [(1, 5, "Y")], {"X": {"wrong_type_and_boundary": 1}, "Y": {}}),
        # Spans that only touch do not overlap.
        ([(0, 2, "X")], [(2, 3, "X")], {"X": {"missed": 1, "spurious": 1}}),
        # The entity with the largest overlap counts, whatever its type.
        (
            [(0, 5, "X")],
            [(0, 3, "Y"), (3, 5, "X")],
            {"X": {"wrong_type_and_boundary": 1}, "Y": {}},
        ),
        # In a tie, the entity of the correct type counts, then the first one.
        ([(0, 4, "X")], [(0, 2, "Y"), (2, 4, "X")], {"X": {"wrong_boundary": 1}, "Y": {}}),
        (
            [(0, 4, "X"), (4, 6, "Z")],
            [(0, 2, "Y"), (2, 5, "Z")],
            {
                "X": {"wrong_type_and_boundary": 1},
                "Y": {},
                "Z": {"wrong_boundary": 1},
            },
        ),
        # One predicted entity overlaps two gold ones.
        (
            [(0, 2, "X"), (2, 4, "Y")],
            [(0, 4, "X")],
            {"X": {"wrong_boundary": 1}, "Y": {"wrong_type_and_boundary": 1}},
        ),
    ],
)
def test_each_kind_of_error_is_counted(gold, predicted, expected):
    assert counts(error_table([gold], [predicted])) == expected


@checked
@given(corpus=corpora)
def test_errors_add_up_to_the_gold_entities(corpus):
    gold, predicted = as_tags(corpus)
    scores = entity_scores(gold, predicted, loss=0.0)
    table = scores["errors"]
    assert table.keys() == scores["types"].keys()
    right = alone = 0
    for tags, new in zip(gold, predicted):
        right += len(set(spans_of(tags)) & set(spans_of(new)))
        alone += sum(all(tag == "O" for tag in tags[a:b]) for a, b, _ in spans_of(new))
    assert sum(row["right"] for row in table.values()) == right
    assert sum(row["spurious"] for row in table.values()) == alone
    for kind, row in table.items():
        assert sum(row[name] for name in ERRORS) == scores["types"][kind]["support"]
        assert row["taken_for"][kind] == row["right"]
        assert sum(row["taken_for"].values()) == row["right"] + row["wrong_type"]


def test_text_shows_the_scores():
    gold = cut(["B-PER I-PER O B-LOC", "B-PER O"])
    predicted = cut(["B-PER I-PER O B-PER", "O B-LOC"])
    text = format_entity_scores(entity_scores(gold, predicted, loss=0.5))
    figures, types, errors = ([line.split() for line in part.split("\n")] for part in
                              text.strip().split("\n\n"))  # fmt: skip
    assert [(name, value) for name, _, value in figures] == [
        ("num_sentences", "2"), ("num_words", "6"), ("loss", "0.5000"),
        ("token_accuracy", "0.5000"), ("precision", "0.3333"), ("recall", "0.3333"),
        ("f1", "0.3333"), ("macro_precision", "0.2500"), ("macro_recall", "0.2500"),
        ("macro_f1", "0.2500"), ("strict_precision", "0.3333"), ("strict_recall", "0.3333"),
        ("strict_f1", "0.3333"),
    ]  # fmt: skip
    assert types == [
        ["type", "precision", "recall", "f1", "support"],
        ["LOC", "0.0000", "0.0000", "0.0000", "1"],
        ["PER", "0.5000", "0.5000", "0.5000", "2"],
    ]
    assert errors[1:] == [
        ["type", "LOC", "PER", "|", "missed", "wrong", "boundary", "wrong", "both", "spurious"],
        ["LOC", "0", "1", "|", "0", "0", "0", "1"],
        ["PER", "0", "1", "|", "1", "0", "0", "0"],
    ]
