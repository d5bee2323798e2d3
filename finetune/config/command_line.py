"""Turn a command line into a configuration, with `absl.flags`."""

import dataclasses
from typing import List, Type

import absl.logging  # noqa: F401 (On first import, it defines its own --verbosity.)
from absl import flags

from finetune.config.config import AnyConfig, Config
from finetune.config.flags import flag_of
from finetune.util.errors import UsageError
from finetune.util.paths import local_path

# Flags of Google's scripts that are not needed here, and why.
_FLAGS_TO_LEAVE_OUT = {
    **dict.fromkeys(
        "use_tpu nouse_tpu tpu_name tpu_zone gcp_project master num_tpu_cores "
        "iterations_per_loop".split(),
        "the toolkit does not use TPUs",
    ),
    "verbose_logging": "warnings about the data are always shown",
}


def declare_flags(config_class: Type[Config], flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Defines a flag for each field of a configuration.

    Flags that an earlier call defined are removed first: a Python program can run both scripts, and
    some of their flags share a name but not their values.
    """
    for name in list(flag_values):
        if _defined_in(name, flag_values) == __name__:
            delattr(flag_values, name)
    for field in dataclasses.fields(config_class):
        if field.name in flag_values and _defined_in(field.name, flag_values).startswith("absl."):
            delattr(flag_values, field.name)  # absl's own --verbosity is a number.
        if field.name in flag_values:  # tokenization.py defines one of them.
            flag_values[field.name].unparse()
            continue
        flag = flag_of(field)
        flag.define(
            field.name,
            field.default,
            help=flag.help,
            flag_values=flag_values,
            module_name=__name__,
            **flag.bounds,
        )


def _defined_in(name: str, flag_values: flags.FlagValues) -> str:
    """Returns the name of the module that defined a flag."""
    return flag_values.find_module_defining_flag(name) or ""


def parse_flags(
    argv: List[str],
    config_class: Type[AnyConfig],
    flag_values: flags.FlagValues = flags.FLAGS,
) -> AnyConfig:
    """Parses a command line into a configuration.

    Args:
      argv: The command line, starting with the program's name.
      config_class: The configuration class. `declare_flags` must have defined its flags.
      flag_values: The registry that contains these flags.

    Raises:
      UsageError: An argument is not a flag, or is one of Google's that is not needed here; a value
        is invalid; or flags contradict each other.
      flags.Error: A flag is unknown or its value has the wrong type.
    """
    try:
        rest = flag_values(argv)[1:]
    except RecursionError as error:  # absl recurses when it looks for flags with similar names.
        longest = max(argv[1:], key=len)
        raise UsageError(f"Unknown flag: {longest[:80]!r} … ({len(longest)} characters)") from error
    except flags.UnrecognizedFlagError as error:
        reason = _FLAGS_TO_LEAVE_OUT.get(error.flagname)
        if reason is None:
            raise
        raise UsageError(
            f"--{error.flagname}: leave out this flag of Google's scripts; {reason}."
        ) from error
    except ValueError as error:  # The number has more digits than Python accepts.
        raise UsageError(f"The value of a flag cannot be read as a number: {error}") from error
    if rest:
        raise UsageError(
            f"Unexpected argument {rest[0]!r}. Write flags as --name=value, for example "
            "--do_train=false."
        )
    given = {f.name: flag_values[f.name] for f in dataclasses.fields(config_class)}
    # Only flags on the command line are used: tokenization.py defines one with its own default.
    values = {name: flag.value for name, flag in given.items() if flag.present}
    for name in config_class.path_flags():
        if values.get(name):
            values[name] = local_path(values[name], name, allows_remote=name == "output_dir")
    config = config_class(**values)
    config.check_given()
    return config
