"""The columns of files in the forms in which people publish tagged words."""

import pytest

from finetune.tasks.tagging.column_layout import looks_like_columns
from finetune.util.errors import InputError
from tests.tasks.tagging.reading import lines_of, read, tagged, words

EXPECTED = ["Anna/B-PER lives/O", "Rome/B-LOC"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train.tsv", "1\tAnna\tB-PER\n2\tlives\tO\n\n1\tRome\tB-LOC\n"),
        ("train.tsv", "0\tAnna\tB-PER\n1\tlives\tO\n\n0\tRome\tB-LOC\n"),
        ("train.iob2", "# id\n1\tAnna\tB-PER\t-\tx\n2\tlives\tO\t-\tx\n\n1\tRome\tB-LOC\t-\tx\n"),
        ("train.tsv", "token\tpos\tner\nAnna\tNNP\tB-PER\nlives\tVBZ\tO\n\nRome\tNNP\tB-LOC\n"),
        ("train.tsv", "Word\tTag\r\nAnna\tB-PER\r\nlives\tO\r\n\r\nRome\tB-LOC\r\n"),
        ("train.tsv", "tags\twords\nB-PER\tAnna\nO\tlives\n\nB-LOC\tRome\n"),
        ("train.csv", "Sentence #,Word,POS,Tag\nSentence: 1,Anna,N,B-PER\n,lives,V,O\n"
                      "Sentence: 2,Rome,N,B-LOC\n"),
        ("train.tsv", "Sentence: 0\tAnna\tB-PER\nSentence: 0\tlives\tO\n"
                      "Sentence: 1\tRome\tB-LOC\n"),
        ("train.tsv", "sentence_id\tword\tlabel\n7\tAnna\tB-PER\n7\tlives\tO\n9\tRome\tB-LOC\n"),
        ("train.txt", "Anna NNP B-NP B-PER\nlives VBZ B-VP O\n\nRome NNP B-NP B-LOC\n"),
        ("train.conllu", "# text = Anna lives\n1-2\tx\t_\t_\t_\tO\n1\tAnna\t_\t_\t_\tB-PER\n"
                         "2\tlives\t_\t_\t_\t_\n2.1\tx\t_\t_\t_\t_\n\n1\tRome\t_\t_\t_\tB-LOC\n"),
        ("train.tsv", "Anna\tB-PER\nlives\tO\t\n\nRome\tB-LOC\n"),
        ("train.tsv", "3\tAnna\tB-PER\n3\tlives\tO\n\n4\tRome\tB-LOC\n"),
        ("train.tsv", "0\tAnna\tB-PER\n1\tlives\tO\n\n2\tRome\tB-LOC\n"),
        ("train.tsv", "#FORMAT=WebAnno TSV 3.2\n\n#Text=Anna lives\n1-1\t0-4\tAnna\tB-PER\n"
                      "1-2\t5-10\tlives\tO\n\n#Text=Rome\n2-1\t11-15\tRome\tB-LOC\n"),
        ("train.tsv", "Sentence: 1\tAnna\tB-PER\nSentence: 1\tlives\tO\n\n"
                      "Sentence: 2\tRome\tB-LOC\n"),
        ("train.txt", "B-PER Anna\nO lives\n\nB-LOC Rome\n"),
        ("train.txt", "#begin document (a/b); part 000\nAnna B-PER\nlives O\n\n#end document\n"
                      "#begin document (c); part 000\nRome B-LOC\n\n#end document\n"),
        ("train.csv", "Word;Tag\nAnna;B-PER\nlives;O\n\nRome;B-LOC\n"),
        ("train.csv", "sep=;\nAnna;B-PER\nlives;O\n\nRome;B-LOC\n"),
        ("train.txt", "Anna\tB-PER\t\nlives O\n\nRome  B-LOC \n"),
        ("train.bio", "Anna\tU-PER\nlives\tO\n\nRome\tU-LOC\n".replace("U-", "B-")),
    ],
)  # fmt: skip
def test_columns_are_found(tmp_path, name, content):
    assert tagged(read(tmp_path, content, name)) == EXPECTED


def test_columns_about_the_sentence_are_not_the_word(tmp_path):
    content = "d-1 7 Anna B-PER\nd-1 7 lives O\nd-1 7 here O\n\nd-1 8 Rome B-LOC\nd-1 8 is O\n"
    expected = ["Anna/B-PER lives/O here/O", "Rome/B-LOC is/O"]
    assert tagged(read(tmp_path, content)) == expected
    # Blank lines separate documents here, and the numbers of sentences restart.
    content = "1\tA\tO\n1\tb\tO\n2\tC\tO\n2\td\tO\n\n1\tE\tO\n1\tf\tB-X\n"
    assert tagged(read(tmp_path, content)) == ["A/O b/O", "C/O d/O", "E/O f/B-X"]


