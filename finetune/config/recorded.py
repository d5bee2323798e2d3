"""Check the settings of a training run that run.json records."""

import dataclasses
from typing import Dict, Mapping, Tuple, Type

from finetune.config.config import Config
from finetune.config.flags import Flag, FlagValue, flag_of
from finetune.util.json_files import SchemaError, shown


def check(settings: Mapping[str, FlagValue], config_class: Type[Config]) -> None:
    """Checks the settings that have the same names as flags of a script.

    Settings that are missing were recorded before their flags existed. The two scripts have flags
    of the same name with different choices, so choices are checked only if the record is of a
    training run by the same script.

    Args:
      settings: The value of each flag by name.
      config_class: The script's configuration.

    Raises:
      SchemaError: A value is one that its flag cannot have.
    """
    fields = {field.name: field for field in dataclasses.fields(config_class)}
    is_same_script = settings.keys() <= fields.keys()
    for name, field in fields.items():
        flag, value = flag_of(field), settings.get(name)
        expected = flag.expected
        if is_same_script and flag.choices:
            expected = " or ".join(flag.choices)
            is_right = value in flag.choices
        else:
            is_right = flag.accepts(value)
        is_needed = is_same_script and _is_always_recorded(flag)
        if name not in settings and is_needed:
            raise SchemaError(f"settings.{name} is missing; expected {expected}")
        can_be_null = field.default is None and not is_needed
        if name in settings and not (is_right or (value is None and can_be_null)):
            raise SchemaError(f"settings.{name} is {shown(value)}; expected {expected}")


def _is_always_recorded(flag: Flag) -> bool:
    """Returns whether the record of every version has the flag's value, also if it is a default."""
    return (
        flag.identity
        and flag.kept
        and flag.default_if_unset is not None
        and flag.before is None
        and not (flag.requires or flag.default_unrecorded)
    )


def split_by_default(
    settings: Mapping[str, FlagValue], config_class: Type[Config]
) -> Tuple[Dict[str, FlagValue], Dict[str, FlagValue]]:
    """Returns the settings that differ from the defaults of a script's flags, and all others.

    Settings that have no value are omitted.
    """
    fields = {field.name: field for field in dataclasses.fields(config_class)}
    changed: Dict[str, FlagValue] = {}
    others: Dict[str, FlagValue] = {}
    for name, value in settings.items():
        if value is None:
            continue
        field = fields.get(name)
        defaults = [] if field is None else [field.default, flag_of(field).default_if_unset]
        (others if value in defaults else changed)[name] = value
    return changed, others
