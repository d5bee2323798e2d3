"""The text of --help and --helpfull, and the page docs/flags.md, from the flags' declarations."""

import dataclasses
import textwrap
from typing import Dict, Iterator, List, Sequence, Type

from finetune.config.config import Config
from finetune.config.flags import GROUPS, Flag, flag_of

_WIDTH = 96


def short_help(program: str, summary: str, config_class: Type[Config]) -> str:
    """Returns the text of --help: examples and the most used flags, by group."""
    fields = [field for field in dataclasses.fields(config_class) if flag_of(field).common]
    total = len(dataclasses.fields(config_class))
    lines = [summary, "", f"usage: python {program} --flag=value ..."]
    for purpose, example in config_class.examples:
        lines += ["", f"  {purpose}", f"      python {program} {example}"]
    lines += list(_grouped(fields))
    lines += ["", f"python {program} --helpfull lists all {total} flags; docs/ explains them."]
    return "\n".join(lines)


def full_help(program: str, summary: str, config_class: Type[Config]) -> str:
    """Returns the text of --helpfull: all flags, by group."""
    usage = f"usage: python {program} --flag=value ..."
    return "\n".join([summary, "", usage, *_grouped(dataclasses.fields(config_class))])


def _grouped(fields: Sequence[dataclasses.Field]) -> Iterator[str]:
    for group, title in GROUPS.items():
        members = [field for field in fields if flag_of(field).group == group]
        if members:
            yield from ("", f"{title}:")
        for field in members:
            yield f"  --{field.name}"
            yield from textwrap.wrap(
                _description(field), _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6
            )


def _description(field: dataclasses.Field) -> str:
    default = "" if field.default is None else f" Default: {_shown(field.default)}."
    return flag_of(field).help + default


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def flags_page(programs: Dict[str, Type[Config]]) -> str:
    """Returns docs/flags.md: every flag of every script, by group.

    Args:
      programs: The configuration of each script, by the script's name.
    """
    lines = [
        "# Flags",
        "",
        "Every flag of "
        + " and ".join(f"`{program}`" for program in programs)
        + ". This page is generated from their declarations by `python "
        "scripts/make_flags_page.py`.",
        "",
        "The columns on the right say what a flag means beyond one run: whether another value "
        "makes "
        "another training (**identity**), whether an unfinished training can only be resumed with "
        "the "
        "same value (**fixed**), and whether the model remembers it for later runs (**kept**).",
    ]
    for group, title in GROUPS.items():
        lines += ["", f"## {title}", "", "| flag | script | meaning | |", "|---|---|---|---|"]
        for name, rows in _by_name(programs, group).items():
            for field, of_programs in rows:
                where = "all" if len(of_programs) == len(programs) else ", ".join(of_programs)
                cells = (f"`--{name}`", where, _description(field), _meaning(flag_of(field)))
                lines.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return "\n".join(lines) + "\n"


def _by_name(programs: Dict[str, Type[Config]], group: str) -> Dict[str, List]:
    """Returns the fields of a group by name, each with the scripts that declare it so."""
    found: Dict[str, List] = {}
    for program, config_class in programs.items():
        for field in dataclasses.fields(config_class):
            if flag_of(field).group != group:
                continue
            rows = found.setdefault(field.name, [])
            same = [row for row in rows if _description(row[0]) == _description(field)]
            if same:
                same[0][1].append(program)
            else:
                rows.append((field, [program]))
    return found


def _meaning(flag: Flag) -> str:
    parts = [name for name in ("identity", "fixed", "kept") if getattr(flag, name)]
    parts += [f"requires `--{condition.replace('|', '` or `--')}`" for condition in flag.requires]
    parts += [f"not with `--{name}`" for name in flag.excludes]
    return ", ".join(parts)
