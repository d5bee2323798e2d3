"""Declarations of flags, with everything that the toolkit needs to know about each.

A flag is a field of a frozen configuration (see `finetune.config.config`). Each field declares how
its flag affects later runs, resuming and other flags. Every list of flags is derived from these
declarations.

Conditions on other flags are written as text; see `finetune.config.conditions`.
"""

import dataclasses
import functools
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    ClassVar,
    Dict,
    List,
    Mapping,
    Optional,
    Protocol,
    Sequence,
    Tuple,
    Type,
    TypedDict,
    TypeVar,
    Union,
)

from absl import flags

if TYPE_CHECKING:
    from typing_extensions import Unpack

FlagValue = Union[bool, str, float, List[str], None]
UNSET: Tuple[FlagValue, ...] = (None, "", [])  # The values of a flag that is omitted or empty

# Types of flags; a flag whose default is None has an Optional type.
AnyDefault = TypeVar("AnyDefault", bound=FlagValue)
AnyText = TypeVar("AnyText", bound=Optional[str])
AnyList = TypeVar("AnyList", bound=Optional[List[str]])
AnyBool = TypeVar("AnyBool", bound=Optional[bool])
AnyInt = TypeVar("AnyInt", bound=Optional[int])
AnyFloat = TypeVar("AnyFloat", bound=Optional[float])


class HasFlags(Protocol):
    """A configuration: a dataclass whose fields declare flags."""

    __dataclass_fields__: ClassVar[Dict[str, "dataclasses.Field[Any]"]]


# The groups of --help, in order.
GROUPS = {
    "data": "Data",
    "model": "Model",
    "training": "Training",
    "evaluation": "Evaluation",
    "output": "Output",
    "hardware": "Hardware",
}

# The type of a flag's value by the function that defines the flag; all others define text.
_TYPES: Mapping[Callable[..., object], Union[type, Tuple[type, ...]]] = {
    flags.DEFINE_list: list,
    flags.DEFINE_bool: bool,
    flags.DEFINE_integer: int,
    flags.DEFINE_float: (int, float),
}
_TYPE_NAMES: Mapping[Callable[..., object], str] = {
    flags.DEFINE_list: "a list of texts",
    flags.DEFINE_bool: "true or false",
    flags.DEFINE_integer: "a whole number",
    flags.DEFINE_float: "a number",
}
_LARGEST = 2**63 - 1  # The largest number that TensorFlow and NumPy can represent


