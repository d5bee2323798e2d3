# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Exports a trained model for use elsewhere.

python export_model.py --output_dir=OUT --to=huggingface --export_dir=DIR
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

from finetune.util.errors import BUG, InputError
from finetune.util.files import user_path_errors
from finetune.util.log import set_up_logging
from finetune.util.paths import local_path


def main(argv: List[str]) -> int:
    """Runs the script and returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="export_model.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--output_dir", required=True, help="directory of the trained model")
    parser.add_argument("--to", required=True, choices=("huggingface",), help="format")
    parser.add_argument("--export_dir", required=True, help="new folder to write")
    parser.add_argument("--without_crf", action="store_true", help="leave out a tagger's CRF")
    args = parser.parse_args(argv[1:])
    set_up_logging()
    try:
        output_dir = local_path(args.output_dir, "output_dir")
        export_dir = local_path(args.export_dir, "export_dir")
        from finetune.runs.export import export_to_hugging_face

        with user_path_errors((output_dir, export_dir)):
            export_to_hugging_face(output_dir, export_dir, without_crf=args.without_crf)
    except InputError as error:
        logging.error("export_model.py: %s", error)
        return 1
    except Exception:
        logging.critical("export_model.py: %s", BUG)
        raise
    return 0
