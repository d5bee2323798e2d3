"""Models of Hugging Face that answer questions: `…ForQuestionAnswering`."""

from typing import TYPE_CHECKING, Any, Mapping

from finetune.models.families import ANSWER
from finetune.tasks.hugging_face import ExportedHead, ImportedHead
from finetune.util.errors import InputError
from finetune.util.plurals import count

if TYPE_CHECKING:  # It imports TensorFlow.
    from finetune.output.run_record import RunRecord

# The length of a window in the question-answering pipeline of transformers.
_LONGEST = 384


def import_head(config: Mapping[str, Any], num_outputs: int, path: str) -> ImportedHead:
    """Returns the head of an answering model in the toolkit's terms.

    Args:
      config: The content of config.json.
      num_outputs: The number of outputs of the last layer.
      path: The path of config.json, for messages.

    Raises:
      InputError: The last layer does not have an output each for start and end.
    """
    del config
    if num_outputs != 2:
        raise InputError(
            f"{path}: the model's last layer has {count(num_outputs, 'output')}; expected 2, for "
            "the start and the end of an answer."
        )
    # config.json does not say whether the training data had questions without an answer.
    facts = {"allows_no_answer": False}
    settings: dict = {"task_name": "qa"}
    return ImportedHead("run_squad.py", settings, [], facts, "answers", _LONGEST)


def export_head(record: "RunRecord", without_crf: bool) -> ExportedHead:
    """Returns the head of an answering model in Hugging Face's terms."""
    del without_crf
    notes, config = [], {}
    if record.facts.get("allows_no_answer"):
        tuned = record.facts.get("null_score_diff_threshold")
        threshold = config["null_score_diff_threshold"] = tuned or 0.0
        notes.append(
            "A question can have no answer. The score of a span is the sum of its two logits. "
            "There is no answer if the score of the first token exceeds that of the best span by "
            f"more than {threshold:.4g}."
        )
        if tuned is None:
            notes.append("This threshold was not tuned: no evaluation was run on dev data.")
    return ExportedHead(ANSWER, config, "question-answering", notes)
