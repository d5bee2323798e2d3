"""The text of --help and --helpfull, and the rows of docs/flags.md."""

import dataclasses
from typing import List, Optional

from finetune.config.flags import bool_flag, choice_flag, integer_flag, list_flag, string_flag
from finetune.config.help import flags_page, full_help, short_help


@dataclasses.dataclass(frozen=True)
class Small:
    """Flags of an imaginary script."""

    examples = (("Do it:", "--path=x …"),)

    path: str = string_flag("", "Where to write.", "output", common=True)
    do_it: bool = bool_flag(False, "Do it.", "data", common=True, excludes=("speed",))
    speed: Optional[str] = choice_flag(
        None, ("slow", "fast"), "How fast.", "data", identity=True, requires=("do_it|path",)
    )


@dataclasses.dataclass(frozen=True)
class Other(Small):
    """Flags of another script, which describes one of them differently."""

    do_it: bool = bool_flag(True, "Do it | not.", "data")
    rows: int = integer_flag(7, "Rows.", "data", kept=True)


def test_short_help_shows_examples_and_common_flags_by_group():
    assert short_help("small.py", "Does it.", Small).splitlines() == [
        "Does it.",
        "",
        "usage: python small.py --flag=value ...",
        "",
        "  Do it:",
        "      python small.py --path=x …",
        "",
        "Data:",
        "  --do_it",
        "      Do it. Default: false.",
        "",
        "Output:",
        "  --path",
        "      Where to write.",
        "",
        "python small.py --helpfull lists all 3 flags; docs/ explains them.",
    ]


def test_full_help_lists_every_flag_and_the_values_of_choices():
    lines = full_help("small.py", "Does it.", Small).splitlines()
    assert [line for line in lines if line.startswith("  --")] == [
        "  --do_it",
        "  --speed",
        "  --path",
    ]
    assert "      How fast. One of slow, fast." in lines


def test_long_descriptions_are_wrapped():
    @dataclasses.dataclass(frozen=True)
    class Long:
        flag: bool = bool_flag(False, ("word " * 30).strip(), "data")

    lines = full_help("long.py", "", Long).splitlines()[-2:]
    assert lines == ["      " + "word " * 17 + "word", "      " + "word " * 12 + "Default: false."]


def test_default_of_an_unset_flag_is_shown_after_the_help_text():
    @dataclasses.dataclass(frozen=True)
    class Unset:
        rows: Optional[int] = integer_flag(None, "Rows.", "data", default_if_unset=0)
        fast: Optional[bool] = bool_flag(None, "Fast.", "data", default_if_unset=False)
        mark: Optional[str] = string_flag(None, "Mark.", "data", default_if_unset=";")
        steps: Optional[List[str]] = list_flag(None, "Steps.", "data", default_if_unset=["a", "b"])
        no_steps: Optional[List[str]] = list_flag(None, "Steps.", "data", default_if_unset=[])
        speed: Optional[str] = choice_flag(
            None, ("slow", "fast"), "Speed.", "data", default_if_unset="slow", default_if="rows"
        )
        width: Optional[int] = integer_flag(None, "Width.", "data", default_text="half the rows")
        height: Optional[int] = integer_flag(None, "Height.", "data")

    lines = full_help("unset.py", "", Unset).splitlines()
    assert [line.strip() for line in lines if line.startswith("      ")] == [
        "Rows. Default: 0.",
        "Fast. Default: false.",
        'Mark. Default: ";".',
        "Steps. Default: a,b.",
        "Steps. Default: none.",
        "Speed. One of slow, fast. Default with --rows: slow.",
        "Width. Default: half the rows.",
        "Height.",
    ]


def test_flags_page_has_a_row_for_each_description_of_a_flag():
    rows = [
        line
        for line in flags_page({"a.py": Small, "b.py": Other}).splitlines()
        if line.startswith("| `")
    ]
    assert rows == [
        "| `--do_it` | a.py | Do it. Default: false. | not with `--speed` |",
        "| `--do_it` | b.py | Do it \\| not. Default: true. |  |",
        "| `--speed` | all | How fast. One of slow, fast. | identity, requires `--do_it` or "
        "`--path` |",
        "| `--rows` | b.py | Rows. Default: 7. | kept |",
        "| `--path` | all | Where to write. |  |",
    ]
