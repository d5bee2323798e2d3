"""Convert BERT weights from Hugging Face's form (safetensors) to Google's names and layouts."""

import re
from typing import Dict, List, Optional, Tuple

import numpy as np

from finetune.util.errors import InputError

# Not weights of the encoder: heads of other tasks, and a constant buffer.
_LEFT_OUT = re.compile(r"^(cls|classifier|qa_outputs|dropout)\.|position_ids$")


def read_weights(path: str) -> Tuple[Dict[str, np.ndarray], List[str]]:
    """Reads `model.safetensors` of a BERT model.

    Returns:
      float32 arrays by Google's variable names, and the names of the tensors left out.

    Raises:
      InputError: The file is damaged, holds numbers that NumPy has no type for, or no encoder.
    """
    from safetensors import SafetensorError, safe_open

    arrays: Dict[str, np.ndarray] = {}
    left_out = []
    try:
        with safe_open(path, framework="np") as tensors:
            for key in tensors.keys():  # noqa: SIM118 (no dict)
                name = variable_name(key)
                if name is None:
                    left_out.append(key)
                    continue
                array = tensors.get_tensor(key).astype(np.float32)
                # PyTorch's dense layers are [out, in], TensorFlow's kernels [in, out].
                arrays[name] = array.T.copy() if name.endswith("/kernel") else array
    except (SafetensorError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: cannot be read as safetensors of NumPy's number types ({error})."
        ) from error
    if not arrays:
        raise InputError(
            f"{path}: no weights of an encoder; found {', '.join(left_out) or 'none'}."
        )
    return arrays, left_out


def variable_name(key: str) -> Optional[str]:
    """Returns Google's name of a Hugging Face BERT tensor; None for one that is not BERT's own.

    "bert.encoder.layer.3.output.dense.weight" => "bert/encoder/layer_3/output/dense/kernel"
    """
    key = re.sub(r"^bert\.", "", key)
    if _LEFT_OUT.search(key):
        return None
    name = re.sub(r"(^|\.)layer\.(\d+)\.", r"\1layer_\2.", key).replace(".", "/")
    if name.startswith("embeddings/") and not name.startswith("embeddings/LayerNorm"):
        name = re.sub(r"/weight$", "", name)
    elif "LayerNorm/" in name:
        name = re.sub(r"/weight$", "/gamma", re.sub(r"/bias$", "/beta", name))
    else:
        name = re.sub(r"/weight$", "/kernel", name)
    return "bert/" + name
