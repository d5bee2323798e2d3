"""Which of several evaluations is the best."""

from finetune.output.best_model import Goal


def test_goals_by_hand():
    evaluations = [{"f1": None}, {"f1": 0.5}, {"f1": 0.75}, {"f1": 0.75}, {"f1": 0.7}]
    assert Goal("f1").best_of(evaluations) is evaluations[2]  # The first of two equal ones
    assert Goal("f1").evaluations_since_best(evaluations) == 2
    losses = [{"loss": 0.5}, {"loss": 0.25}, {"loss": 0.3}]
    assert Goal("loss").best_of(losses) is losses[1]
    nested = {"labels": {"a": {"f1": 0.5}}}
    assert Goal("labels/a/f1").value_of(nested) == 0.5
