"""How a flag is declared, with everything the toolkit needs to know about it.

A flag is a field of a frozen configuration (see `finetune.config.config`). What the flag means for
a later run, for resuming and for other flags is declared on the field, and every list of flags is
derived from these declarations.

Conditions on other flags are written as text:

    "do_train"                 the flag is set, that is, differs from its default
    "long_text=windows"        the flag has this value
    "task_name changed"        the flag is set, and the trained model has another value
    "eval_every|num_trials"    at least one of several holds
"""

import dataclasses
import functools
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Type,
)

from absl import flags

# The groups of --help, in order.
GROUPS = {
    "data": "Data",
    "model": "Model",
    "training": "Training",
    "evaluation": "Evaluation",
    "output": "Output",
    "hardware": "Hardware",
}


@dataclasses.dataclass(frozen=True)
class Flag:
    """A flag, except for its name and default.

    Attributes:
      define: The function of `absl.flags` that defines it.
      help: One or two sentences.
      group: A key of `GROUPS`.
      bounds: `lower_bound` and `upper_bound` of a number.
      common: Whether the short --help lists it.
      split: "train", "dev" or "test" for a flag that names the file of this split.
      is_path: Whether its value is a path that a run reads.
      identity: Whether another value makes another training.
      before: The value that trainings had before the flag existed.
      head: Whether it determines the layers on top of BERT: a trained model has only one head.
      fixed: Whether no checkpoint can be resumed with another value, not even on request.
      kept: Whether the model remembers it: a later run that omits the flag uses the same value.
      kept_unless: Conditions under which a later run does not use the remembered value.
      training_only: Whether it has no meaning except in a training.
      requires: Conditions, all of which must hold if the flag is set.
      excludes: Flags that cannot be set together with it.
    """

    define: Callable
    help: str
    group: str
    bounds: Mapping[str, float]
    common: bool = False
    split: Optional[str] = None
    is_path: bool = False
    identity: bool = False
    before: Any = None
    head: bool = False
    fixed: bool = False
    kept: bool = False
    kept_unless: Tuple[str, ...] = ()
    training_only: bool = False
    requires: Tuple[str, ...] = ()
    excludes: Tuple[str, ...] = ()


def _field(define: Callable, default: Any, help_text: str, group: str, more: Dict[str, Any]) -> Any:
    names = ("lower_bound", "upper_bound")
    bounds = {name: more.pop(name) for name in names if name in more}
    flag = Flag(define, help_text, group, bounds, **more)
    return dataclasses.field(default=default, metadata={"flag": flag})


def string_flag(default: Optional[str], help_text: str, group: str, **more: Any) -> Any:
    """Declares a flag whose value is text; `more` are attributes of `Flag`."""
    return _field(flags.DEFINE_string, default, help_text, group, more)


def list_flag(default: Optional[List[str]], help_text: str, group: str, **more: Any) -> Any:
    """Declares a flag whose value is a comma-separated list."""
    return _field(flags.DEFINE_list, default, help_text, group, more)


def bool_flag(default: Optional[bool], help_text: str, group: str, **more: Any) -> Any:
    """Declares a flag that is true or false."""
    return _field(flags.DEFINE_bool, default, help_text, group, more)


def integer_flag(default: Optional[int], help_text: str, group: str, **more: Any) -> Any:
    """Declares a flag whose value is a whole number within `lower_bound` and `upper_bound`."""
    return _field(flags.DEFINE_integer, default, help_text, group, more)


def float_flag(default: Optional[float], help_text: str, group: str, **more: Any) -> Any:
    """Declares a flag whose value is a number within `lower_bound` and `upper_bound`."""
    return _field(flags.DEFINE_float, default, help_text, group, more)


def choice_flag(
    default: Optional[str], values: Sequence[str], help_text: str, group: str, **more: Any
) -> Any:
    """Declares a flag whose value is one of `values`, in any case."""
    define = functools.partial(flags.DEFINE_enum, enum_values=list(values), case_sensitive=False)
    return _field(define, default, f"{help_text} One of {', '.join(values)}.", group, more)


def flag_of(field: dataclasses.Field) -> Flag:
    """Returns the flag that a field of a configuration declares."""
    return field.metadata["flag"]


def names(config_class: Type, chosen: Callable[[Flag], Any]) -> List[str]:
    """Returns the names of the flags for which `chosen` is true, in the order of declaration."""
    return [f.name for f in dataclasses.fields(config_class) if chosen(flag_of(f))]


def split_flags(config_class: Type) -> Dict[str, str]:
    """Returns, for each split, the name of the flag that names its file."""
    fields = [field for field in dataclasses.fields(config_class) if flag_of(field).split]
    return {str(flag_of(field).split): field.name for field in fields}


def is_set(config: Any, name: str) -> bool:
    """Returns whether a flag differs from its default."""
    return getattr(config, name) != type(config).__dataclass_fields__[name].default


def holds(config: Any, condition: str, trained: Optional[Mapping[str, Any]] = None) -> bool:
    """Returns whether a condition holds; see the module's docstring for how it is written.

    A configuration that lacks the flag, because it is another task's, meets every condition on it.

    Args:
      config: The configuration.
      condition: The condition.
      trained: The settings of the trained model, for "… changed".
    """
    return any(_holds(config, part, trained or {}) for part in condition.split("|"))


def _holds(config: Any, condition: str, trained: Mapping[str, Any]) -> bool:
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


def flags_in(condition: str) -> List[str]:
    """Returns the names of the flags in a condition."""
    return [part.partition("=")[0].partition(" ")[0] for part in condition.split("|")]


class Unmet(NamedTuple):
    """A flag that is set but useless, or that contradicts another.

    Attributes:
      involves: The flags concerned.
      lacks: The flags that could meet the requirement if a model remembers them.
      message: One sentence, for the user.
    """

    involves: Tuple[str, ...]
    lacks: Tuple[str, ...]
    message: str


def unmet_requirements(config: Any) -> Iterator[Unmet]:
    """Yields each requirement of a flag that is set which does not hold."""
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
                message = f"--{name} and --{other} cannot be combined: leave one out."
                yield Unmet((name, other), (), message)


def _as_text(config_class: Type, condition: str) -> str:
    parts = []
    for part in condition.split("|"):
        name, equals, _ = part.partition("=")
        is_switch = flag_of(config_class.__dataclass_fields__[name]).define is flags.DEFINE_bool
        parts.append(f"--{part}=true" if is_switch and not equals else f"--{part}")
    return " or ".join(parts)