def test_numbers_are_the_words_if_there_are_no_others(tmp_path):
    assert tagged(read(tmp_path, "1 O\n5 B-LOC\n\n7 O\n")) == ["1/O 5/B-LOC", "7/O"]
    assert tagged(read(tmp_path, "1 O\n2 B-X\n\n1 O\n")) == ["1/O 2/B-X", "1/O"]
    assert tagged(read(tmp_path, "Anna O\nis O\nhere O\n")) == ["Anna/O is/O here/O"]


def test_the_word_text_is_no_header_of_a_table_of_texts(tmp_path):
    assert tagged(read(tmp_path, "text O\nAnna B-X\n")) == ["text/O Anna/B-X"]


def test_sentences_of_a_sentence_column_have_their_lines(tmp_path):
    content = "Sentence: 1,Anna,O\nSentence: 1,is,O\n\nSentence: 2,here,B-X\n"
    texts = read(tmp_path, content.replace(",", "\t"), "train.tsv")
    assert [lines_of(text) for text in texts] == [[1, 2], [4]]
    content = "1-2\tx\t_\tO\n1\tAnna\t_\tO\n1.1\tx\t_\tO\n2\tis\t_\tB-X\n"
    (text,) = read(tmp_path, content, "train.conllu")
    assert words(text) == ["Anna", "is"]
    assert text.place_of_word(0).endswith("train.conllu:2, word 1")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # Two layers of nested entities: the outer one has the types of the inner one and more.
        ("1\ta\tB-X\tO\n2\tb\tI-X\tB-Y\n3\tc\tB-Y\tO\n", "a/B-X b/I-X c/B-Y"),
        # Chunks and entities have different types: the last column is that of the entities.
        ("a\tB-NP\tB-X\nb\tI-NP\tO\nc\tB-VP\tO\n", "a/B-X b/O c/O"),
    ],
)
def test_one_of_several_columns_of_tags_is_chosen(tmp_path, content, expected):
    assert tagged(read(tmp_path, content, "train.tsv")) == [expected]


def test_tags_of_unknown_types_are_not_gold_tags(tmp_path, caplog):
    content = "Anna NNP B-NP\nlives VBZ B-VP\n"
    known = {"known_types": frozenset(["PER"]), "split": "test"}
    (text,) = read(tmp_path, content, "test.txt", **known)
    assert (words(text), text.tags) == (["Anna", "lives"], None)
    assert "column 3 contains tags, but of types that the model does not know" in caplog.text
    (text,) = read(tmp_path, content, "test.txt", tag_column=3, **known)
    assert text.tags == ["B-NP", "B-VP"]
    (text,) = read(tmp_path, "Anna O B-PER B-NP\n", "test.conll", **known)
    assert text.tags == ["B-PER"]


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("test.tsv", "#\thttp://x\t[2009]\t\n1\tAnna\n2\tlives\n\n#\ty\t[2009]\t\n1\tRome\n", {}),
        ("test.txt", "1\tAnna\n2\tlives\n\n1\tRome\n", {"word_column": 2, "tag_column": 0}),
        ("test.txt", "token\tpos\nAnna\tN\nlives\tV\n\nRome\tN\n", {}),
        ("test.conll", "Anna\nlives\n\nRome\n", {}),
        ("test.txt", "Anna N\nlives V\n\nRome N\n", {"tag_column": 0}),
    ],
)  # fmt: skip
def test_columns_to_predict_need_no_tags(tmp_path, name, content, options):
    texts = read(tmp_path, content, name, split="test", **options)
    assert [(words(text), text.tags) for text in texts] == [
        (["Anna", "lives"], None),
        (["Rome"], None),
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("test.txt", "Anna b-per\nlives O\n", r"test\.txt:1: found 'b-per' as the tag \(column 2"),
        ("test.txt", "Anna b-per\nlives b-x\n", r"test\.txt:1: found 'b-per' as the tag"),
        ("test.txt", "Anna PER-B\nlives O\n", r"test\.txt:1: found 'PER-B' as the tag"),
        ("test.txt", "Anna B_PER\nlives O\nhere O\n", r"test\.txt:1: found 'B_PER' as the tag"),
        ("test.txt", "Anna NNP\nis VBZ\n\nBob NNP\nruns VBZ\n", r"test\.txt:1: found 'NNP'.*0 if"),
        ("test.txt", "Anna\tNNP\nlives\tVBZ\n", r"test\.txt:1: found 'NNP' as the tag"),
        ("test.conllu", "Anna lives in Paris\nI am here\n", r"test\.conllu:\d: "),
        ("test.csv", "id,text\n1,Anna lives\n", r"test\.csv:1: a table with a column 'text'"),
        ("test.conll", "Anna B_PER\nlives O\nhere O\n", r"test\.conll:1: found 'B_PER' as the tag"),
        ("test.tsv", "Anna\tPER\nlives\tO\nhere\tO\n", r"test\.tsv:1: found 'PER' as the tag"),
        ("test.txt", "Anna,B-PER\nlives,O\n", r"a word and its tag in one column.*'Anna,B-PER'"),
        ("test.txt", "Anna\u00a0B-PER\nlives\u00a0O\n", r"a word and its tag in one column"),
        ("test.conll", "Anna/B-PER\nlives/O\n", r"a word and its tag in one column"),
        ("test.txt", "Anna B-PER\n# hi there you\nlives O\n", r"test\.txt:2: 4 columns"),
        ("train.txt", "Anna N\tB-PER\nis V\tO\n", r"every word contains a space.*'Anna N'"),
        ("train.conllu", "1\tAnna\t_\n2\tis\t_\n", r"train\.conllu:1: found '_' as the tag"),
        ("train.tsv", "1\t1951\n2\tbis\n", r"train\.tsv:1: found '1951' as the tag"),
    ],
)  # fmt: skip
def test_columns_that_cannot_be_read_raise_an_error(tmp_path, name, content, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, content, name, split=name.partition(".")[0])


