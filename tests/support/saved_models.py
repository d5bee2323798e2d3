"""Imported models whose settings tests change, and SavedModels made from them."""

import contextlib
import pathlib

import numpy as np
import tensorflow.compat.v1 as tf

import export_model
import prepare_model
from finetune.serving.signatures import Signatures, columns
from tests.support import ROOT
from tests.support.files import read_json, write_json

GOLDEN = ROOT / "tests" / "golden" / "hugging_face"


def import_golden(name, folder, settings=(), **facts):
    """Makes an output directory of a golden model; changes its settings and facts."""
    prepare_model.prepare(str(GOLDEN / name), str(folder), fine_tuned=True)
    change_record(folder, settings, **facts)
    return pathlib.Path(folder)


def change_record(folder, settings=(), **facts):
    """Changes settings and facts in run.json."""
    record = read_json(folder / "run.json")
    record["settings"].update(settings)
    record["facts"].update(facts)
    write_json(folder / "run.json", record)


def export(output_dir, export_dir, status=0):
    """Exports a model, and asserts the exit status."""
    flags = [f"--output_dir={output_dir}", "--to=saved_model", f"--export_dir={export_dir}"]
    assert export_model.main(["export_model.py", *flags]) == status


@contextlib.contextmanager
def served(folder):
    """Yields a function that runs a signature, and the signatures by name."""
    config = tf.ConfigProto()
    # Optimising a graph takes longer than running it once.
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        definitions = tf.saved_model.load(session, ["serve"], str(folder)).signature_def

        def run(name, inputs):
            definition = definitions[name]
            feeds = {definition.inputs[key].name: value for key, value in inputs.items()}
            return session.run({key: info.name for key, info in definition.outputs.items()}, feeds)

        yield run, definitions


def as_bytes(texts):
    """Returns texts as the array of bytes that a string tensor is fed with."""
    return np.array([text.encode() for text in texts], object)


def check_outputs(model, predictions, outputs):
    """Asserts that the outputs of a signature are what serve.py answers for predictions."""
    given = Signatures(model.kind, model.labels, model.text_names).outputs
    expected = {name: columns({name: each}, predictions) for name, each in given.items()}
    assert outputs.keys() == expected.keys()
    for name, column in expected.items():
        found = outputs[name].tolist()
        if outputs[name].dtype == object:
            column = np.vectorize(str.encode, otypes=[object])(np.array(column, object))
            assert found == column.tolist(), name
        elif outputs[name].dtype == np.float32:
            np.testing.assert_allclose(found, column, atol=1e-6)
        else:
            assert found == column, name


def check_definitions(model, definitions):
    """Asserts that the signatures are those of serve.py, apart from that of wordpiece ids."""
    expected = Signatures(model.kind, model.labels, model.text_names).definition()
    assert definitions.keys() == {*expected, "token_ids"}
    for name, definition in expected.items():
        assert definitions[name].method_name == definition["method_name"]
        for part in ("inputs", "outputs"):
            infos = getattr(definitions[name], part)
            assert {
                key: (info.dtype, len(info.tensor_shape.dim)) for key, info in infos.items()
            } == {
                key: (
                    tf.dtypes.as_dtype(info["dtype"][3:].lower()).as_datatype_enum,
                    len(info["tensor_shape"]["dim"]),
                )
                for key, info in definition[part].items()
            }
