"""Change labels as they are read: cut them with --label_pattern, name ids with --label_names."""

import dataclasses
import json
import os
import re
from typing import Dict, List, Mapping, Optional, Sequence

from finetune.data.data_path import DataPath
from finetune.data.lines import read_lines
from finetune.util.errors import InputError, UsageError
from finetune.util.paths import local_path

# "3 joy", "3<tab>joy", "3,joy", "3: joy" or "3=joy"
_ID_AND_NAME = re.compile(r"\s*(-?\d+)\s*[\s,;:=]\s*(\S.*)")


@dataclasses.dataclass(frozen=True)
class LabelEdit:
    """How to change each label of a file.

    Attributes:
      pattern: A regular expression; the label becomes its match, or its first group. "" keeps it.
      names: The name of each label id; {} keeps the labels.
      separator: What separates the labels in a cell; "" if a cell has one label.
    """

    pattern: str = ""
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    separator: str = ""

    def apply(self, label: object, where: str) -> object:
        """Returns the changed label, or list of labels.

        Raises:
          InputError: The pattern does not match, or the label has no name.
        """
        if not (self.pattern or self.names) or not label:
            return label
        if isinstance(label, str) and self.separator:
            label = [part for part in label.split(self.separator) if part.strip()]
        if isinstance(label, list):
            return [self._one(item, where) for item in label]
        return self._one(label, where)

    def quietly(self, label: str) -> str:
        """Returns the changed label, or the label itself if it cannot be changed."""
        try:
            return str(self._one(label, ""))
        except InputError:
            return label

    def _one(self, label: object, where: str) -> object:
        if not isinstance(label, str):
            return label
        if self.pattern:
            match = re.search(self.pattern, label)
            if match is None:
                raise InputError(
                    f"{where}: the label {label!r:.60} does not match "
                    f"--label_pattern={self.pattern}."
                )
            label = match[1 if match.re.groups else 0] or ""
        if not self.names or label in self.names.values():
            return label
        if label.strip() not in self.names:
            raise InputError(
                f"{where}: the label {label!r:.60} has no name in --label_names, whose ids are "
                f"{', '.join(self.names):.100}. Names without ids are numbered from 0; to number "
                "them differently, write an id before each name."
            )
        return self.names[label.strip()]


def check_pattern(pattern: Optional[str]) -> None:
    """Raises `UsageError` if a pattern is not a regular expression."""
    try:
        re.compile(pattern or "")
    except re.error as error:
        raise UsageError(
            f"--label_pattern={pattern}: not a regular expression ({error})."
        ) from error


def read_names(given: Sequence[str], encoding: str) -> Dict[str, str]:
    """Returns the name of each label id.

    Args:
      given: The items of --label_names: names, `id=name` pairs, or the path of a file with one of
        either per line, or with a JSON object.
      encoding: The encoding of this file.

    Raises:
      InputError: The file contains JSON that is not an object.
      UsageError: There is no such file, or an id occurs twice.
    """
    lines = list(given)
    if len(lines) == 1 and not _ID_AND_NAME.fullmatch(lines[0]):
        lines = [local_path(lines[0], "label_names")]
    if len(lines) == 1 and os.path.exists(lines[0]):
        path = lines[0]
        lines = [line for _, line in read_lines(DataPath.of(path, encoding)) if line.strip()]
        if lines and lines[0].lstrip().startswith("{"):
            return _names_in_json("\n".join(lines), path)
    elif len(lines) == 1 and not _ID_AND_NAME.fullmatch(lines[0]):
        raise UsageError(
            f"--label_names={lines[0]}: no such file; expected a file, or comma-separated names."
        )
    return _names_in_lines(lines)


def _names_in_lines(lines: List[str]) -> Dict[str, str]:
    matches = [_ID_AND_NAME.fullmatch(line) for line in lines]
    pairs = [(match[1], match[2]) for match in matches if match]
    if len(pairs) < len(lines):  # Some lines have no id, so that digits are part of the names.
        pairs = [(str(number), line) for number, line in enumerate(lines)]
    names = {label_id: name.strip() for label_id, name in pairs}
    if len(names) < len(pairs):
        raise UsageError("--label_names: an id occurs twice.")
    return names


def _names_in_json(text: str, path: str) -> Dict[str, str]:
    try:
        content = json.loads(text)
        names = content.get("id2label", content)  # Hugging Face's config.json has this key.
        return {str(label_id): str(name) for label_id, name in names.items()}
    except (ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: not a JSON object of label ids and their names ({error})."
        ) from error