def test_words_that_are_tags_raise_an_error(tmp_path):
    with pytest.raises(InputError, match="every word is a tag, for example 'B-PER'"):
        read(tmp_path, "Anna B-PER\nlives O\n", "test.conll", split="test", word_column=2)


@pytest.mark.parametrize("flags", [{"word_column": 2}, {"tag_column": 2}])
def test_column_flags_rule_out_bare_text(tmp_path, flags):
    with pytest.raises(InputError):
        read(tmp_path, "Anna lives in Paris\nI am\n", "test.txt", split="test", **flags)


@pytest.mark.parametrize(
    "text",
    [
        "Anna Smith\nBob Jones\n",
        "Anna Smith\n\nBob Jones\n\nEve Ray\n",
        "Anna lives in Paris.\nI am here.\n",
        "Hello\nWorld\n",
        "One line only\n",
        "He took vitamin B-12\n",
        "Berlin 1990\nParis 1991\n",
        "word word\nword word\n",
        "a\tb\nno tab here\n",
    ],
)
def test_bare_text_is_not_taken_for_columns(tmp_path, text):
    texts = read(tmp_path, text, "test.txt", split="test")
    assert [example.text for example in texts] == text.split("\n")[:-1]


def test_a_word_that_looks_like_a_tag_does_not_make_columns(tmp_path):
    known = {"known_types": frozenset(["PER"]), "split": "test"}
    (text,) = read(tmp_path, "vitamin B-12\n", "test.txt", **known)
    assert words(text) == ["vitamin", "B", "-", "12"]
    with pytest.raises(InputError, match="found 'flew' as the tag .* For bare text, use --data_f"):
        read(tmp_path, "We flew\na B-52\n", "test.txt", **known)


def test_shape_of_columns():
    assert looks_like_columns([["a", "B_X"], ["b", "O"]], is_tabbed=False)
    assert looks_like_columns([["a", "x"], ["b", "y"], [], ["c", "z"], ["d", "z"]], is_tabbed=False)
    assert not looks_like_columns([["a", "x"], ["b", "y"], ["c", "z"]], is_tabbed=False)
    assert not looks_like_columns([["a", "x"], ["b"]], is_tabbed=True)


def test_characters_have_no_spaces_between_them(tmp_path):
    (text,) = read(tmp_path, "我 O\n在 O\n北 B-LOC\n京 I-LOC\n2 O\n0 O\n")
    assert (text.text, text.words[2]) == ("我在北京20", (2, 3))
    (text,) = read(tmp_path, "a O\nb O\n")
    assert text.text == "a b"


def test_separator_at_the_end_of_a_line_is_a_warning(tmp_path, caplog):
    read(tmp_path, "Anna\tO\nis\tO\t\nin\tO\n")
    assert "train.txt:2: a separator at the end of the line, unlike in other lines" in caplog.text
    with pytest.raises(InputError, match="train.txt:2: 3 columns"):
        read(tmp_path, "Anna\tO\nis\tO\tx\nin\tO\n")
