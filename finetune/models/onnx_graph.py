"""Build a model's graph for ONNX from its tensors, without a converter.

Its inputs and outputs have the names of Hugging Face's exports. It consists of standard operators
in the order in which ONNX Runtime's optimizer for transformers recognises them and replaces them
by EmbedLayerNormalization, Attention, SkipLayerNormalization and BiasGelu.
"""

import math
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Sequence

import numpy as np

import finetune
import modeling
from finetune.models.families import ANSWER, FAMILIES, LAST_LAYERS, SEQUENCE, TOKEN
from finetune.models.hugging_face_export import input_names

if TYPE_CHECKING:  # An optional package, imported when it is used.
    import onnx

# The first version that has LayerNormalization. Up to version 12, ONNX Runtime fuses attention when
# it loads a model, which with heads as narrow as those of small models is slower on a CPU.
_OPSET, _IR_VERSION = 17, 8
_MASKED = -10000.0  # Added to an attention score, makes its weight 0.
_BATCH, _LENGTH = "batch_size", "sequence_length"


def outputs_of(head: str) -> List[str]:
    """Returns the names of the outputs of a model with a kind of head.

    They are `logits`, float [B, L] or, for a tagger, [B, S, L]; or `start_logits` and
    `end_logits`, float [B, S] each.
    """
    return ["start_logits", "end_logits"] if head == ANSWER else ["logits"]


def build_model(
    tensors: Mapping[str, np.ndarray], bert_config: modeling.BertConfig, head: str
) -> "onnx.ModelProto":
    """Builds a model.

    Args:
      tensors: Its float32 tensors under Hugging Face's names and in its layouts; see
        `hugging_face_export.read_tensors`.
      bert_config: Its configuration.
      head: The kind of its head: `SEQUENCE`, `TOKEN` or `ANSWER`.
    """
    import onnx
    from onnx import helper

    graph = _Encoder(tensors, bert_config, head)
    hidden = graph.layers(graph.embeddings())  # [B, S, H]; for SEQUENCE, [B, 1, H]
    num_labels = graph.add_head(hidden)
    shape: Sequence[Any] = {
        SEQUENCE: (_BATCH, num_labels),
        TOKEN: (_BATCH, _LENGTH, num_labels),
        ANSWER: (_BATCH, _LENGTH),
    }[head]
    info, types = helper.make_tensor_value_info, onnx.TensorProto
    content = helper.make_graph(
        graph.nodes,
        FAMILIES[bert_config.family].class_name + head,
        [info(name, types.INT64, (_BATCH, _LENGTH)) for name in input_names(bert_config)],
        [info(name, types.FLOAT, shape) for name in outputs_of(head)],
        list(graph.initializers.values()),
    )
    return helper.make_model(
        content,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="bert-finetune",
        producer_version=finetune.__version__,
    )


