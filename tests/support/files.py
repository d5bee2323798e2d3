"""Data files and output files: one function for each format, to write and to read it."""

import csv
import json
import pathlib
from typing import Any, Dict, Iterable, List, Sequence, Tuple, Union

from finetune.data.lines import DataPath

_Tags = Sequence[Tuple[str, str]]  # The words of a sentence, each with its tag


def write(path: Union[str, pathlib.Path], content: Union[str, bytes]) -> pathlib.Path:
    """Writes bytes, or text as UTF-8 with its line ends unchanged; creates missing folders."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def write_data(path: pathlib.Path, content: Union[str, bytes], encoding: str = "utf-8") -> DataPath:
    """Writes a data file like `write`; returns its path, to be read in an encoding."""
    return DataPath.of(str(write(path, content)), encoding)


def write_csv(
    path: pathlib.Path, rows: Iterable[Sequence[Any]], header: Sequence[str] = ("text", "label")
) -> pathlib.Path:
    """Writes a CSV file, with quotes only where they are needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as writer:
        csv.writer(writer).writerows([header, *rows])
    return path


def write_tsv(
    path: pathlib.Path, rows: Iterable[Sequence[str]], header: Sequence[str] = ("label", "text")
) -> pathlib.Path:
    """Writes a tab-separated table without quoting."""
    return write(path, "".join("\t".join(row) + "\n" for row in (header, *rows)))


def write_conll(path: pathlib.Path, sentences: Iterable[_Tags], end: str = "\n") -> pathlib.Path:
    """Writes tagged sentences, one word per line.

    Args:
      path: The file to write.
      sentences: The words of each sentence with their tags; a blank line separates two sentences.
      end: The end of the last line.
    """
    blocks = ("\n".join(f"{word}\t{tag}" for word, tag in sentence) for sentence in sentences)
    return write(path, "\n\n".join(blocks) + end)


def write_json(path: pathlib.Path, value: Any) -> pathlib.Path:
    """Writes a JSON file."""
    return write(path, json.dumps(value))


def read_json(path: pathlib.Path) -> Any:
    """Reads a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_jsonl(path: pathlib.Path) -> List[Any]:
    """Reads a file with a JSON value per line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_conll(path: pathlib.Path) -> List[List[List[str]]]:
    """Reads the columns of each word of each sentence; a blank line ends each sentence."""
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    assert blocks.pop() == ""
    return [[line.split(" ") for line in block.strip("\n").split("\n")] for block in blocks]


def read_results(output_dir: pathlib.Path, name: str = "test_results.tsv") -> List[Dict[str, str]]:
    """Reads a classifier's predictions: the cells of each row by column name."""
    with open(output_dir / name, encoding="utf-8", newline="") as reader:
        return list(csv.DictReader(reader, dialect="excel-tab"))
