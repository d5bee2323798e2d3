"""Every form of question data gives the same questions."""

import json

import pytest

from finetune.tasks.question_answering.processor import QuestionAnsweringProcessor
from finetune.tasks.question_answering.question import UNKNOWN, Answer, are_answered
from finetune.tasks.question_answering.readers import read_questions
from finetune.util.errors import InputError
from tests.support.files import write, write_csv, write_json

CONTEXT = 'Ann said: "Bob, come!"\nThen Bob came.'
ANSWER = {"text": "Ann", "answer_start": 0}


def squad(*qas, context=CONTEXT, **more):
    return {
        "data": [{"title": "T", "paragraphs": [{"context": context, "qas": list(qas)}]}],
        **more,
    }


def read(path, split="dev"):
    return list(read_questions(str(path), split))


def fields(questions):
    return [(q.guid, q.question, q.context, q.answers) for q in questions]


TWO = [
    ("7", "Who spoke?", CONTEXT, [Answer("Ann", 0, 3)]),
    ("b", "Why?", CONTEXT, []),
]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("version", [{}, {"version": "v2.0"}, {"version": 1.1}])
def test_squad_json(tmp_path, indent, version):
    data = squad(
        {"id": 7, "question": "Who spoke?", "answers": [{"text": "Ann", "answer_start": "0"}]},
        {"id": "b", "question": "Why?", "answers": [], "is_impossible": True},
        **version,
    )
    path = write(tmp_path / "dev.json", json.dumps(data, indent=indent))
    questions = read(path)
    assert fields(questions) == TWO
    assert questions[1].where == f"{path}:article 1/paragraph 1/question b"


