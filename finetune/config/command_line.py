"""From a command line to a configuration, by `absl.flags`."""

import dataclasses
from typing import List, Type, TypeVar

import absl.logging  # noqa: F401 (It defines a --verbosity of its own when first imported.)
from absl import flags

from finetune.config.config import Config
from finetune.config.flags import flag_of
from finetune.util.errors import UsageError

AnyConfig = TypeVar("AnyConfig", bound=Config)


def declare_flags(config_class: Type[Config], flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines a flag for each field of a configuration; resets those that are defined already."""
    for field in dataclasses.fields(config_class):
        if field.name in flag_values and _is_of_absl(field.name, flag_values):
            delattr(flag_values, field.name)  # absl's --verbosity is a number
        if field.name in flag_values:
            flag_values[field.name].unparse()
            continue
        flag = flag_of(field)
        flag.define(
            field.name, field.default, help=flag.help, flag_values=flag_values, **flag.bounds
        )


def _is_of_absl(name: str, flag_values: flags.FlagValues) -> bool:
    return (flag_values.find_module_defining_flag(name) or "").startswith("absl.")


def parse_flags(
    argv: List[str],
    config_class: Type[AnyConfig],
    flag_values: flags.FlagValues = flags.FLAGS,
) -> AnyConfig:
    """Parses a command line.

    Args:
      argv: The command line, starting with the program's name.
      config_class: The configuration whose flags are declared.
      flag_values: Where they are declared.

    Raises:
      UsageError: An argument is not a flag, or a value is impossible.
      flags.Error: A flag is unknown or its value has the wrong type.
    """
    try:
        rest = flag_values(argv)[1:]
    except RecursionError as error:  # absl looks for similar flags.
        longest = max(argv[1:], key=len)
        raise UsageError(f"Unknown flag: {longest[:80]!r} … ({len(longest)} characters)") from error
    except ValueError as error:  # A number with more digits than Python reads
        raise UsageError(f"A flag's value is not a number that can be read: {error}") from error
    if rest:
        raise UsageError(
            f"Unexpected argument {rest[0]!r}. Write flags as --name=value, for example "
            "--do_train=false."
        )
    given = {f.name: flag_values[f.name] for f in dataclasses.fields(config_class)}
    # By what is present: tokenization.py declares one of them with a default of its own.
    config = config_class(**{name: flag.value for name, flag in given.items() if flag.present})
    config.check_given()
    return config
