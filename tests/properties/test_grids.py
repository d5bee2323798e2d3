"""Any --grid yields distinct, valid settings or a single error."""

import dataclasses
import itertools
import math

from hypothesis import example, given
from hypothesis import strategies as st

from finetune.runs import trials
from finetune.tasks.tagging.config import NerConfig
from finetune.util.errors import InputError
from tests.support.fuzzing import ANY_TEXT, assert_names_flag_in_one_line, fuzz, parse

GRID_FLAGS = {
    "learning_rate": float, "num_train_epochs": float, "weight_decay": float,
    "max_grad_norm": float, "warmup_proportion": float, "label_smoothing": float,
    "head_learning_rate_factor": float, "layerwise_lr_decay": float, "train_batch_size": int,
    "gradient_accumulation_steps": int, "freeze_layers": int,
}  # fmt: skip


@st.composite
def grids(draw):
    """Draws the values of each flag, and a text for --grid that lists them."""
    names = draw(st.lists(st.sampled_from(sorted(GRID_FLAGS)), min_size=1, max_size=4, unique=True))
    numbers = {float: st.floats(0, 0.9, exclude_min=True), int: st.integers(1, 2**40)}
    axes = {
        name: draw(st.lists(numbers[GRID_FLAGS[name]], min_size=1, max_size=4, unique=True))
        for name in names
    }
    text = draw(st.sampled_from(["", " ", "\n"]))
    for name, values in axes.items():
        if text.strip():
            text += draw(st.sampled_from([" ", ";", "; \t"]))
        text += draw(st.sampled_from(["", "--"])) + f"{name}={','.join(map(repr, values))}"
    return axes, text


@fuzz
@given(grids())
def test_grid_has_each_combination_once_in_order_and_each_is_a_valid_config(case):
    axes, text = case
    points = trials.parse_grid(text)
    assert len(points) == math.prod(map(len, axes.values()))
    assert [tuple(point.values()) for point in points] == list(itertools.product(*axes.values()))
    assert all(list(point) == list(axes) for point in points)
    config = parse(NerConfig, ["--do_train", "--output_dir=out", f"--grid={text}"])
    for point in points[:5]:
        changed = dataclasses.replace(config, **point)
        assert {name: getattr(changed, name) for name in point} == point
        assert all(type(value) is GRID_FLAGS[name] for name, value in point.items())


GRID_PIECES = st.sampled_from(
    [*GRID_FLAGS, "seed", "do_train", "max_seq_length", "grid", "=", "=", "=", ",", " ", ";", "--"]
    + ["1", "2", "0.1", "-1", "1e999", "nan", "x", "\u00a0", "٣", "é", "9" * 5000]
)


@fuzz
@given(st.lists(GRID_PIECES, max_size=12).map("".join) | ANY_TEXT)
@example("")
@example("learning_rate=1,1.0")
@example("learning_rate=1 --learning_rate=2")
@example("learning_rate=1;")
def test_any_text_yields_distinct_grid_points_or_one_error(text):
    try:
        points = trials.parse_grid(text)
    except InputError as error:
        assert_names_flag_in_one_line(error)
        return
    values = [{point[name] for point in points} for name in points[0]]
    assert sum(map(len, values)) == text.count("=") + text.count(",")
    assert len(points) == math.prod(map(len, values))
    for point, other in itertools.combinations(points, 2):
        assert point != other
        assert list(point) == list(other)
    for point in points:
        assert all(type(value) is GRID_FLAGS[name] for name, value in point.items())
