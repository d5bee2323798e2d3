"""Answers in the form that doccano and Label Studio import."""

import json

from finetune.tasks.tagging.annotation_tools import read_rows, write_for_tool

ROW = {
    "guid": "test-1",
    "id": 7,
    "text": "😀 in Rome",
    "entities": [{"type": "LOC", "start": 5, "end": 9, "surface": "Rome", "score": 0.5}],
}


def test_doccano_imports_lines_with_labels(tmp_path):
    write_for_tool("doccano", str(tmp_path / "x.jsonl"), [ROW, ROW])
    rows = list(read_rows(str(tmp_path / "x.jsonl")))
    expected = {"guid": "test-1", "id": 7, "text": "😀 in Rome", "label": [[5, 9, "LOC"]]}
    assert rows == [expected, expected]


def test_label_studio_imports_predictions_in_utf16_units(tmp_path):
    write_for_tool("label_studio", str(tmp_path / "x.json"), [ROW])
    content = (tmp_path / "x.json").read_text(encoding="utf-8")
    (task,) = json.loads(content)
    assert content == json.dumps([task], ensure_ascii=False, indent=1) + "\n"
    assert task["data"] == {"guid": "test-1", "id": 7, "text": "😀 in Rome"}
    (result,) = task["predictions"][0]["result"]
    assert (result["from_name"], result["to_name"], result["type"]) == ("label", "text", "labels")
    assert result["value"] == {"start": 6, "end": 10, "text": "Rome", "labels": ["LOC"]}


def test_label_studio_imports_one_list_of_all_texts(tmp_path):
    rows = [{**ROW, "text": f"line\n{i}\u2028", "entities": []} for i in range(3)]
    for number in (0, 1, 3):
        write_for_tool("label_studio", str(tmp_path / "x.json"), rows[:number])
        tasks = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
        assert [task["data"]["text"] for task in tasks] == [row["text"] for row in rows[:number]]
