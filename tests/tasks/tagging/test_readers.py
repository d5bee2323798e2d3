"""Reading tagged texts in each form: no word is lost, and errors name the file and line."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.tasks.tagging.readers import (
    FORMS,
    find_file,
    find_form,
    read_texts,
)
from finetune.tasks.tagging.tag_format import TagFormat
from finetune.tasks.tagging.word_splits import WordSplit
from finetune.util.errors import InputError
from tests.tasks.tagging.reading import GERMEVAL, lines_of, read, words

# Bare text.


def test_bare_texts_are_split_into_words(tmp_path):
    texts = read(tmp_path, "Hi, Anna!\n\n I am\there \n", "test.txt", split="test")
    assert [words(text) for text in texts] == [["Hi", ",", "Anna", "!"], [], ["I", "am", "here"]]
    assert [text.guid for text in texts] == ["test-1", "test-2", "test-3"]
    assert (texts[2].text, texts[2].words) == (" I am\there ", [(1, 2), (3, 5), (6, 10)])
    assert texts[2].place_of_word(1) == f"{tmp_path / 'test.txt'}:3, word 2"
    texts = read(
        tmp_path, "Hi, Anna!\n\n", "test.txt", "text", split="test", word_split="whitespace"
    )
    assert [words(text) for text in texts] == [["Hi,", "Anna!"], []]


# Finding files and detecting their form.


@pytest.mark.parametrize(
    ("name", "content", "need_tags", "form"),
    [
        ("train.txt", "Anna B-PER\n", True, "conll"),
        ("train.tsv", "Anna lives in Paris\n", True, "conll"),
        ("train.json", "", True, "jsonl"),
        ("train.jsonl", "", False, "jsonl"),
        ("texts.txt", "", True, "text_labels"),
        ("texts.txt", "", False, "text_labels"),
        ("test.txt", "Anna B-PER\nis O\n", False, "conll"),
        ("test.txt", "Anna B-PER\n", False, "conll"),
        ("test.txt", "Anna\nis\n\nhere\n", False, "conll"),
        ("test.txt", "-DOCSTART- -X- O\n\nAnna\nis\n\nNo\n", False, "conll"),
        ("test.txt", "Anna lives in Paris\nI am here\n", False, "text"),
        ("test.txt", "Hi\nAnna lives in Paris\n\nI am vitamin B\nNo\n", False, "text"),
        ("test.conll", "Anna NNP B-PER\nis VBZ O\nso RB PER\n", False, "conll"),
    ],
)
def test_form_is_detected_from_name_and_content(tmp_path, name, content, need_tags, form):
    (tmp_path / name).write_text(content)
    assert find_form(str(tmp_path / name), TagFormat(need_tags=need_tags))[0] == form


def test_form_detection_uses_the_specified_columns(tmp_path):
    path = tmp_path / "test.txt"
    path.write_text(GERMEVAL)
    assert find_form(str(path), TagFormat(2, 3, need_tags=False))[0] == "conll"
    path.write_text("Anna NNP\nlives VBZ\n\nin IN\n")
    assert find_form(str(path), TagFormat(tag_column=0, need_tags=False))[0] == "conll"


@pytest.mark.parametrize(
    ("content", "form"),
    [
        ("Paris\nLondon\n\n", "text"),
        ("Paris\n\n# id 7\nLondon\n", "conll"),
        ("Paris\n\nLondon\nNew York\n", "text"),
        ("\n \n", "text"),
        # These texts end in a word that could be a tag.
        ("My blood group is O\n", "text"),
        ("Give me an O\nHello Paris\n", "text"),
    ],
)
def test_one_word_per_line_is_conll_if_blank_lines_separate_sentences(tmp_path, content, form):
    path = tmp_path / "test.txt"
    path.write_text(content)
    assert find_form(str(path), TagFormat(need_tags=False))[0] == form
    # A model of characters, or of words split at whitespace, was not trained on CoNLL columns.
    characters = TagFormat(word_split=WordSplit("characters"), need_tags=False)
    assert find_form(str(path), characters)[0] == "text"


def test_standard_input_is_bare_text():
    assert find_form("-", TagFormat(need_tags=False))[0] == "text"
    assert find_file("anywhere", "-") == "-"


@pytest.mark.parametrize(
    "name",
    ["dev", "dev.txt", "dev.conll", "dev.tsv", "dev.bio", "dev.iob2", "dev.json", "dev/texts.txt"],
)
def test_file_of_a_split_is_found_with_a_usual_extension(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    for other in (name, "train.txt", "dev.tags.txt", "dev2.txt"):
        (tmp_path / other).write_text("a O\n")
    assert find_file(str(tmp_path), "dev") == str(tmp_path / name)


def test_missing_and_ambiguous_files_raise_an_error(tmp_path):
    (tmp_path / "train.xml").write_text("")
    with pytest.raises(
        InputError, match=r"no train data; .*\.conll .*or train/texts\.txt.*train\.xml"
    ):
        find_file(str(tmp_path), "train")
    with pytest.raises(
        InputError, match=r"nowhere: no train data; .*The folder contains: nothing\."
    ):
        find_file(str(tmp_path / "nowhere"), "train")
    (tmp_path / "train.txt").write_text("")
    (tmp_path / "train.jsonl").write_text("")
    with pytest.raises(InputError, match=r"train\.txt and .*train\.jsonl: both contain train"):
        find_file(str(tmp_path), "train")


# Files with any content.


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("random")


CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0\t\n\r\ufeff")
TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "E", "S-X-Y", "U-é"])


@st.composite
def conll_files(draw):
    """Draws a file in columns: (bytes, options, sentences), each sentence as [(word, tag)]."""
    tabs = draw(st.booleans())
    if tabs:
        word = st.text(CHARACTERS, min_size=1, max_size=6).map(lambda w: w.strip(" ")).filter(bool)
    else:
        word = st.text(CHARACTERS.filter(lambda char: char != " "), min_size=1, max_size=6)
    word = st.one_of(
        word, st.sampled_from(["#", "#a", "\u3000", "O", "B-PER", "\u200e", "\u00ad", '"'])
    )
    sentences = draw(
        st.lists(st.lists(st.tuples(word, TAGS), min_size=1, max_size=4), min_size=1, max_size=4)
    )
    width = draw(st.integers(2, 5))
    places = draw(st.permutations(range(width)))[:2]
    signs = draw(st.tuples(st.booleans(), st.booleans()))
    columns = [place - width if sign else place + 1 for place, sign in zip(places, signs)]
    filler = st.lists(
        st.sampled_from(["_", "NN", "12", "#", "O", "B-X"]), min_size=width, max_size=width
    )
    separator = st.just("\t") if tabs else st.sampled_from([" ", "  ", "   "])
    blank = st.lists(st.sampled_from(["", " ", "\t", " \t "]), min_size=1, max_size=3)
    lines = draw(st.sampled_from([[], [""], ["-DOCSTART- -X- O", ""]]))
    for number, sentence in enumerate(sentences):
        lines = lines + (draw(blank) if number else [])
        for pair in sentence:
            cells = draw(filler)
            for place, cell in zip(places, pair):
                cells[place] = cell
            lines.append(draw(separator).join(cells))
    lines += draw(st.sampled_from([[], [""], ["", " ", ""]]))
    line_end = draw(st.sampled_from(["\n", "\r\n"]))
    mark = draw(st.sampled_from(["", "\ufeff"]))
    return (mark + line_end.join(lines)).encode(), TagFormat(*columns), sentences


@settings(deadline=None)
@given(conll_files())
def test_every_word_and_tag_is_read_in_order_with_its_line(folder, case):
    content, options, sentences = case
    path = folder / "sentences.txt"
    path.write_bytes(content)
    texts = read_texts(str(path), "auto", "train", options)
    assert [list(zip(words(text), text.tags)) for text in texts] == sentences
    numbers = [number for text in texts for number in lines_of(text)]
    assert numbers == sorted(set(numbers))
    rows = content.decode().split("\n")
    for text in texts:
        for word, number in zip(words(text), lines_of(text)):
            assert word in rows[number - 1]


@settings(deadline=None)
@given(st.lists(st.text("我爱北京ab \u3000😀", max_size=5), min_size=1, max_size=4), st.data())
def test_every_character_keeps_its_label(folder, lines, data):
    labels = [data.draw(st.text("BIO", min_size=len(line), max_size=len(line))) for line in lines]
    (folder / "texts.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (folder / "labels.txt").write_text("".join(f"{line}\n" for line in labels))
    texts = read_texts(str(folder / "texts.txt"), "auto", "train", TagFormat())
    expected = [
        [(char, tag) for char, tag in zip(line, tags) if not char.isspace()]
        for line, tags in zip(lines, labels)
    ]
    assert [list(zip(words(text), text.tags)) for text in texts] == expected


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 8) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
JSON_SPANS = st.lists(
    st.one_of(
        st.tuples(st.integers(-1, 6), st.integers(-1, 8), st.sampled_from(["X", "Y", ""])),
        st.fixed_dictionaries({}, optional={"start": JSON_VALUES, "end": JSON_VALUES}),
        JSON_VALUES,
    ),
    max_size=3,
)
JSON_LINES = st.one_of(
    st.fixed_dictionaries(
        {"text": st.text(max_size=8) | JSON_VALUES},
        optional={"entities": JSON_SPANS, "label": JSON_SPANS | JSON_VALUES},
    ),
    JSON_VALUES,
).map(json.dumps)
FRAGMENTS = st.sampled_from(
    ["\n", "\r\n", "\n\n", "\t", " ", "O", "B-PER", "I", "B_X", "Anna", "#", "# a b", "-DOCSTART-"]
    + ["北", "\u00a0", "\u200e", "\u2028", "\x85", "\r", "{", "}", '{"text": "a b"}', "\ufeff"]
)
CONTENTS = st.one_of(
    st.binary(max_size=30),
    st.text(max_size=30).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(FRAGMENTS, max_size=20).map(lambda parts: "".join(parts).encode()),
    st.lists(JSON_LINES, max_size=3).map(lambda lines: "\n".join(lines).encode()),
)


@settings(deadline=None, max_examples=200)
@given(
    CONTENTS,
    st.none() | CONTENTS,
    st.sampled_from([(1, -1), (2, 3), (-1, 1), (1, 0), (3, 2)]),
    st.booleans(),
)
def test_any_file_is_read_or_raises_an_error_that_names_it(
    folder, content, labels, columns, need_tags
):
    path, labels_path = folder / "any.txt", folder / "labels.txt"
    path.write_bytes(content)
    labels_path.unlink(missing_ok=True)
    if labels is not None:
        labels_path.write_bytes(labels)
    for form in (*FORMS, "auto"):
        try:
            texts = read_texts(str(path), form, "dev", TagFormat(*columns, need_tags=need_tags))
        except InputError as error:
            assert str(path) in str(error) or str(labels_path) in str(error)
            continue
        for text in texts:
            assert text.tags is None or len(text.tags) == len(text.words)
            ends = [offset for word in text.words for offset in word]
            assert ends == sorted(ends) and (not ends or 0 <= ends[0] <= ends[-1])
            assert all(words(text)) and all(text.place_of_word(i) for i in range(len(text.words)))
