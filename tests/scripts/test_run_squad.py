"""run_squad.py end to end: training, evaluation, prediction, and scores of given answers."""

import json
import shutil

import numpy as np
import pytest

from finetune import load
from finetune.models import checkpoints
from finetune.util.errors import InputError
from tests.support import tiny
from tests.support.commands import ANSWERER, CLASSIFIER, TAGGER, only_line, run, standard_input
from tests.support.files import read_json, read_jsonl, write, write_json
from tests.support.tiny import weights

PEOPLE, PLACES = ("anna", "peter"), ("Paris", "London", "France")
MODES = ("--do_train=true", "--do_eval=true", "--do_predict=true")


def squad(rows):
    """Returns SQuAD's JSON for rows of (context, question, answer or None)."""
    paragraphs = []
    for number, (context, asked, answer) in enumerate(rows):
        start = context.find(answer) if answer else 0
        answers = [{"text": answer, "answer_start": start}] if answer else []
        qas = [{"id": number, "question": asked, "answers": answers}]
        paragraphs.append({"context": context, "qas": qas})
    return {"data": [{"title": "t", "paragraphs": paragraphs}]}


# "🙂" is a wordpiece of its own; a combining mark ends some answers.
ROWS = [
    (f"🙂 {who} lives in {place}\u0301, world.", asked, answer)
    for who in PEOPLE
    for place in PLACES
    for asked, answer in (("place?", f"{place}\u0301"), ("he or she?", who))
]
UNANSWERABLE = [(f"{who} lives in {place}", "day?", None) for who in PEOPLE for place in PLACES]


@pytest.fixture
def data(tmp_path):
    """A folder with data: 18 questions to train on, 9 to evaluate, the same 9 to predict."""
    folder = tmp_path / "data" / "qa"
    write_json(folder / "train.json", squad(ROWS + UNANSWERABLE))
    write_json(folder / "dev.json", squad(ROWS[:6] + UNANSWERABLE[:3]))
    shutil.copy(folder / "dev.json", folder / "test.json")
    return folder


def answer(model, tmp_path, *arguments, **flags):
    """Runs a training command; returns the exit status."""
    defaults = {
        "output_dir": tmp_path / "out",
        "num_train_epochs": 30,
        "max_seq_length": 24,
        "max_query_length": 8,
        "doc_stride": 6,
        "data_dir": tmp_path / "data",
    }
    return run(ANSWERER, *arguments, model=model, **{**defaults, **flags})


def predict(tmp_path, *arguments, **flags):
    """Predicts with the trained model in out/; returns the exit status."""
    return run(ANSWERER, "--do_predict", *arguments, **{"output_dir": tmp_path / "out", **flags})


def assert_slices(rows, contexts):
    for row, context in zip(rows, contexts):
        for each in (row, *row["next_best"]):
            assert context[each["start"] : each["end"]] == each["answer"]
        assert 0 < row["score"] <= 1
        assert 0 <= row["no_answer_probability"] <= 1


