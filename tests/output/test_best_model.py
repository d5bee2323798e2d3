"""The goal that selects the best of several evaluations."""

from finetune.output.best_model import Goal


def test_loss_decides_between_equal_scores():
    evaluations = [
        {"f1": 0.5, "loss": 0.1},
        {"f1": 0.75, "loss": 0.4},
        {"f1": 0.75, "loss": 0.3},
        {"f1": 0.75, "loss": 0.3},
        {"f1": 0.75, "loss": None},
    ]
    assert Goal("f1").best_of(evaluations) is evaluations[2]
    # Only the metric counts for early stopping: it has not improved since the second evaluation.
    assert Goal("f1").evaluations_since_best(evaluations) == 3
    # For regression, whose scores have no loss, the first of equal ones is the best.
    assert Goal("mse").best_of([{"mse": 1.0, "mae": 2.0}, {"mse": 1.0}])["mae"] == 2.0


def test_goal_selects_the_best_evaluation():
    evaluations = [{"f1": None}, {"f1": 0.5}, {"f1": 0.75}, {"f1": 0.75}, {"f1": 0.7}]
    assert Goal("f1").best_of(evaluations) is evaluations[2]  # The first of two equal scores
    assert Goal("f1").evaluations_since_best(evaluations) == 2
    losses = [{"loss": 0.5}, {"loss": 0.25}, {"loss": 0.3}]
    assert Goal("loss").best_of(losses) is losses[1]
    assert Goal("f1").best_of([{"f1": None}, {"f1": float("nan")}, {}]) is None
    assert not Goal("f1").is_better({"f1": None}, None)
    assert Goal("f1").is_better({"f1": 0.5}, {"f1": None})
    assert Goal("f1").evaluations_since_best([{"f1": None}, {"f1": None}]) == 0
    nested = {"labels": {"a": {"f1": 0.5}}}
    assert Goal("labels/a/f1").value_of(nested) == 0.5
