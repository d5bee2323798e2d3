"""The files of an evaluation, which name the file that was scored and stand side by side."""

import glob
import itertools
import os
import re
from typing import Any, List, NamedTuple, Optional

from finetune.output import names
from finetune.util.errors import InputError
from finetune.util.json_files import read_json_object


class ScoreFiles(NamedTuple):
    """The names of the files of an evaluation.

    Attributes:
      scored: The path of the file that was scored.
      text: Name of the file of scores as text.
      json: Name of the file of scores as JSON.
      report: Name of the page.
    """

    scored: str
    text: str = names.EVAL_TEXT
    json: str = names.EVAL_JSON
    report: str = names.REPORT


def files_for(output_dir: str, scored: str) -> ScoreFiles:
    """Returns the files for the scores of a file other than the model's dev file.

    They are named after the file, and numbered if another file of the same name was scored before.
    """
    stem = _stem_of(scored)
    for number in itertools.count(1):
        name = stem if number == 1 else f"{stem}-{number}"
        files = ScoreFiles(
            scored,
            names.EVAL_TEXT_OF.format(name),
            names.EVAL_JSON_OF.format(name),
            names.REPORT_OF.format(name),
        )
        if is_free(output_dir, files):
            return files
    raise AssertionError("Counting never ends.")


def _stem_of(scored: str) -> str:
    name = os.path.basename(scored.rstrip("/")).partition(".")[0]
    return re.sub(r"[^\w-]+", "_", name) or "file"


def written_in(output_dir: str) -> List[str]:
    """Returns the paths of the files that `files_for` has named, those in JSON last.

    A user's file can have such a name, too. The files of a name are the toolkit's only if the one
    in JSON contains the path that the name is made from.
    """
    start, end = names.EVAL_JSON_OF.split("{}")
    found = glob.glob(os.path.join(glob.escape(output_dir), f"{start}*{end}"))
    stems = [os.path.basename(path)[len(start) : -len(end)] for path in sorted(found)]
    ours = [stem for stem in stems if _is_ours(output_dir, stem)]
    paths = [
        os.path.join(output_dir, pattern.format(stem))
        for pattern in names.SCORES_OF
        for stem in ours
    ]
    return [path for path in paths if os.path.isfile(path)]


def _is_ours(output_dir: str, stem: str) -> bool:
    try:
        scored = _scored_file(os.path.join(output_dir, names.EVAL_JSON_OF.format(stem)))
    except InputError:
        return False
    if not isinstance(scored, str):
        return False
    return re.fullmatch(re.escape(_stem_of(scored)) + r"(-\d+)?", stem) is not None


def is_free(output_dir: str, files: ScoreFiles) -> bool:
    """Returns whether there are no scores in these files yet, or older ones of the same file."""
    path = os.path.join(output_dir, files.json)
    return not os.path.exists(path) or same_path(_scored_file(path), files.scored)


def _scored_file(path: str) -> Optional[Any]:
    advice = "Delete the file."
    return read_json_object(path, kind="the scores of an evaluation", advice=advice).get("file")


def same_path(first: Any, second: Any) -> bool:
    """Returns whether two paths are set and name the same file."""
    is_set = isinstance(first, str) and isinstance(second, str) and first and second
    return bool(is_set) and os.path.realpath(first) == os.path.realpath(second)