def test_google_s_command_then_other_ways_to_ask(model, tmp_path, caplog, capsys):
    train = write_json(tmp_path / "train.json", squad(ROWS))
    dev = write_json(tmp_path / "dev.json", squad(ROWS[:6]))
    flags = {"train_file": train, "predict_file": dev, "doc_stride": 128, "data_dir": None}
    arguments = ("--do_train=True", "--do_predict=True")
    assert answer(model, tmp_path, *arguments, **flags) == 0, caplog.text
    out = tmp_path / "out"
    predictions = read_json(out / "predictions.json")
    assert predictions == {str(i): gold for i, (_, _, gold) in enumerate(ROWS[:6])}
    assert list(predictions) == list("012345")
    nbest = read_json(out / "nbest_predictions.json")["0"]
    assert set(nbest[0]) == {"text", "probability", "start_logit", "end_logit"}
    assert nbest[0]["text"] == predictions["0"]
    assert not (out / "null_odds.json").exists()  # All questions have answers.
    rows = read_jsonl(out / "test_results.jsonl")
    assert_slices(rows, [context for context, _, _ in ROWS])
    keys = {"guid", "question", "answer", "start", "end", "score", "no_answer_probability"}
    assert set(rows[0]) == {*keys, "next_best", "gold"}
    assert [row["gold"] for row in rows] == [[gold] for _, _, gold in ROWS[:6]]
    assert read_json(out / "eval_results-dev.json")["exact_match"] == 100.0
    assert (rows[0]["answer"], rows[0]["start"]) == ("Paris\u0301", 16)

    # Standard input: JSON lines. One question about a file.
    asked = {"id": "x", "question": "place?", "context": ROWS[4][0]}
    capsys.readouterr()
    with standard_input(write(tmp_path / "in.jsonl", json.dumps(asked) + "\n")):
        assert predict(tmp_path, predict_file="-") == 0, caplog.text
    assert json.loads(capsys.readouterr().out)["answer"] == "France\u0301"
    context = write(tmp_path / "context.txt", ROWS[2][0] + "\n")
    assert predict(tmp_path, question="he or she?", context_file=context) == 0, caplog.text
    assert json.loads(capsys.readouterr().out)["answer"] == "anna"
    assert predict(tmp_path, question="place?", context_file=tmp_path / "none.txt") == 1
    assert f"--context_file={tmp_path / 'none.txt'}: no such file." in caplog.records[-1].message

    # From Python.
    with load(out) as loaded:
        found = loaded.predict([(asked, context) for context, asked, _ in ROWS[:6]])
        ignored = {"guid", "gold"}
        assert found == [{k: v for k, v in row.items() if k not in ignored} for row in rows]
        assert loaded.predict(("place?", ROWS[4][0]))["answer"] == "France\u0301"
        with pytest.raises(InputError, match="text 1: found 'place.'; expected a question and its"):
            loaded.predict("place?")
        with pytest.raises(InputError, match='text 1: the "context" is empty; expected text.'):
            loaded.predict([("place?", " ")])

    # Scores, and a page with the marked answers.
    assert run(ANSWERER, "--do_eval", output_dir=out, dev_file=dev) == 0, caplog.text
    scores = read_json(out / "eval_results.json")
    assert (scores["exact_match"], scores["f1"], scores["total"]) == (100.0, 100.0, 6)
    assert 0 < scores["loss"] < 0.5
    wrong = [(*ROWS[0][:2], "anna"), (*ROWS[1][:2], "lives")]
    other = write_json(tmp_path / "wrong.json", squad(wrong))
    assert run(ANSWERER, "--do_eval", output_dir=out, dev_file=other) == 0, caplog.text
    assert read_json(out / "eval_results-wrong.json")["exact_match"] == 0.0
    page = (out / "report-wrong.html").read_text(encoding="utf-8")
    assert "<mark>anna<small>answer</small></mark>" in page
    assert "<mark>Paris\u0301<small>answer</small></mark>" in page
    assert "lives → anna" in page


def test_threshold_is_tuned_kept_and_overridden(model, data, tmp_path, caplog):
    flags = {"eval_every": 36, "num_train_epochs": 24}
    assert answer(model, tmp_path, *MODES, **flags) == 0, caplog.text
    out = tmp_path / "out"
    scores = read_json(out / "eval_results.json")
    assert scores["f1"] == scores["best_f1"] > 60
    threshold = scores["null_score_diff_threshold"]
    for folder in (out, out / "best"):
        facts = read_json(folder / "run.json")["facts"]
        assert facts == {"allows_no_answer": True, "null_score_diff_threshold": threshold}
    odds = read_json(out / "null_odds.json")
    predictions = read_json(out / "predictions.json")
    assert {g for g, text in predictions.items() if not text} == {
        g for g, number in odds.items() if number > threshold
    }
    rows = read_jsonl(out / "test_results.jsonl")
    assert [row["answer"] for row in rows] == list(predictions.values())
    assert_slices(rows, [context for context, _, _ in ROWS[:6] + UNANSWERABLE[:3]])

    # Later runs use it, also from the best model's folder, unless a flag gives another.
    first = (out / "test_results.jsonl").read_text(encoding="utf-8")
    assert predict(tmp_path, predict_file=data / "test.json") == 0, caplog.text
    assert (out / "test_results.jsonl").read_text(encoding="utf-8") == first
    of_predictions = read_json(out / "eval_results-test.json")
    assert of_predictions["f1"] == scores["f1"]
    assert of_predictions["null_score_diff_threshold"] == threshold
    checkpoint = next((out / "best").glob("model.ckpt-*.index")).with_suffix("")
    moved = {"init_checkpoint": checkpoint, "output_dir": tmp_path / "elsewhere"}
    assert predict(tmp_path, predict_file=data / "test.json", **moved) == 0, caplog.text
    assert (tmp_path / "elsewhere" / "test_results.jsonl").read_text(encoding="utf-8") == first
    low, high = min(odds.values()) - 1, max(odds.values())
    flags = {"predict_file": data / "test.json"}
    assert predict(tmp_path, null_score_diff_threshold=low, **flags) == 0
    assert set(read_json(out / "predictions.json").values()) == {""}
    assert predict(tmp_path, null_score_diff_threshold=high, **flags) == 0
    assert "" not in read_json(out / "predictions.json").values()
    assert run(ANSWERER, "--do_eval", output_dir=out, null_score_diff_threshold=low) == 0
    assert read_json(out / "eval_results.json")["NoAns_f1"] == 100.0
    assert read_json(out / "run.json")["facts"]["null_score_diff_threshold"] == threshold

    # The official scores of these predictions are those of the evaluation.
    predict(tmp_path, null_score_diff_threshold=high, **flags)
    given = {
        "dev_file": data / "dev.json",
        "predictions_file": out / "predictions.json",
        "na_prob_file": out / "null_odds.json",
        "na_prob_thresh": threshold,
        "output_dir": tmp_path / "given",
    }
    assert run(ANSWERER, "--do_eval", **given) == 0, caplog.text
    official = read_json(tmp_path / "given" / "eval_results.json")
    assert official.pop("file") == str(data / "dev.json")
    assert official == {name: scores[name] for name in official}


