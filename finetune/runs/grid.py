"""The settings that --grid stands for."""

import dataclasses
import itertools
import re
from typing import Any, Dict, List, Sequence, Type

from finetune.config.config import Config
from finetune.config.flags import flag_of
from finetune.util.errors import UsageError

Settings = Dict[str, Any]  # A value for each flag of the grid


def parse_grid(grid: str, config_class: Type[Config] = Config) -> List[Settings]:
    """Returns the combinations of a grid, for example of "learning_rate=1e-5,3e-5 "
    "freeze_layers=0,2".

    Raises:
      UsageError: An item is not a numeric flag of a training with numbers, or names one twice.
    """
    known = _numeric_flags(config_class)
    axes: Dict[str, List[Any]] = {}
    for item in re.split(r"[;\s]+", grid.strip()):
        name, equals, values = item.partition("=")
        name = name.lstrip("-")
        if not equals or name not in known:
            raise UsageError(
                f"--grid: found {item!r}; expected name=number,number pairs separated by spaces, "
                f"with these names: {', '.join(known)}."
            )
        if name in axes:
            raise UsageError(f"--grid: {name} is given twice.")
        field = known[name]
        axes[name] = [_number(text, type(field.default), item) for text in values.split(",")]
        _check_bounds(field, axes[name])
        if len(set(axes[name])) < len(axes[name]):
            raise UsageError(f"--grid: {item!r} contains a value twice.")
    return [dict(zip(axes, values)) for values in itertools.product(*axes.values())]


def _numeric_flags(config_class: Type[Config]) -> Dict[str, dataclasses.Field]:
    """Returns the flags that a grid can vary: numbers that identify a training, except the seed."""
    return {
        field.name: field
        for field in dataclasses.fields(config_class)
        if flag_of(field).identity and type(field.default) in (int, float) and field.name != "seed"
    }


def _number(text: str, number_type: type, item: str) -> Any:
    try:
        return number_type(text)
    except ValueError as error:
        kind = "whole numbers" if number_type is int else "numbers"
        raise UsageError(f"--grid: found {text!r} in {item!r}; expected {kind}.") from error


def _check_bounds(field: dataclasses.Field, values: Sequence[Any]) -> None:
    bounds = flag_of(field).bounds
    least, most = bounds.get("lower_bound"), bounds.get("upper_bound")
    for value in values:
        if (least is not None and value < least) or (most is not None and value > most):
            limits = [f"at least {least}"] if least is not None else []
            limits += [f"at most {most}"] if most is not None else []
            raise UsageError(f"--grid: {field.name}={value}; expected {' and '.join(limits)}.")