@dataclasses.dataclass(frozen=True)
class Flag:
    """The declaration of a flag, without its name and default.

    Attributes:
      define: The function of `absl.flags` that defines the flag.
      help: One or two sentences, without the default.
      group: A key of `GROUPS`.
      lower_bound: The smallest allowed number.
      upper_bound: The largest allowed number.
      default_if_unset: The default, if the field's own is None; see `Config.value_of`.
      default_if: The flag that must be set for this default to apply; "" if it always applies.
      default_text: The default in words, if it depends on other settings or on the data.
      default_unrecorded: Whether run.json contains null if the flag is unset, although it is part
        of the identity.
      common: Whether the short --help lists it.
      split: "train", "dev" or "test" for a flag that names the file of this split.
      is_path: Whether its value is a path that a run reads.
      identity: Whether a different value makes a different training run.
      before: The value to assume for training runs made before the flag existed.
      head: Whether it determines the layers on top of BERT: a trained model has only one head.
      fixed: Whether a checkpoint can never be resumed with a different value, even on request.
      kept: Whether the model remembers it: a later run that omits the flag uses the same value.
      kept_unless: Conditions under which a later run does not use the remembered value. Nor does a
        run whose flags contradict `requires`.
      as_trained: Whether a run that uses a trained model rejects a value other than the model's.
      about_tables: Whether it describes tables; only processors that read tables accept it.
      training_only: Whether it has an effect only in a training run.
      per_command: Whether it concerns the whole command. If the command trains several times, each
        of its training runs has the default.
      requires: Conditions that must all hold if the flag is set.
      excludes: Flags that cannot be set together with it.
    """

    define: Callable[..., object]
    help: str
    group: str
    lower_bound: Optional[float] = None
    upper_bound: Optional[float] = None
    default_if_unset: FlagValue = None
    default_if: str = ""
    default_text: str = ""
    default_unrecorded: bool = False
    common: bool = False
    split: Optional[str] = None
    is_path: bool = False
    identity: bool = False
    before: FlagValue = None
    head: bool = False
    fixed: bool = False
    kept: bool = False
    kept_unless: Tuple[str, ...] = ()
    as_trained: bool = False
    about_tables: bool = False
    training_only: bool = False
    per_command: bool = False
    requires: Tuple[str, ...] = ()
    excludes: Tuple[str, ...] = ()

    def accepts(self, value: object) -> bool:
        """Returns whether a value has the flag's type and is within its bounds."""
        kind = _TYPES.get(self.define, str)
        if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
            return False
        if isinstance(value, list):
            return all(isinstance(item, str) for item in value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return True
        low, high = self.lower_bound, self.upper_bound
        return (
            abs(value) <= _LARGEST
            and (low is None or low <= value)
            and (high is None or value <= high)
        )

    @property
    def expected(self) -> str:
        """The values that `accepts` returns true for, in words."""
        words = _TYPE_NAMES.get(self.define, "text")
        low, high = self.lower_bound, self.upper_bound
        words += "" if low is None else f", at least {low:g}"
        return words + ("" if high is None else f", at most {high:g}")

    @property
    def choices(self) -> Sequence[str]:
        """The allowed values; none if the flag is not one of several choices."""
        return getattr(self.define, "keywords", {}).get("enum_values", ())

    @property
    def bounds(self) -> Dict[str, float]:
        """The flag's bounds, as keyword arguments of `define`."""
        bounds = {"lower_bound": self.lower_bound, "upper_bound": self.upper_bound}
        return {name: value for name, value in bounds.items() if value is not None}


class FlagOptions(TypedDict, total=False):
    """The optional attributes of `Flag`, as keyword arguments of the functions below."""

    lower_bound: float
    upper_bound: float
    default_if_unset: FlagValue
    default_if: str
    default_text: str
    default_unrecorded: bool
    common: bool
    split: str
    is_path: bool
    identity: bool
    before: FlagValue
    head: bool
    fixed: bool
    kept: bool
    kept_unless: Tuple[str, ...]
    as_trained: bool
    about_tables: bool
    training_only: bool
    per_command: bool
    requires: Tuple[str, ...]
    excludes: Tuple[str, ...]


def string_flag(
    default: AnyText, help_text: str, group: str, **options: "Unpack[FlagOptions]"
) -> AnyText:
    """Declares a flag whose value is text."""
    return _field(flags.DEFINE_string, default, help_text, group, options)


def list_flag(
    default: AnyList, help_text: str, group: str, **options: "Unpack[FlagOptions]"
) -> AnyList:
    """Declares a flag whose value is a comma-separated list."""
    return _field(flags.DEFINE_list, default, help_text, group, options)


def bool_flag(
    default: AnyBool, help_text: str, group: str, **options: "Unpack[FlagOptions]"
) -> AnyBool:
    """Declares a flag that is true or false."""
    return _field(flags.DEFINE_bool, default, help_text, group, options)


def integer_flag(
    default: AnyInt, help_text: str, group: str, **options: "Unpack[FlagOptions]"
) -> AnyInt:
    """Declares a flag whose value is a whole number within `lower_bound` and `upper_bound`."""
    return _field(flags.DEFINE_integer, default, help_text, group, options)


def float_flag(
    default: AnyFloat, help_text: str, group: str, **options: "Unpack[FlagOptions]"
) -> AnyFloat:
    """Declares a flag whose value is a number within `lower_bound` and `upper_bound`."""
    return _field(flags.DEFINE_float, default, help_text, group, options)


def choice_flag(
    default: AnyText,
    values: Sequence[str],
    help_text: str,
    group: str,
    **options: "Unpack[FlagOptions]",
) -> AnyText:
    """Declares a flag whose value is one of `values`, in upper or lower case."""
    define = functools.partial(flags.DEFINE_enum, enum_values=list(values), case_sensitive=False)
    return _field(define, default, f"{help_text} One of {', '.join(values)}.", group, options)


def _field(
    define: Callable[..., object],
    default: AnyDefault,
    help_text: str,
    group: str,
    options: FlagOptions,
) -> AnyDefault:
    flag = Flag(define, help_text, group, **options)
    return dataclasses.field(default=default, metadata={"flag": flag})


def redeclared(
    config_class: Type[HasFlags],
    name: str,
    help_text: Optional[str] = None,
    **options: "Unpack[FlagOptions]",
) -> Any:
    """Declares a flag of a base class again, for one script.

    Args:
      config_class: The base class.
      name: The flag's name.
      help_text: The help text, if it differs.
      options: The attributes of `Flag` that differ.
    """
    field = config_class.__dataclass_fields__[name]
    flag = dataclasses.replace(flag_of(field), **options)
    if help_text is not None:
        flag = dataclasses.replace(flag, help=help_text)
    return dataclasses.field(default=field.default, metadata={"flag": flag})


def flag_of(field: "dataclasses.Field[Any]") -> Flag:
    """Returns the flag that a field of a configuration declares."""
    return field.metadata["flag"]


def names(config_class: Type[HasFlags], chosen: Callable[[Flag], bool]) -> List[str]:
    """Returns the names of the flags for which `chosen` is true, in the order of declaration."""
    return [f.name for f in dataclasses.fields(config_class) if chosen(flag_of(f))]


def split_flags(config_class: Type[HasFlags]) -> Dict[str, str]:
    """Returns, for each split, the name of the flag that names its file."""
    fields = [field for field in dataclasses.fields(config_class) if flag_of(field).split]
    return {str(flag_of(field).split): field.name for field in fields}


def is_set(config: HasFlags, name: str) -> bool:
    """Returns whether a flag differs from its default."""
    return getattr(config, name) != type(config).__dataclass_fields__[name].default
