"""The processor of questions with their contexts."""

import copy
import logging
from typing import Dict, Iterable, List, Optional

from finetune.data.processor import DataProcessor
from finetune.data.split_files import find_file
from finetune.tasks.question_answering import readers
from finetune.tasks.question_answering.alignment import align
from finetune.tasks.question_answering.question import Question
from finetune.util.errors import InputError

_log = logging.getLogger(__name__)


class QuestionAnsweringProcessor(DataProcessor):
    """Reads SQuAD's JSON and the other usual forms, for run_squad.py.

    For a different form, define `read_examples` in a subclass. It yields `Question`s.
    """

    script = "run_squad.py"
    example_class = Question
    files = {"train": "train", "dev": "dev", "test": "test"}  # Found with the usual extensions
    question: Optional[str] = None  # If set, the file to predict is the context of this question.

    def with_question(self, question: Optional[str]) -> "QuestionAnsweringProcessor":
        """Returns a copy that reads the file to predict as the context of a question."""
        processor = copy.copy(self)
        processor.question = question
        return processor

    def path_of(self, data_dir: str, split: str) -> str:
        return find_file(data_dir, self.file_name(split), readers.ENDINGS)

    def get_labels(self) -> List[str]:
        return []  # Answers are spans.

    def read_examples(self, path: str, split: str) -> Iterable[Question]:
        if self.question is not None and split == "test":
            asked = readers.checked_text(self.question, "--question", "question")
            context = readers.checked_text(readers.read_context(path), path, "context")
            return [Question("test-1", asked, context, where=path)]
        return readers.read_questions(path, split)

    def checked(self, split: str, examples: Iterable[Question]) -> List[Question]:
        """Returns the questions with aligned answers; raises `InputError` if an id repeats."""
        questions = list(examples)
        check_ids(questions)
        for question in questions:
            if split != "test" and question.answers is None:
                raise InputError(
                    f"{question.place}: the question has no answers; expected a list, which is "
                    "empty if the context contains no answer."
                )
        if split != "test":
            return align(questions)
        try:
            return align(questions)
        except InputError as error:
            _log.warning("The answers in the data to predict are ignored: %s", error)
            for question in questions:
                question.answers = None
            return questions


def check_ids(questions: Iterable[Question]) -> None:
    """Raises `InputError` if two questions have the same id."""
    places: Dict[str, str] = {}
    for question in questions:
        other = places.get(question.guid)
        if other is not None:
            # A place in SQuAD's JSON ends in the id.
            where = "another question there" if other == question.place else other
            raise InputError(
                f"{question.place}: the id {question.guid!r} is not unique; {where} has the same. "
                "Predictions are stored by id: make ids unique, or omit them."
            )
        places[question.guid] = question.place
