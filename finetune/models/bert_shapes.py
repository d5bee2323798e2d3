"""The variables of `modeling.BertModel`, for checks that need not wait for its graph."""

from typing import Dict, List

import modeling


def shapes_of_bert(bert_config: modeling.BertConfig) -> Dict[str, List[int]]:
    """Returns the shape of each variable of the model by name."""
    hidden = bert_config.hidden_size
    width = bert_config.embedding_size or hidden
    shapes = {
        "embeddings/word_embeddings": [bert_config.vocab_size, width],
        "embeddings/position_embeddings": [
            bert_config.position_offset + bert_config.max_position_embeddings,
            width,
        ],
        **_layer_norm("embeddings", width),
        **_dense("pooler/dense", hidden, hidden),
    }
    if bert_config.type_vocab_size:
        shapes["embeddings/token_type_embeddings"] = [bert_config.type_vocab_size, width]
    if width != hidden:
        shapes.update(_dense("embeddings_project", width, hidden))
    for index in range(bert_config.num_hidden_layers):
        shapes.update(_layer(f"encoder/layer_{index}", hidden, bert_config.intermediate_size))
    return {f"bert/{name}": shape for name, shape in shapes.items()}


def _layer(scope: str, hidden: int, intermediate: int) -> Dict[str, List[int]]:
    return {
        **_dense(f"{scope}/attention/self/query", hidden, hidden),
        **_dense(f"{scope}/attention/self/key", hidden, hidden),
        **_dense(f"{scope}/attention/self/value", hidden, hidden),
        **_dense(f"{scope}/attention/output/dense", hidden, hidden),
        **_layer_norm(f"{scope}/attention/output", hidden),
        **_dense(f"{scope}/intermediate/dense", hidden, intermediate),
        **_dense(f"{scope}/output/dense", intermediate, hidden),
        **_layer_norm(f"{scope}/output", hidden),
    }


def _dense(scope: str, num_inputs: int, num_outputs: int) -> Dict[str, List[int]]:
    return {f"{scope}/kernel": [num_inputs, num_outputs], f"{scope}/bias": [num_outputs]}


def _layer_norm(scope: str, width: int) -> Dict[str, List[int]]:
    return {f"{scope}/LayerNorm/beta": [width], f"{scope}/LayerNorm/gamma": [width]}