def test_resumed_training_has_the_same_weights(model, data, tmp_path, caplog):
    flags = {"num_train_epochs": 2, "train_batch_size": 4, "save_checkpoints_steps": 3}
    assert answer(model, tmp_path, "--do_train", **flags) == 0, caplog.text
    from finetune.training.hooks import WatchHook

    real, stopped = WatchHook.after_run, tmp_path / "stopped"

    def stop(self, context, values):
        real(self, context, values)
        stop.steps += 1
        if stop.steps == 7:
            raise KeyboardInterrupt

    stop.steps = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WatchHook, "after_run", stop)
        assert answer(model, tmp_path, "--do_train", output_dir=stopped, **flags) != 0
    assert answer(model, tmp_path, "--do_train", output_dir=stopped, **flags) == 0, caplog.text
    assert "Resuming from" in caplog.text
    first, second = weights(tmp_path / "out"), weights(stopped)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def test_folds_trials_and_a_split_keep_contexts_together(model, data, tmp_path, caplog):
    flags = {"num_train_epochs": 1, "train_file": data / "train.json", "data_dir": None}
    assert answer(model, tmp_path, "--do_train", num_folds=2, **flags) == 0, caplog.text
    results = read_json(tmp_path / "out" / "cv_results.json")
    assert set(results["scores"]["f1"]) == {"mean", "std"}
    assert sum(fold["total"] for fold in results["folds"]) == 18
    trials = {"num_trials": 2, "split": "50:50", "output_dir": tmp_path / "trials"}
    assert answer(model, tmp_path, "--do_train", **trials, **flags) == 0, caplog.text
    parts = [
        {row["context"] for row in read_jsonl(tmp_path / "trials" / "split" / f"{name}.jsonl")}
        for name in ("train", "dev")
    ]
    assert len(parts[0] | parts[1]) == 12
    assert not parts[0] & parts[1]
    assert run(ANSWERER, "--do_eval", output_dir=tmp_path / "trials") == 0, caplog.text


def test_checkpoint_of_google_s_script_predicts(model, tmp_path, caplog):
    arrays = tiny.google_arrays(len(tiny.vocabulary()), num_layers=1, seed=3)
    # With equal weights, all scores would be equal but for rounding.
    head = np.random.RandomState(0).normal(size=(2, tiny.HIDDEN))
    arrays["cls/squad/output_weights"] = head.astype(np.float32)
    arrays["cls/squad/output_bias"] = np.zeros(2, np.float32)
    checkpoints.write(str(tmp_path / "squad.ckpt"), arrays)
    flags = {
        "vocab_file": model / "vocab.txt",
        "bert_config_file": model / "bert_config.json",
        "init_checkpoint": tmp_path / "squad.ckpt",
        "predict_file": write_json(tmp_path / "dev.json", squad(ROWS[:3])),
        "max_seq_length": 24,
        "version_2_with_negative": True,
        "n_best_size": 3,
        "max_answer_length": 2,
    }
    assert predict(tmp_path, **flags) == 0, caplog.text
    assert set(read_json(tmp_path / "out" / "null_odds.json")) == {"0", "1", "2"}
    nbest = read_json(tmp_path / "out" / "nbest_predictions.json")
    assert [len(each) for each in nbest.values()] == [4, 4, 4]  # Three answers, and none
    # Without the head of a question-answering model, predictions would be random.
    flags["init_checkpoint"] = model / "bert_model.ckpt"
    flags["output_dir"] = tmp_path / "untrained"
    assert predict(tmp_path, **flags) == 1
    assert "cls/squad/output_weights" in caplog.records[-1].getMessage()


