"""Conditions of flags on other flags.

They are written as text:

    "do_train"                 the flag is set, that is, differs from its default
    "long_text=windows"        the flag has this value
    "task_name changed"        the flag is set, and the trained model has a different value
    "eval_every|num_trials"    at least one of the conditions holds
"""

import dataclasses
from typing import Iterator, List, Mapping, NamedTuple, Optional, Tuple, Type

from absl import flags

from finetune.config.flags import FlagValue, HasFlags, flag_of, is_set


def holds(
    config: HasFlags, condition: str, trained: Optional[Mapping[str, FlagValue]] = None
) -> bool:
    """Returns whether a condition holds; the module's docstring describes the syntax.

    If the configuration lacks the flag because it belongs to another task, the condition holds.

    Args:
      config: The configuration.
      condition: The condition.
      trained: The settings of the trained model, for conditions that end in "changed".
    """
    return any(_holds(config, part, trained or {}) for part in condition.split("|"))


def _holds(config: HasFlags, condition: str, trained: Mapping[str, FlagValue]) -> bool:
    if condition.endswith(" changed"):
        name = condition[: -len(" changed")]
        return is_set(config, name) and getattr(config, name) != trained.get(name)
    name, equals, value = condition.partition("=")
    if not hasattr(config, name):
        return True
    found = getattr(config, name)
    if equals:
        return str(found).lower() == value
    return is_set(config, name)


def rules_out(config: HasFlags, condition: str) -> bool:
    """Returns whether flags that are set have other values than a condition requires."""
    parts = condition.split("|")
    return all(
        "=" in part and not holds(config, part) and is_set(config, flags_in(part)[0])
        for part in parts
    )


def flags_in(condition: str) -> List[str]:
    """Returns the names of the flags in a condition."""
    return [part.partition("=")[0].partition(" ")[0] for part in condition.split("|")]


class Unmet(NamedTuple):
    """A flag that is set but has no effect, or that contradicts another.

    Attributes:
      involves: The flags concerned.
      lacks: The flags that could meet the requirement if a model remembers them.
      message: One sentence, for the user.
    """

    involves: Tuple[str, ...]
    lacks: Tuple[str, ...]
    message: str


def unmet_requirements(config: HasFlags) -> Iterator[Unmet]:
    """Yields each unmet requirement of the flags that are set."""
    for field in dataclasses.fields(config):
        flag, name = flag_of(field), field.name
        if not is_set(config, name) or getattr(config, name) is False:
            continue
        for condition in flag.requires:
            if not holds(config, condition):
                message = f"--{name} requires {_as_text(type(config), condition)}."
                lacks = tuple(flags_in(condition))
                yield Unmet((name, *lacks), lacks, message)
        for other in flag.excludes:
            if getattr(config, other, None) and is_set(config, other):
                message = f"--{name} and --{other} cannot be combined: omit one."
                yield Unmet((name, other), (), message)


def _as_text(config_class: Type[HasFlags], condition: str) -> str:
    parts = []
    for part in condition.split("|"):
        name, equals, _ = part.partition("=")
        is_switch = flag_of(config_class.__dataclass_fields__[name]).define is flags.DEFINE_bool
        parts.append(f"--{part}=true" if is_switch and not equals else f"--{part}")
    return " or ".join(parts)
