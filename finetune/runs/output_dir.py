"""Check and create the output directory of a run."""

import os
import tempfile

from finetune.config.config import Config
from finetune.config.flags import names as flag_names
from finetune.output import files
from finetune.util.errors import InputError
from finetune.util.paths import pattern_problem


def check_output_dir(config: Config, starts_over: bool) -> None:
    """Raises `InputError` if --output_dir is unusable, or the run would delete a file it needs."""
    output_dir = os.path.realpath(config.output_dir)
    problem = pattern_problem(output_dir)
    if problem is not None:
        raise InputError(f"--output_dir={config.output_dir}: {problem}")
    if os.path.exists(output_dir) and not os.path.isdir(output_dir):
        raise InputError(f"--output_dir={config.output_dir} is a file; expected a directory.")
    removed = files.outputs(output_dir) if starts_over else []
    for name in flag_names(type(config), lambda flag: flag.is_path):
        path = os.path.realpath(getattr(config, name) or "-")
        # A checkpoint is named by the prefix of its files; split/ is a folder.
        folders = {os.path.dirname(p) for p in removed} - {output_dir}
        if path in {*removed, *folders} or any(p.startswith(path + ".") for p in removed):
            raise InputError(
                f"--overwrite_output_dir=true would delete --{name}={getattr(config, name)}, which "
                "this run needs. Set a different --output_dir."
            )


def make_output_dir(output_dir: str) -> None:
    """Creates the output directory if missing; raises `InputError` if it is not writable."""
    try:
        os.makedirs(output_dir, exist_ok=True)
        tempfile.TemporaryFile(dir=output_dir).close()
    except OSError as error:
        raise InputError(
            f"--output_dir={output_dir} is not writable: {error.strerror}. Choose a different "
            "directory."
        ) from error


def no_trained_model(output_dir: str) -> str:
    """Returns the error message for an --output_dir without a trained model."""
    return (
        f"--output_dir={not_trained(output_dir)} Specify that directory, train first "
        "(--do_train=true), or set a fine-tuned --init_checkpoint."
    )


def not_trained(folder: str) -> str:
    """Returns the error message for a folder without a trained model."""
    found = "is a file" if os.path.exists(folder) else "does not exist"
    if os.path.isdir(folder):
        found = "contains no trained model"
    return f"{folder} {found}; expected the directory of a finished training run."
