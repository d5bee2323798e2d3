"""Complete the configuration of a classifier from its processor and its training file."""

import dataclasses
from typing import Collection, Optional, Tuple, Type

from finetune.config.flags import is_set, names
from finetune.data import sources
from finetune.data.columns import WantedColumns
from finetune.data.processor import DataProcessor
from finetune.tasks.classification.config import MULTI_LABEL, WINDOWS, ClassifierConfig
from finetune.tasks.classification.label_edits import LabelEdit, read_names
from finetune.tasks.classification.processor import (
    MulticlassProcessor,
    bare_text_processor,
    check_attributes,
)
from finetune.tasks.classification.readers import TextFormat, resolve_format
from finetune.tasks.task import Processors, Resolved, with_stride
from finetune.util.errors import UsageError

# The flag of each setting of `WantedColumns`.
_COLUMN_FLAGS = {
    "header": "header",
    "text": "text_column",
    "text_b": "text_b_column",
    "label": "label_column",
}


def resolve_config(
    config: ClassifierConfig,
    processor: Type[DataProcessor],
    data_dir: str,
    remembered: Collection[str] = (),
) -> Resolved:
    """See `Task.resolve`."""
    files = sources.make_processor(processor)
    check_attributes(files)
    config = config.filled_from({"problem_type": files.problem_type}).with_defaults()
    if config.long_text == WINDOWS:
        config = with_stride(config)
    config = dataclasses.replace(config, clean=config.clean_steps)
    if isinstance(files, MulticlassProcessor):
        config = _with_label_names(config)
        config, files = _resolve_format(config, files, data_dir, remembered)
        processors = Processors(files, files)
        warnings = [files.options.warning] if files.options.warning else []
    else:
        _check_no_table_flags(config, processor)
        processors = Processors(files, bare_text_processor(pairs=False))
        warnings = []
    return Resolved(config, processors, warnings)


def _with_label_names(config: ClassifierConfig) -> ClassifierConfig:
    """Returns the configuration with --label_names as pairs, so that the model remembers them."""
    if not config.label_names:
        return config
    known = read_names(config.label_names, config.value_of("encoding"))
    pairs = [f"{label_id}={name}" for label_id, name in known.items()]
    return dataclasses.replace(config, label_names=pairs)


def _resolve_format(
    config: ClassifierConfig,
    processor: MulticlassProcessor,
    data_dir: str,
    remembered: Collection[str],
) -> Tuple[ClassifierConfig, MulticlassProcessor]:
    """Returns the configuration and a processor, both with the training file's columns."""
    text_format = _format_of(config, processor.options, remembered)
    if config.learns_labels:
        finder = processor.with_options(text_format)
        path = config.train_file or sources.existing_file(finder, data_dir, "train")
        if path:
            file = config.data_file(path)
            text_format = resolve_format(file, text_format)
    found = text_format.columns
    columns = {flag: getattr(found, column) for column, flag in _COLUMN_FLAGS.items()}
    return config.filled_from(columns), processor.with_options(text_format)


def _format_of(
    config: ClassifierConfig, given: TextFormat, remembered: Collection[str]
) -> TextFormat:
    """Returns a processor's format; flags override it."""
    columns = given.columns
    pairs = (pair.partition("=") for pair in config.label_names or ())
    separator = config.separator if config.problem_type == MULTI_LABEL else ""
    return dataclasses.replace(
        given,
        form=config.data_form or given.form,
        delimiter=config.tab_or_delimiter() or given.delimiter,
        quoting=_quoting_of(config, given),
        quotechar=config.quotechar or given.quotechar,
        edit=LabelEdit(config.label_pattern or "", {i: name for i, _, name in pairs}, separator),
        columns=WantedColumns(
            header=columns.header if config.header is None else config.header,
            text=config.text_column or columns.text,
            text_b=config.text_b_column or columns.text_b,
            label=config.label_column or columns.label,
            remembered=frozenset(
                column for column, flag in _COLUMN_FLAGS.items() if flag in remembered
            ),
        ),
    )


def _quoting_of(config: ClassifierConfig, given: TextFormat) -> Optional[bool]:
    if config.quoting is not None:
        return config.quoting
    return True if config.quotechar else given.quoting


def _check_no_table_flags(config: ClassifierConfig, processor: Type[DataProcessor]) -> None:
    """Raises `UsageError` if a flag about tables is set for a processor that ignores it."""
    for name in names(ClassifierConfig, lambda flag: flag.about_tables):
        if is_set(config, name):
            raise UsageError(
                f"--{name}: {processor.__name__} reads its files in its own way. Omit the flag, or "
                "use --task_name=multiclass."
            )
