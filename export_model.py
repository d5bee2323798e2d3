# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Exports a trained model for use elsewhere.

python export_model.py --output_dir=OUT --to=huggingface --export_dir=DIR
python export_model.py --output_dir=OUT --to=saved_model --export_dir=DIR
python export_model.py --output_dir=OUT --to=onnx --export_dir=DIR
"""

import sys

from finetune.util import script

if __name__ == "__main__":  # Before the other imports, which take long enough for a signal.
    sys.exit(script.run("export_model.py", script.main_of("export_model")))

import argparse
import logging
import os
from typing import List

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from finetune.runs.export import FORMATS, ExportRequest, export
from finetune.util.arguments import ArgumentParser
from finetune.util.errors import BUG, InputError, UsageError
from finetune.util.files import is_full_disk, user_path_errors
from finetune.util.log import set_up_logging
from finetune.util.paths import local_path


def main(argv: List[str]) -> int:
    """Runs the script and returns its exit status."""
    args = _make_parser().parse_args(argv[1:])
    set_up_logging()
    try:
        request = _make_request(args)
        with user_path_errors((request.output_dir, request.export_dir)):
            export(args.to, request)
    except UsageError as error:
        logging.error("export_model.py: %s", error)
        return 2
    except InputError as error:
        logging.error("export_model.py: %s", error)
        return 1
    except Exception as error:
        if is_full_disk(error):
            logging.error("export_model.py: no space is left on the disk of %s.", args.export_dir)
            return 1
        logging.critical("export_model.py: %s", BUG)
        raise
    return 0


def _make_parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="export_model.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--output_dir", required=True, help="directory of the trained model")
    parser.add_argument("--to", required=True, choices=tuple(FORMATS), help="format")
    parser.add_argument(
        "--export_dir",
        required=True,
        help="new folder to write; for a SavedModel, it can contain other versions",
    )
    parser.add_argument(
        "--without_crf", action="store_true", help="export a tagger without its CRF"
    )
    _add_quantization(parser)
    return parser


def _add_quantization(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--quantize",
        default="",
        choices=("int8",),
        help="onnx: add a quantised copy if its score on the dev data is high enough",
    )
    parser.add_argument(
        "--max_quality_loss",
        type=float,
        default=0.5,
        help="maximum drop in the score of the quantised copy, in points (default: 0.5)",
    )
    parser.add_argument(
        "--dev_file",
        default="",
        help="file to score it on (default: the dev data of the training run)",
    )


def _make_request(args: argparse.Namespace) -> ExportRequest:
    output_dir = local_path(args.output_dir, "output_dir")
    export_dir = local_path(args.export_dir, "export_dir")
    from processors import PROCESSORS  # A user's file, which can import anything.

    return ExportRequest(
        output_dir,
        export_dir,
        PROCESSORS,
        without_crf=args.without_crf,
        quantize=args.quantize,
        max_quality_loss=args.max_quality_loss,
        dev_file=local_path(args.dev_file, "dev_file"),
    )