@pytest.mark.parametrize(
    "answers",
    [
        [{"text": "Ann", "start": 0}],
        [{"text": "Ann", "answer_start": 0.0}],
        {"text": ["Ann"], "answer_start": [0]},
        {"text": ["Ann"], "start": [0]},
        [{"text": "Ann", "answer_start": None, "start": 0}],
    ],
)
@pytest.mark.parametrize("form", ["lines", "list", "data"])
def test_flat_json(tmp_path, answers, form):
    rows = [
        {"id": "7", "question": "Who spoke?", "context": CONTEXT, "answers": answers},
        {"id": "b", "Question": "Why?", "context": CONTEXT, "answers": []},
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if form != "lines":
        text = json.dumps(rows if form == "list" else {"version": "1", "data": rows})
    assert fields(read(write(tmp_path / "dev.jsonl", text))) == TWO


def test_csv_and_tsv(tmp_path):
    rows = [("7", "Who spoke?", CONTEXT, "Ann", "0"), ("b", "Why?", CONTEXT, "", "")]
    header = ("id", "question", "context", "answer", "answer_start")
    assert fields(read(write_csv(tmp_path / "dev.csv", rows, header))) == TWO
    text = 'question\tcontext\tanswers\nWho?\tAnn said "no.\tAnn\n'
    assert fields(read(write(tmp_path / "dev.tsv", text))) == [
        ("dev-1", "Who?", 'Ann said "no.', [Answer("Ann", UNKNOWN, UNKNOWN)])
    ]
    text = 'Context;Question;Text\n"Ann; Bob";Who?;Ann\n'
    assert fields(read(write(tmp_path / "semicolon.csv", text))) == [
        ("dev-1", "Who?", "Ann; Bob", [Answer("Ann", UNKNOWN, UNKNOWN)])
    ]


def test_line_ends_in_a_quoted_cell_are_kept(tmp_path):
    text = (
        'question,context,answer,answer_start\r\nWho?,"Hi\r\n\r\nAnn\n.",Ann,6\r\n\r\nWhy?,x,,\r\n'
    )
    rows = read(write(tmp_path / "dev.csv", text))
    assert [row.context for row in rows] == ["Hi\r\n\r\nAnn\n.", "x"]
    assert QuestionAnsweringProcessor().checked("dev", rows)[0].answers == [Answer("Ann", 6, 9)]


def test_mark_of_a_question_without_an_answer_in_a_table(tmp_path):
    header = "question,context,is_impossible,answer\n"
    rows = read(write(tmp_path / "dev.csv", f"{header}Who?,Ann,False,Ann\nWhy?,Ann,True,\n"))
    assert [len(row.answers) for row in rows] == [1, 0]
    path = write(tmp_path / "wrong.csv", f"{header}Who?,Ann,True,Ann\n")
    with pytest.raises(InputError, match=':2: "is_impossible" is true, but the question has'):
        read(path)
    path = write(tmp_path / "none.csv", "question,context,is_impossible\nWho?,Ann,False\n")
    with pytest.raises(InputError, match=':2: no "answers"; expected a list'):
        read(path)


def test_answers_of_data_to_predict_may_be_invalid(tmp_path):
    data = squad({"id": "a", "question": "Who?", "answers": "nonsense"}, {"question": "Why?"})
    questions = read(write_json(tmp_path / "test.json", data), "test")
    questions = QuestionAnsweringProcessor().checked("test", questions)
    assert [(q.guid, q.answers) for q in questions] == [("a", None), ("test-2", None)]


@pytest.mark.parametrize(
    "qa, context, message",
    [
        ({"question": "Who?", "answers": []}, None, 'no "context"; expected a question and its'),
        ({"question": "Who?", "answers": []}, " \n", 'the "context" is empty; expected text.'),
        ({"question": "Who?", "answers": []}, 7, 'found 7 as "context"; expected a string.'),
        ({"answers": []}, CONTEXT, 'no "question"; expected a question and its context.'),
        ({"question": "\ud83d", "answers": []}, CONTEXT, "half a surrogate pair"),
        ({"question": "Who?"}, CONTEXT, 'no "answers"; expected a list, which is empty if'),
        ({"question": "Who?", "answers": 3}, CONTEXT, 'found 3 as "answers"; expected a list.'),
        ({"question": "Who?", "answers": [3]}, CONTEXT, "found 3; expected an object."),
        ({"question": "Who?", "answers": [{}]}, CONTEXT, "found None as the text of an answer"),
        (
            {"question": "Who?", "answers": [{"text": "Ann", "answer_start": "zero"}]},
            CONTEXT,
            "found 'zero' as the offset of an answer; expected a whole number of characters.",
        ),
        (
            {"question": "Who?", "answers": [{"text": "Ann", "answer_start": True}]},
            CONTEXT,
            "found True as the offset",
        ),
        (
            {"question": "Who?", "answers": [{"text": "Ann", "answer_start": float("nan")}]},
            CONTEXT,
            "found nan as the offset",
        ),
        (
            {"question": "Who?", "answers": [{"text": "Ann", "answer_start": 10**400}]},
            CONTEXT,
            "as the offset of an answer; expected a whole number of characters.",
        ),
        (
            {"question": "Who?", "answers": {"text": ["Ann"], "answer_start": []}},
            CONTEXT,
            "1 answer, but 0 offsets; expected one offset per answer.",
        ),
        (
            {"question": "Who?", "answers": [ANSWER], "is_impossible": True},
            CONTEXT,
            '"is_impossible" is true, but the question has answers.',
        ),
        ({"id": [1], "question": "Who?", "answers": []}, CONTEXT, 'found [1] as "id"; expected'),
        ({"id": "\ud83d", "question": "Who?", "answers": []}, CONTEXT, "the id contains half a"),
    ],
)
def test_bad_question_is_named(tmp_path, qa, context, message):
    path = write_json(tmp_path / "dev.json", squad({"id": "x1", **qa}, context=context))
    with pytest.raises(InputError) as error:
        read(path)
    assert message in str(error.value)
    assert str(error.value).startswith(f"{path}:article 1/paragraph 1/question ")


@pytest.mark.parametrize(
    "text, message",
    [
        ('{"question": "Who?"\n', ":1: not JSON"),
        ('{"data": [', ": not JSON"),
        ('{"data": 3}', ': found 3 as "data"; expected a list.'),
        ('{"data": [{"paragraphs": [{"context": "a"}]}]}', 'found None as "qas"; expected a list'),
        ("Who spoke?\n", ":1: found 'Who spoke?'; expected SQuAD's JSON, JSON lines, or a table"),
        ("question,context\nWho?\n", ":2 has 1 column; the first line has 2"),
    ],
)
def test_file_in_no_known_form(tmp_path, text, message):
    path = write(tmp_path / "dev.txt", text)
    with pytest.raises(InputError) as error:
        read(path)
    assert message in str(error.value) or "not JSON" in message and "not JSON" in str(error.value)
    assert str(error.value).startswith(str(path))


def test_same_id_twice_is_named(tmp_path):
    qa = {"id": "a", "question": "Who?", "answers": [ANSWER]}
    path = write_json(tmp_path / "dev.json", squad(qa, {**qa, "question": "Why?"}))
    where = f"{path}:article 1/paragraph 1/question a"
    with pytest.raises(InputError) as error:
        QuestionAnsweringProcessor().checked("dev", read(path))
    assert str(error.value).startswith(
        f"{where}: the id 'a' is not unique; another question there has the same. Predictions are"
    )
    lines = [json.dumps({"id": "a", "question": "Who?", "context": CONTEXT, "answers": []})] * 2
    path = write(tmp_path / "dev.jsonl", "\n".join(lines))
    with pytest.raises(InputError, match=":2: the id 'a' is not unique; .*:1 has the same"):
        QuestionAnsweringProcessor().checked("dev", read(path))


def test_file_is_the_context_of_a_question(tmp_path):
    path = write(tmp_path / "context.txt", "Ann spoke.\n\nBob came.\n")
    processor = QuestionAnsweringProcessor().with_question("Who spoke?")
    (question,) = processor.read_examples(str(path), "test")
    assert (question.question, question.context) == ("Who spoke?", "Ann spoke.\n\nBob came.")
    assert question.answers is None


@pytest.mark.parametrize(
    "asked, text, message",
    [
        (" ", "Ann spoke.", '--question: the "question" is empty; expected text.'),
        ("Who?", "\n \n", 'context.txt: the "context" is empty; expected text.'),
    ],
)
def test_question_and_file_must_not_be_empty(tmp_path, asked, text, message):
    path = write(tmp_path / "context.txt", text)
    with pytest.raises(InputError) as error:
        QuestionAnsweringProcessor().with_question(asked).read_examples(str(path), "test")
    assert str(error.value).endswith(message)


# As pandas and `datasets` write the rows of Hugging Face's squad.
@pytest.mark.parametrize(
    "cell",
    [
        "{'text': ['Ann', 'Bob'], 'answer_start': [0, 11]}",
        "{'text': array(['Ann', 'Bob'], dtype=object), 'answer_start': array([ 0, 11])}",
        "{'text': array(['Ann',\n 'Bob']), 'answer_start': array([0,\n 11], dtype=int32)}",
        '{"text": ["Ann", "Bob"], "answer_start": [0, 11]}',
        "[{'text': 'Ann', 'answer_start': 0}, {'text': 'Bob', 'answer_start': 11}]",
    ],
)
def test_answers_as_python_prints_them(tmp_path, cell):
    empty = "{'text': array([], dtype=object), 'answer_start': array([], dtype=int32)}"
    rows = [("7", "t", CONTEXT, "Who?", cell), ("b", "t", CONTEXT, "Why?", empty)]
    header = ("id", "title", "context", "question", "answers")
    ann, nobody = read(write_csv(tmp_path / "dev.csv", rows, header))
    assert ann.answers == [Answer("Ann", 0, 3), Answer("Bob", 11, 14)]
    assert nobody.answers == []


@pytest.mark.parametrize("text", ["[1]", "{x}", "[see 'a']", "{'a': 1}", "[" * 9999])
def test_answer_in_brackets_is_a_text(tmp_path, text):
    rows = [("Which?", f"It is {text}.", text)]
    (question,) = read(write_csv(tmp_path / "dev.csv", rows, ("question", "context", "answer")))
    assert question.answers == [Answer(text, UNKNOWN, UNKNOWN)]


def test_one_answer_as_an_object(tmp_path):
    row = {"question": "Who?", "context": CONTEXT, "answer": ANSWER}
    (question,) = read(write(tmp_path / "dev.jsonl", json.dumps(row)))
    assert question.answers == [Answer("Ann", 0, 3)]


def test_data_to_predict_keeps_valid_answers(tmp_path, caplog):
    def checked(*qas):
        path = write_json(tmp_path / "test.json", squad(*qas))
        return QuestionAnsweringProcessor().checked("test", read(path, "test"))

    ann = {"id": 1, "question": "Who?", "answers": [ANSWER]}
    none, invalid = {"id": 2, "question": "Why?"}, {**ann, "id": 3, "answers": [{"start": 1}]}
    questions = checked(ann, none, invalid)
    assert [q.answers for q in questions] == [[Answer("Ann", 0, 3)], None, None]
    assert not are_answered(questions)
    assert not are_answered(checked({**none, "answers": []}))  # Placeholders
    assert are_answered(checked(ann, {**none, "answers": []}))
    elsewhere = {**ann, "answers": [{"text": "Eve", "answer_start": 0}]}
    assert checked(elsewhere)[0].answers is None
    assert "the data to predict are ignored" in caplog.text
    assert "the answer 'Eve' does not occur in the context" in caplog.text
