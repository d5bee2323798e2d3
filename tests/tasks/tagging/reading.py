"""Helpers of tests that read tagged texts."""

from finetune.tasks.tagging.readers import read_texts
from finetune.tasks.tagging.tag_format import TagFormat
from finetune.tasks.tagging.word_splits import WordSplit

GERMEVAL = (
    "#\thttp://de.example/wiki [2009-10-17]\t[2010-01-01]\n"
    "1\tSchartau\tB-PER\tO\n2\tsagte\tO\tO\n3\tdem\tO\tO\n4\tTagesspiegel\tB-ORG\tB-LOCpart\n\n"
    "#\thttp://de.example/wiki\t[2009-10-17]\n1\t#\tO\tO\n2\tBonn\tB-LOC\tO\n\n"
)


def read(tmp_path, content, name="train.txt", form="auto", split="train", labels=None, **options):
    """Reads a file with the given content; `labels` is the content of labels.txt."""
    for file_name, text in ((name, content), ("labels.txt", labels)):
        if text is not None:
            raw = text if isinstance(text, bytes) else text.encode()
            (tmp_path / file_name).write_bytes(raw)
    if "labels_of_numbers" in options:
        options["labels"] = options.pop("labels_of_numbers")
    if "word_split" in options:
        options["word_split"] = WordSplit(options["word_split"])
    return read_texts(
        str(tmp_path / name), form, split, TagFormat(need_tags=split != "test", **options)
    )


def words(text):
    return [text.word(i) for i in range(len(text.words))]


def tagged(texts):
    """Returns each text as one string, "word/TAG word/TAG"."""
    return [" ".join(f"{w}/{t}" for w, t in zip(words(text), text.tags)) for text in texts]


def lines_of(text):
    """Returns the line number of each word, from its place."""
    return [int(text.place_of_word(i).rpartition(":")[2]) for i in range(len(text.words))]