def test_data_report_counts_what_is_unusual(model, tmp_path, capsys):
    long = " ".join(["world"] * 40)
    rows = [
        ("anna lives in Paris", "place?", "Paris"),
        ("anna lives in Paris", "day?", None),
        (f"anna {long} Paris", "place?", f"anna {long}"),
    ]
    train = squad(rows)
    train["data"][0]["paragraphs"][0]["qas"][0]["answers"][0]["answer_start"] = 2
    dev = squad([("anna lives in Paris", "place?", "in Paris")])
    flags = {
        "train_file": write_json(tmp_path / "train.json", train),
        "dev_file": write_json(tmp_path / "dev.json", dev),
        "data_dir": None,
        "output_dir": None,
    }
    assert answer(model, tmp_path, "--do_check", **flags) == 0
    report = " ".join(capsys.readouterr().out.split())
    assert "train: 1 question has an answer not where answer_start says" in report
    assert "train: 1 question has no answer that is inside one window of --max_seq_length" in report
    assert "dev: 1 question is about a context that also occurs in the training data" in report
    assert "dev: 1 text also appears in the training data" in report
    assert "label answer 2 (66.7%) 1 (100.0%)" in report
    assert "label no answer 1 (33.3%) 0 (0.0%)" in report


BAD = [
    ({"do_predict": True, "predictions_file": "p.json"}, "--predictions_file requires --do_eval"),
    (
        {
            "do_eval": True,
            "dev_file": "d.json",
            "predictions_file": "p.json",
            "null_score_diff_threshold": 0.5,
        },
        "--predictions_file and --null_score_diff_threshold cannot be combined",
    ),
    ({"do_predict": True, "question": "Who?"}, "--question requires --context_file"),
    (
        {"do_train": True, "class_weights": "balanced"},
        "--class_weights applies to labels, which answers do not have",
    ),
    (
        {"do_train": True, "max_query_length": 29, "max_seq_length": 32, "train_file": "t.json"},
        "--max_query_length=29 leaves no room for the context in --max_seq_length=32",
    ),
]


@pytest.mark.parametrize("flags, message", BAD)
def test_flags_that_contradict_each_other(model, tmp_path, caplog, flags, message):
    files = {"vocab_file": model / "vocab.txt", "bert_config_file": model / "bert_config.json"}
    assert run(ANSWERER, output_dir=tmp_path / "out", **files, **flags) == 2
    assert message in caplog.records[-1].getMessage()


def test_model_of_another_task_is_rejected(model, data, tmp_path, caplog, capsys):
    write(tmp_path / "tags.txt", "anna B-PER\nlives O\n")
    flags = {"train_file": tmp_path / "tags.txt", "num_train_epochs": 1}
    assert run(TAGGER, "--do_train", model=model, output_dir=tmp_path / "ner", **flags) == 0
    assert predict(tmp_path, output_dir=tmp_path / "ner", predict_file=data / "test.json") == 1
    assert "This model was trained by run_ner.py" in only_line(caplog, capsys)
    status = run(CLASSIFIER, "--do_train", data_dir=data, task_name="qa", output_dir=tmp_path / "x")
    assert status == 2


@pytest.mark.parametrize(
    "predictions, odds, message",
    [
        ({"0": 7}, None, "p.json: found 7 for the question '0'. Expected a JSON object with an"),
        ([], None, "p.json: not predictions (not a JSON object)"),
        ({"x": "y"}, None, "dev.json. Its ids must be those of the questions, such as '0'."),
        ({"0": "x"}, {"1": 0.5}, "n.json: no number for the question '0'; expected one for each"),
        ({"0": "x"}, {"0": "high"}, "n.json: found 'high' for the question '0'"),
    ],
)
def test_bad_predictions_file(tmp_path, caplog, capsys, predictions, odds, message):
    flags = {
        "dev_file": write_json(tmp_path / "dev.json", squad(ROWS[:1])),
        "predictions_file": write_json(tmp_path / "p.json", predictions),
        "output_dir": tmp_path / "out",
    }
    if odds is not None:
        flags["na_prob_file"] = write_json(tmp_path / "n.json", odds)
    assert run(ANSWERER, "--do_eval", **flags) == 1
    assert message in only_line(caplog, capsys)


@pytest.mark.parametrize(
    "rows, message",
    [
        ([], "no rows in the train data; expected at least one."),
        ([("", "who?", None)], 'the "context" is empty; expected text.'),
        ([("anna lives", "who?", "peter")], "the answer 'peter' does not occur in the context"),
    ],
)
def test_bad_training_data(model, tmp_path, caplog, capsys, rows, message):
    flags = {"train_file": write_json(tmp_path / "train.json", squad(rows)), "data_dir": None}
    assert answer(model, tmp_path, "--do_train", **flags) == 1
    assert message in only_line(caplog, capsys)
