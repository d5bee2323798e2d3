"""Streams are read as they come: a reader gets each row before the writer writes the next one."""

import pytest

from finetune.data.data_path import has_more
from finetune.data.lines import read_lines
from finetune.tasks.classification.readers import TextFormat, read_rows


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16-le"])
@pytest.mark.parametrize("blank", ["skip", "inner", "all"])
def test_each_line_is_yielded_as_it_comes(pipe, encoding, blank):
    path, say = pipe(encoding)
    lines = read_lines(path, blank)
    for number, text in enumerate(("one", "é", "three"), start=1):
        say(text + "\n")
        assert next(lines) == (number, text)
    if blank == "all":
        say("\n")
        assert next(lines) == (4, "")


def test_the_reader_is_told_of_a_pause_and_can_end_the_stream(pipe):
    path, say = pipe()
    said = iter(["one\n", "two\nthree\n"])
    pauses = []

    def on_pause():
        pauses.append(len(seen))
        text = next(said, None)
        path.stream.stop() if text is None else say(text)

    path.stream.on_pause = on_pause
    seen = []
    for line in read_lines(path):
        seen.append(line)
    assert seen == [(1, "one"), (2, "two"), (3, "three")]
    assert pauses == [0, 1, 3]


def test_a_stream_says_whether_it_has_more(pipe):
    path, say = pipe()
    assert not has_more(path)
    say("one\ntwo\n")
    assert has_more(path)
    lines = read_lines(path)
    next(lines)
    assert has_more(path)
    next(lines)
    assert not has_more(path)
    path.stream.stop()
    assert has_more(path)  # The end comes without waiting.
    assert has_more("a file")


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "text"])
def test_rows_of_a_table_are_yielded_as_they_come(pipe, form):
    path, say = pipe()
    separator = "," if form == "csv" else "\t"
    rows = read_rows(path, TextFormat(form=form), need_label=False)
    if form in ("csv", "tsv"):
        say(separator.join(["text", "id"]) + "\n")
    for i, text in enumerate(("good film", "bad"), start=1):
        json = f'{{"text": "{text}"}}'
        say({"text": text, "jsonl": json}.get(form, separator.join([text, str(i)])) + "\n")
        assert next(rows).text == text
