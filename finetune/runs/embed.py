"""Write the sentence vectors of the texts to predict, in the batches of `LoadedModel.embed`."""

import contextlib
import itertools
import logging
import os
from typing import Any, Iterable, Iterator

from finetune.data import row_order
from finetune.data.processor import InputExample
from finetune.output import embeddings, names
from finetune.runs.chunk_model import ChunkModel
from finetune.runs.encoder import Encoder, pooled
from finetune.runs.estimators import trained_checkpoint
from finetune.runs.resolve import Run
from finetune.util.errors import InputError, UsageError
from finetune.util.plurals import count
from finetune.util.progress import tracked

_log = logging.getLogger(__name__)


def check_stream(run: Run) -> None:
    """Raises `UsageError` if standard input, or a pipe, would have to be read twice."""
    config = run.config
    if config.do_embed and config.do_predict and run.data.is_stream("test"):
        raise UsageError(
            "--do_predict and --do_embed cannot both read a stream: use a file, or two commands."
        )


def embed(run: Run) -> None:
    """Writes a vector for each row of the test file, or of standard input until it ends.

    Raises:
      InputError: A row is a pair of texts, or there are no rows.
    """
    config, encoder = run.config, Encoder(run)
    paths = [os.path.join(run.output_dir, n) for n in (names.EMBEDDINGS, names.EMBEDDED_ROWS)]
    truncated = 0
    with contextlib.ExitStack() as stack:
        model = ChunkModel(run, encoder, trained_checkpoint(run))
        stack.enter_context(contextlib.closing(model))
        files = stack.enter_context(embeddings.opened(paths[0], paths[1], encoder.width))
        rows = tracked(_rows(run), "Embedding: ")
        for chunk in row_order.in_chunks(rows, config.predict_batch_size):
            features = encoder.encode(chunk)
            vectors = pooled(model.outputs(features), config.embed_pooling, config.embed_normalize)
            files.write([(row.guid, row.text_a) for row in chunk], vectors)
            truncated += features.num_truncated
        if not files.number:
            raise InputError("No rows in the data to embed; expected at least one.")
    if truncated:
        rows_cut = f"{truncated} of {count(files.number, 'text')}"
        _log.info("%s truncated at --max_seq_length=%d", rows_cut, run.max_seq_length)
    _log.info("Wrote %s to %s", count(files.number, "vector"), " and ".join(paths))


def _rows(run: Run) -> Iterator[InputExample]:
    """Yields the text of each row."""
    for example in _examples(run):
        texts = example.texts
        if len(texts) != 1:
            raise InputError(
                f"{example.place}: found {count(len(texts), 'text')}; --do_embed=true expects one "
                "text per row."
            )
        yield InputExample(example.guid, texts[0], where=example.where)


def _examples(run: Run) -> Iterable[Any]:
    if not run.data.is_stream("test"):
        return run.data.examples("test")
    rows, _ = run.data.stream()
    chunks = row_order.in_chunks(rows, run.config.predict_batch_size)
    return itertools.chain.from_iterable(run.data.checked("test", chunk) for chunk in chunks)
