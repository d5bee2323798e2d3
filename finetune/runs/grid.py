"""Parse --grid into the combinations of settings that it describes."""

import dataclasses
import itertools
import re
from typing import Dict, List, Sequence, Type, Union

from finetune.config.config import Config
from finetune.config.flags import flag_of
from finetune.util.errors import UsageError

_DEFAULTS_BY_SIZE = ("learning_rate", "num_train_epochs")

Settings = Dict[str, Union[int, float]]  # The value of each flag in the grid


def parse_grid(grid: str, config_class: Type[Config] = Config) -> List[Settings]:
    """Returns the combinations of a grid, for example "weight_decay=0,0.1 freeze_layers=0,2".

    Raises:
      UsageError: An item is not a numeric training flag with its values, or a name or a value
        occurs twice.
    """
    known = _numeric_flags(config_class)
    axes: Dict[str, List[Union[int, float]]] = {}
    for item in re.split(r"[;\s]+", grid.strip()):
        name, equals, values = item.partition("=")
        name = name.lstrip("-")
        if not equals or name not in known:
            raise UsageError(
                f"--grid: found {item!r}; expected name=number,number pairs separated by spaces, "
                f"with these names: {', '.join(known)}."
            )
        if name in axes:
            raise UsageError(f"--grid: {name} occurs twice.")
        field = known[name]
        axes[name] = [_number(text, field, item) for text in values.split(",")]
        _check_bounds(field, axes[name])
        if len(set(axes[name])) < len(axes[name]):
            raise UsageError(f"--grid: {item!r} contains a value twice.")
    return [dict(zip(axes, values)) for values in itertools.product(*axes.values())]


def _numeric_flags(config_class: Type[Config]) -> Dict[str, dataclasses.Field]:
    """Returns the flags that a grid can vary: numeric training settings except the seed."""
    return {
        field.name: field
        for field in dataclasses.fields(config_class)
        if flag_of(field).identity
        and (type(field.default) in (int, float) or field.name in _DEFAULTS_BY_SIZE)
        and field.name != "seed"
    }


def _number(text: str, field: dataclasses.Field, item: str) -> Union[int, float]:
    is_whole = isinstance(field.default, int)
    try:
        return int(text) if is_whole else float(text)
    except ValueError as error:
        kind = "whole numbers" if is_whole else "numbers"
        raise UsageError(f"--grid: found {text!r} in {item!r}; expected {kind}.") from error


def _check_bounds(field: dataclasses.Field, values: Sequence[float]) -> None:
    least, most = flag_of(field).lower_bound, flag_of(field).upper_bound
    for value in values:
        if (least is not None and value < least) or (most is not None and value > most):
            limits = [f"at least {least}"] if least is not None else []
            limits += [f"at most {most}"] if most is not None else []
            raise UsageError(f"--grid: {field.name}={value}; expected {' and '.join(limits)}.")
