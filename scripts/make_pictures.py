# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Makes README's pictures, docs/images/, from a real check and a real training run.

It needs Chromium, and the model in model_dir/, which scripts/quickstart.sh installs. Run it from
the repository root, inside the environment; it trains for about a minute.
"""

import html
import os
import pathlib
import pty
import shutil
import subprocess
import tempfile
from typing import List, Tuple

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH = 900  # Width of both pictures, in pixels
COLUMNS = 114  # Characters that fit into this width
REPORT_SIZE = (1100, 1575)  # Size of a window that shows the report down to the calibration
COLORS = 256  # Size of the palette, which keeps the files small

MODEL = [
    "--vocab_file=model_dir/vocab.txt --bert_config_file=model_dir/bert_config.json",
    "--init_checkpoint=model_dir/bert_model.ckpt",
]
DATA = "--task_name=binary --data_dir=data --max_seq_length=25"
CHECK = [f"python run_classifier.py --do_check=true {DATA}", MODEL[0]]
TRAIN = [
    f"python run_classifier.py --do_train=true --do_eval=true {DATA}",
    *MODEL,
    "--learning_rate=3e-4 --num_train_epochs=4 --output_dir=/tmp/binary",
]
PAGE = """<meta charset="utf-8"><style>
body {{ margin: 0; padding: 14px 18px; background: #1e2127; }}
pre {{ margin: 0; color: #d7dae0; font: 12.5px/1.36 "DejaVu Sans Mono", monospace; }}
b {{ color: #98c379; font-weight: normal; }} i {{ color: #7f848e; }}
</style><pre>{}</pre>"""


def run_in_terminal(command: List[str], output_dir: str) -> List[str]:
    """Returns the lines that a terminal shows after a command has ended.

    Args:
      command: The lines of the command.
      output_dir: Replaces /tmp/binary in the command; the returned lines show /tmp/binary.
    """
    line = " ".join(command).replace("/tmp/binary", output_dir)
    ours, theirs = pty.openpty()
    # The picture has its own colours, so the output must contain no codes for them.
    environment = {**os.environ, "NO_COLOR": "1"}
    process = subprocess.Popen(["bash", "-c", line], stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b"".join(iter(lambda: _read(ours), b"")).decode()
    if process.wait():
        raise SystemExit(f"{line}: status {process.returncode}\n{shown}")
    text = shown.replace(output_dir, "/tmp/binary").replace("\r\n", "\n")
    # A carriage return moves to the start of the line; the text after it overwrites what was
    # there (a progress count, for example).
    return [line.rpartition("\r")[2] for line in text.rstrip("\n").split("\n")]


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # On Linux, this means that the process has ended
        return b""


def session() -> str:
    """Runs the check and the training command, and writes report.png.

    Returns:
      The terminal's content as HTML.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "binary")
        checked, trained = run_in_terminal(CHECK, out), run_in_terminal(TRAIN, out)
        page = pathlib.Path(out, "report.html")
        page.write_text(page.read_text("utf-8").replace(out, "/tmp/binary"), "utf-8")
        take_screenshot(page, "report.png", REPORT_SIZE)
    start, end = trained.index(checked[1]), trained.index(checked[-1])
    before, after = trained[:start], trained[end + 1 :]
    lines = [_prompt(CHECK), *_wrapped(checked), "", _prompt(TRAIN), *_wrapped(before)]
    return "\n".join([*lines, "<i>[the same report on the data]</i>", *_wrapped(after)])


def _wrapped(lines: List[str]) -> List[str]:
    parts = (line[i : i + COLUMNS] for line in lines for i in range(0, len(line) or 1, COLUMNS))
    return [html.escape(part) for part in parts]


def _prompt(command: List[str]) -> str:
    return "<b>$ " + html.escape(" \\\n    ".join(command)) + "</b>"


def take_screenshot(page: pathlib.Path, name: str, size: Tuple[int, int]) -> None:
    """Writes a picture of the upper part of a page, scaled to WIDTH, to docs/images/.

    Args:
      page: An HTML file.
      name: Name of the picture.
      size: Width and height of the browser's window, in pixels.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit(f"No browser: looked for {', '.join(BROWSERS)}.")
    target = IMAGES / name
    # Without --no-sandbox, Chromium does not start for the root user.
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    options += [f"--window-size={size[0]},{size[1]}", f"--screenshot={target}"]
    subprocess.run([browser, *options, page.resolve().as_uri()], check=True, capture_output=True)
    with Image.open(target) as picture:
        scaled = picture.convert("RGB").resize((WIDTH, WIDTH * size[1] // size[0]))
    scaled.quantize(COLORS, dither=Image.Dither.NONE).save(target, optimize=True)


def main() -> None:
    """Writes report.png and terminal.png."""
    IMAGES.mkdir(exist_ok=True)
    os.chdir(ROOT)
    text = session()
    with tempfile.TemporaryDirectory() as folder:
        page = pathlib.Path(folder, "terminal.html")
        page.write_text(PAGE.format(text), encoding="utf-8")
        take_screenshot(page, "terminal.png", (WIDTH, 28 + 17 * (text.count("\n") + 1)))


if __name__ == "__main__":
    main()
