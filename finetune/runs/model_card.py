"""The model card of an exported model: README.md, with the metadata that the hub reads."""

from typing import Any, List, Mapping, Sequence, Tuple

from finetune.config.flags import FlagValue
from finetune.models.families import ANSWER, SEQUENCE
from finetune.output.run_record import RunRecord
from finetune.output.train_log import figures_of
from finetune.tasks.hugging_face import ExportedHead

_CARD = """---
license: unknown  # Fill in, for example: apache-2.0
library_name: transformers
pipeline_tag: {pipeline}
---

# {architecture}

Describe here what the model is for, and the data that it was trained on.

```python
{example}
```

Output: {output}

{sections}"""
_PIPELINE = """from transformers import pipeline

model = pipeline("{pipeline}", "path/to/this/folder")
print(model("A text"{options}))"""
# The pipeline that answers questions was removed from transformers 5.3.
_MODEL = """from transformers import AutoModelForQuestionAnswering, AutoTokenizer

folder = "path/to/this/folder"
inputs = AutoTokenizer.from_pretrained(folder)("A question", "A context", return_tensors="pt")
output = AutoModelForQuestionAnswering.from_pretrained(folder)(**inputs)
start, end = output.start_logits.argmax(), output.end_logits.argmax()"""
_SETTINGS = (
    *("learning_rate", "num_train_epochs", "train_batch_size", "max_seq_length"),
    *("lr_schedule", "weight_decay", "seed"),
)
_MAX_FIGURES = 40


def model_card(
    record: RunRecord, head: ExportedHead, scores: Mapping[str, Any], architecture: str
) -> str:
    """Returns the text of a model card.

    Args:
      record: The record of the training run.
      head: The model's head.
      scores: The content of eval_results.json; empty if the model was not evaluated.
      architecture: The name of the architecture.
    """
    figures = list(figures_of(scores))[:_MAX_FIGURES]
    settings = [(name, record.settings.get(name)) for name in _SETTINGS]
    sections = [
        *_section("Differences", [f"- {note}" for note in head.notes]),
        *_section("Scores on the dev data", _table(figures)),
        *_section("Settings", _table([(n, v) for n, v in settings if v is not None])),
    ]
    return _CARD.format(
        pipeline=head.pipeline,
        architecture=architecture,
        example=_example_of(head, record.settings),
        output=_output_of(head),
        sections="\n".join(sections),
    )


def _example_of(head: ExportedHead, settings: Mapping[str, FlagValue]) -> str:
    if head.kind == ANSWER:
        return _MODEL
    options = ""
    if head.kind == SEQUENCE:  # The pipeline of taggers truncates texts by itself.
        options = f", truncation=True, max_length={settings['max_seq_length']}"
    return _PIPELINE.format(pipeline=head.pipeline, options=options)


def _output_of(head: ExportedHead) -> str:
    if head.kind == ANSWER:
        return "logits of each token as the start and as the end of the answer."
    if head.config.get("problem_type") == "regression":
        return "a number, in the unit of the training data."
    return ", ".join(f"`{label}`" for label in head.config["id2label"].values()) + "."


def _section(title: str, lines: List[str]) -> List[str]:
    return [f"## {title}\n", *lines, ""] if lines else []


def _table(rows: Sequence[Tuple[str, FlagValue]]) -> List[str]:
    if not rows:
        return []
    return ["| name | value |", "|---|---|", *(f"| {n} | {_shown(v)} |" for n, v in rows)]


def _shown(value: FlagValue) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