class _Graph:
    """The nodes and the constants of a graph. Each method returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: List["onnx.NodeProto"] = []
        self.initializers: Dict[str, "onnx.TensorProto"] = {}

    def constant(self, name: str, values: np.ndarray) -> str:
        """Adds a constant, unless there is one of this name."""
        from onnx import numpy_helper

        if name not in self.initializers:
            values = np.asarray(values, order="C")  # Keeps a scalar, unlike ascontiguousarray.
            self.initializers[name] = numpy_helper.from_array(values, name)
        return name

    def integers(self, *values: int) -> str:
        """Adds a constant, int64 [len(values)]."""
        return self.constant(f"integers_{'_'.join(map(str, values))}", np.array(values, np.int64))

    def number(self, value: float) -> str:
        """Adds a constant, float []."""
        return self.constant(f"number_{value!r}", np.array(value, np.float32))

    def op(self, kind: str, *inputs: str, name: str, **attributes: Any) -> str:
        """Adds a node."""
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name


class _Encoder(_Graph):
    """The graph of a model; shapes as in modeling.py."""

    def __init__(
        self, tensors: Mapping[str, np.ndarray], bert_config: modeling.BertConfig, head: str
    ):
        super().__init__()
        self._config = bert_config
        self._head = head
        self._tensors = tensors
        names = FAMILIES[bert_config.family].names(bert_config.num_hidden_layers, head)
        self._names = {google: name for google, name in names.items() if name in tensors}

    def embeddings(self) -> str:
        """Adds the embeddings, [B, S, H]."""
        config, scope = self._config, "bert/embeddings"
        words = self._table(f"{scope}/word_embeddings")
        words = self.op("Gather", words, "input_ids", name="embeddings/words")
        name = self._names[f"{scope}/position_embeddings"]
        rows = self._tensors[name][config.position_offset :]  # [positions, H]
        segments = f"{scope}/token_type_embeddings"
        if config.type_vocab_size == 1:  # All tokens have this segment.
            rows = rows + self._tensors[self._names[segments]]
        positions = self.constant(name, rows)
        positions = self.op("Gather", positions, self._position_ids(), name="embeddings/positions")
        total = self.op("Add", words, positions, name="embeddings/sum")
        if config.type_vocab_size > 1:
            segments = self._table(segments)
            segments = self.op("Gather", segments, "token_type_ids", name="embeddings/segments")
            total = self.op("Add", total, segments, name="embeddings/sum_with_segments")
        total = self._norm(total, f"{scope}/LayerNorm", "embeddings/norm")
        if "bert/embeddings_project/kernel" in self._names:
            total = self._dense(total, "bert/embeddings_project", "embeddings/project")
        return total

    def _position_ids(self) -> str:
        """Adds 0, 1, 2, … for each row, [B, S]."""
        shape = self.op("Shape", "input_ids", name="embeddings/shape")
        zero, one = (self.constant(f"integer_{i}", np.array(i, np.int64)) for i in (0, 1))
        length = self.op("Gather", shape, one, name="embeddings/length")
        numbers = self.op("Range", zero, length, one, name="embeddings/range")
        numbers = self.op("Unsqueeze", numbers, self.integers(0), name="embeddings/range_row")
        return self.op("Expand", numbers, shape, name="embeddings/position_ids")

    def layers(self, hidden: str) -> str:
        """Adds the layers to [B, S, H]; returns the last one's output."""
        bias = self._attention_bias()
        last = self._config.num_hidden_layers - 1
        for layer in range(last + 1):
            scope, name = f"bert/encoder/layer_{layer}", f"layer_{layer}"
            context = self._attention(hidden, bias, f"{scope}/attention/self", f"{name}/attention")
            hidden = self._add_and_norm(
                context, hidden, f"{scope}/attention/output", f"{name}/attention/output"
            )
            if layer == last and self._head == SEQUENCE:
                # The pooler reads the first token only. The rest of the layer, most of its
                # work, treats each token separately.
                first = self.integers(0)
                hidden = self.op("Gather", hidden, first, name=f"{name}/first_token", axis=1)
            wide = self._dense(hidden, f"{scope}/intermediate/dense", f"{name}/intermediate")
            wide = self._activation(wide, self._config.hidden_act, f"{name}/activation")
            hidden = self._add_and_norm(wide, hidden, f"{scope}/output", f"{name}/output")
        return hidden

    def _attention_bias(self) -> str:
        """Adds what attention scores get: 0 for tokens, `_MASKED` for padding; [B, 1, 1, S]."""
        mask = "attention_mask"
        for axis in (1, 2):
            mask = self.op("Unsqueeze", mask, self.integers(axis), name=f"mask/axis_{axis}")
        mask = self.op("Cast", mask, name="mask/float", to=1)
        is_padding = self.op("Sub", self.number(1.0), mask, name="mask/is_padding")
        return self.op("Mul", is_padding, self.number(_MASKED), name="mask/bias")

    def _attention(self, hidden: str, bias: str, scope: str, name: str) -> str:
        heads = self._config.num_attention_heads
        width = self._config.hidden_size // heads
        split = self.integers(0, 0, heads, width)  # 0: as before
        parts = {}
        # The order of axes: keys are [B, N, D, S], the others [B, N, S, D].
        for part, axes in (("query", (0, 2, 1, 3)), ("key", (0, 2, 3, 1)), ("value", (0, 2, 1, 3))):
            flat = self._dense(hidden, f"{scope}/{part}", f"{name}/{part}")  # [B, S, H]
            each = self.op("Reshape", flat, split, name=f"{name}/{part}/heads")  # [B, S, N, D]
            parts[part] = self.op("Transpose", each, name=f"{name}/{part}/turned", perm=axes)
        scores = self.op("MatMul", parts["query"], parts["key"], name=f"{name}/products")
        scale = self.number(math.sqrt(width))
        scores = self.op("Div", scores, scale, name=f"{name}/scores")
        scores = self.op("Add", scores, bias, name=f"{name}/masked_scores")  # [B, N, S, S]
        weights = self.op("Softmax", scores, name=f"{name}/weights", axis=3)
        context = self.op("MatMul", weights, parts["value"], name=f"{name}/context")
        context = self.op("Transpose", context, name=f"{name}/context_turned", perm=(0, 2, 1, 3))
        joined = self.integers(0, 0, self._config.hidden_size)
        return self.op("Reshape", context, joined, name=f"{name}/joined")  # [B, S, H]

    def _add_and_norm(self, hidden: str, residual: str, scope: str, name: str) -> str:
        dense = self._dense(hidden, f"{scope}/dense", name)
        total = self.op("Add", dense, residual, name=f"{name}/sum")
        return self._norm(total, f"{scope}/LayerNorm", f"{name}/norm")

    def add_head(self, hidden: str) -> int:
        """Adds the head and the graph's outputs; returns the number of labels L."""
        if self._head == SEQUENCE:
            first = self.op("Squeeze", hidden, self.integers(1), name="pooler/token")  # [B, H]
            hidden = self._dense(first, "bert/pooler/dense", "pooler/dense")
            hidden = self._activation(hidden, self._config.pooler_act, "pooler/activation")
        layer = LAST_LAYERS[self._head]
        weight = self._tensors[self._names[f"{layer}_weights"]]  # [L, H]
        kernel = self.constant(self._names[f"{layer}_weights"], weight.T)
        product = self.op("MatMul", hidden, kernel, name="head/product")
        bias = self._table(f"{layer}_bias")
        if self._head != ANSWER:
            self.op("Add", product, bias, name="logits")
        else:
            logits = self.op("Add", product, bias, name="head/logits")  # [B, S, 2]
            for i, name in enumerate(outputs_of(ANSWER)):
                index = self.constant(f"integer_{i}", np.array(i, np.int64))
                self.op("Gather", logits, index, name=name, axis=2)  # [B, S]
        return len(weight)

    def _table(self, google: str) -> str:
        name = self._names[google]
        return self.constant(name, self._tensors[name])

    def _dense(self, hidden: str, scope: str, name: str) -> str:
        kernel = self._names[f"{scope}/kernel"]
        kernel = self.constant(kernel, self._tensors[kernel].T)  # [inputs, outputs]
        product = self.op("MatMul", hidden, kernel, name=f"{name}/product")
        return self.op("Add", product, self._table(f"{scope}/bias"), name=f"{name}/biased")

    def _norm(self, hidden: str, scope: str, name: str) -> str:
        scale, shift = self._table(f"{scope}/gamma"), self._table(f"{scope}/beta")
        epsilon = self._config.layer_norm_eps
        return self.op("LayerNormalization", hidden, scale, shift, name=name, epsilon=epsilon)

    def _activation(self, hidden: str, function: Any, name: str) -> str:
        """Adds an activation function, given by its name as in `modeling.get_activation`."""
        function = modeling.get_activation(function)
        if function is None:
            return hidden
        if function is modeling.gelu:
            return self._gelu(hidden, name)
        if function is modeling.gelu_tanh:
            return self._gelu_tanh(hidden, name)
        kind = {"relu": "Relu", "tanh": "Tanh"}[function.__name__]
        return self.op(kind, hidden, name=name)

    def _gelu(self, hidden: str, name: str) -> str:
        """Adds 0.5 * x * (1 + erf(x / sqrt(2)))."""
        scaled = self.op("Div", hidden, self.number(math.sqrt(2.0)), name=f"{name}/scaled")
        erf = self.op("Erf", scaled, name=f"{name}/erf")
        factor = self.op("Add", erf, self.number(1.0), name=f"{name}/factor")
        product = self.op("Mul", hidden, factor, name=f"{name}/product")
        return self.op("Mul", product, self.number(0.5), name=name)

    def _gelu_tanh(self, hidden: str, name: str) -> str:
        """Adds 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))."""
        cube = self.op("Pow", hidden, self.number(3.0), name=f"{name}/cube")
        cube = self.op("Mul", cube, self.number(0.044715), name=f"{name}/small_cube")
        total = self.op("Add", hidden, cube, name=f"{name}/sum")
        total = self.op("Mul", total, self.number(math.sqrt(2.0 / math.pi)), name=f"{name}/scaled")
        factor = self.op("Tanh", total, name=f"{name}/tanh")
        factor = self.op("Add", factor, self.number(1.0), name=f"{name}/factor")
        half = self.op("Mul", hidden, self.number(0.5), name=f"{name}/half")
        return self.op("Mul", half, factor, name=name)
