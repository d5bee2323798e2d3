"""Generate --help, --helpfull and the page docs/flags.md from the declarations of the flags."""

import dataclasses
import textwrap
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple, Type

from finetune.config.config import Config
from finetune.config.flags import GROUPS, Flag, flag_of

_WIDTH = 96


def short_help(program: str, summary: str, config_class: Type[Config]) -> str:
    """Returns the text of --help: examples and the most common flags, by group."""
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
    flag = flag_of(field)
    value = flag.default_if_unset if field.default is None else field.default
    text = flag.default_text or _shown(value)
    condition = f" with --{flag.default_if.replace('|', ' or --')}" if flag.default_if else ""
    return f"{flag.help} Default{condition}: {text}." if text else flag.help


def _shown(value: object) -> str:
    """Returns a default as text; "" if there is none."""
    if value is None or value == "":
        return ""
    if isinstance(value, list):
        return ",".join(value) or "none"
    if isinstance(value, str) and not value[:1].isalnum():
        return f"'{value}'" if '"' in value else f'"{value}"'
    return str(value).lower() if isinstance(value, bool) else str(value)


def flags_page(programs: Dict[str, Type[Config]]) -> str:
    """Returns docs/flags.md: every flag of every script, by group.

    Args:
      programs: The configuration of each script, by the script's name.
    """
    *others, last = (f"`{program}`" for program in programs)
    scripts = f"{', '.join(others)} and {last}"
    lines = [
        "# Flags",
        "",
        f"Every flag of {scripts}. `python scripts/make_flags_page.py` generates this page from "
        "the flags' declarations.",
        "",
        "The last column shows how a flag affects later runs and other flags: a different value "
        "makes a different training run (**identity**), an unfinished training run can be resumed "
        "only with the same value (**fixed**), and the model remembers the value for later runs "
        "(**kept**).",
    ]
    for group, title in GROUPS.items():
        lines += [
            "",
            f"## {title}",
            "",
            "| flag | script | meaning | effects |",
            "|---|---|---|---|",
        ]
        for name, rows in _rows_by_name(programs, group).items():
            for row in rows:
                where = "all" if len(row.scripts) == len(programs) else ", ".join(row.scripts)
                cells = (f"`--{name}`", where, *_cells(row.field))
                lines.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return "\n".join(lines) + "\n"


class _Row(NamedTuple):
    """A row of the page: a flag, and the scripts for which it means the same."""

    field: dataclasses.Field
    scripts: List[str]


def _rows_by_name(programs: Dict[str, Type[Config]], group: str) -> Dict[str, List[_Row]]:
    """Returns the rows of each flag in a group. A flag has one row per distinct meaning."""
    found: Dict[str, List[_Row]] = {}
    for program, config_class in programs.items():
        for field in dataclasses.fields(config_class):
            if flag_of(field).group != group:
                continue
            rows = found.setdefault(field.name, [])
            same = [row for row in rows if _cells(row.field) == _cells(field)]
            if same:
                same[0].scripts.append(program)
            else:
                rows.append(_Row(field, [program]))
    return found


def _cells(field: dataclasses.Field) -> Tuple[str, str]:
    """Returns the last two cells of a flag's row: its help text, and how it affects later runs."""
    return _description(field), _meaning(flag_of(field))


def _meaning(flag: Flag) -> str:
    parts = [name for name in ("identity", "fixed", "kept") if getattr(flag, name)]
    parts += [f"requires `--{condition.replace('|', '` or `--')}`" for condition in flag.requires]
    parts += [f"not with `--{name}`" for name in flag.excludes]
    return ", ".join(parts)
