"""Write predicted answers: Google's three files, and one row per question with its offsets."""

import contextlib
import json
import os
from typing import IO, Any, Dict, Iterable, List, Mapping

from finetune.output import names
from finetune.tasks.question_answering.decoding import Candidate, Candidates
from finetune.tasks.question_answering.question import Question, are_answered
from finetune.util.files import atomic_text

_NUM_NEXT = 4  # Next best answers in a row of test_results.jsonl


class AnswerFiles:
    """Writes `test_results.jsonl`, one object per question, and the files of Google's script.

    `predictions.json` contains each answer by question id, and `nbest_predictions.json` the best
    answers with their probabilities and logits. If there can be no answer, `null_odds.json`
    contains the score of no answer minus that of the best answer.
    """

    def __init__(
        self, rows: IO[str], *, allows_no_answer: bool, threshold: float, for_google: bool
    ):
        """Stores the settings.

        Args:
          rows: The open file `test_results.jsonl`.
          allows_no_answer: Whether a question may have no answer.
          threshold: The value of `null_odds` above which there is no answer.
          for_google: Whether `write_google` will be called; a stream may be too long for it.
        """
        self._rows = rows
        self._allows_no_answer = allows_no_answer
        self._threshold = threshold
        self._for_google = for_google
        self._answers: Dict[str, str] = {}
        self._nbest: Dict[str, List[Dict[str, Any]]] = {}
        self._odds: Dict[str, float] = {}

    def write(self, questions: Iterable[Question], candidates: Iterable[Candidates]) -> int:
        """Writes the rows of questions with their candidates; returns the number of questions.

        If all questions of a file have gold answers, the rows contain their distinct texts.
        """
        questions = list(questions)
        with_gold = self._for_google and are_answered(questions)
        number = 0
        for question, found in zip(questions, candidates):
            number += 1
            chosen = found.choose(self._threshold)
            row = {"guid": question.guid, **prediction(question, chosen, found)}
            if with_gold:
                row["gold"] = list(dict.fromkeys(answer.text for answer in question.gold))
            self._rows.write(json.dumps(row, ensure_ascii=False) + "\n")
            if self._for_google:
                self._answers[question.guid] = chosen.text
                self._nbest[question.guid] = _nbest(found, self._allows_no_answer)
                self._odds[question.guid] = found.null_odds
        return number

    def write_google(self, output_dir: str) -> List[str]:
        """Writes the files of Google's script, and deletes those of earlier predictions."""
        contents: Dict[str, Mapping[str, object]] = {}
        if self._for_google:
            contents = {names.ANSWERS: self._answers, names.NBEST_ANSWERS: self._nbest}
            if self._allows_no_answer:
                contents[names.NULL_ODDS] = self._odds
        paths = []
        for name in (names.ANSWERS, names.NBEST_ANSWERS, names.NULL_ODDS):
            path = os.path.join(output_dir, name)
            content = contents.get(name)
            if content is None:
                with contextlib.suppress(FileNotFoundError):
                    os.remove(path)
                continue
            # One line per question: json.dump with an indent is slow.
            rows = (
                f"    {json.dumps(guid)}: {json.dumps(value)}" for guid, value in content.items()
            )
            with atomic_text(path) as writer:
                writer.write("{\n" + ",\n".join(rows) + "\n}\n")
            paths.append(path)
        return paths


def _nbest(found: Candidates, allows_no_answer: bool) -> List[Dict[str, Any]]:
    listed = [*found.best, found.no_answer] if allows_no_answer or not found.best else found.best
    return [
        {
            "text": each.text,
            "probability": each.probability,
            "start_logit": each.start_logit,
            "end_logit": each.end_logit,
        }
        for each in sorted(listed, key=lambda each: -each.score)
    ]


def prediction(question: Question, chosen: Candidate, found: Candidates) -> Dict[str, Any]:
    """Returns the answer to a question, and the next best ones, as JSON values."""
    others = [each for each in found.best if each.text != chosen.text][:_NUM_NEXT]
    return {
        "question": question.question,
        **_span(chosen),
        "no_answer_probability": round(found.no_answer.probability, 6),
        "next_best": [_span(each) for each in others],
    }


def _span(answer: Candidate) -> Dict[str, Any]:
    return {
        "answer": answer.text,
        "start": answer.start,
        "end": answer.end,
        "score": round(answer.probability, 6),
    }
