"""The task of classifiers: how its examples are stratified."""

from finetune.tasks.classification.config import ClassifierConfig
from finetune.tasks.classification.task import Classification
from tests.tasks.classification.reading import examples


def stratum_of(problem_type):
    config = ClassifierConfig(output_dir="out", do_train=True, problem_type=problem_type)
    return Classification.stratum_of(config)


def test_strata_depend_on_the_problem_type():
    first, same, other, none = map(stratum_of("multi_label"), examples("a,b", "b, a", "a", ""))
    assert first == same
    assert len({first, other, none}) == 3
    assert list(map(stratum_of("single_label"), examples("a", "b"))) == ["a", "b"]
    assert len(set(map(stratum_of("regression"), examples("1", "2")))) == 1
