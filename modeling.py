# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""The BERT graph: configuration, embeddings, Transformer encoder, and the two poolers.

Names, signatures, variable names and behaviour follow Google's `modeling.py`
(google-research/bert; PyPI `bert-tensorflow` 1.0.4), so that its users' code and checkpoints work.
Additions: `BertModel.get_sequence_pooled_output`, `layer_norm_eps`, more activations, and
padding-free execution, in the last section. The model: Devlin et al. 2018,
https://arxiv.org/abs/1810.04805; its encoder: Vaswani et al. 2017, https://arxiv.org/abs/1706.03762.

Shapes: B batch, S sequence, H hidden, N heads, D head width (H = N * D), F "from" positions
(queries), T "to" positions (keys and values), V vocabulary. In the last section, T is the number of
tokens in the batch, without padding, and L the number of tokens in its longest row.
"""

import collections
import contextlib
import copy
import difflib
import json
import math
import re

import six
import tensorflow.compat.v1 as tf

# Keys in released configs that do not change this graph: those of Google's multilingual and Chinese
# models first, then Hugging Face's.
# fmt: off
_IGNORED_CONFIG_KEYS = frozenset((
    "directionality", "pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers",
    "pooler_size_per_head", "pooler_type",
    "_name_or_path", "architectures", "attn_implementation", "bos_token_id",
    "chunk_size_feed_forward", "classifier_dropout", "dtype", "eos_token_id", "finetuning_task",
    "gradient_checkpointing", "id2label", "label2id", "model_type", "num_labels",
    "output_attentions", "output_hidden_states", "output_past", "pad_token_id",
    "position_embedding_type", "problem_type", "tie_word_embeddings", "torch_dtype",
    "torchscript", "transformers_version", "use_bfloat16", "use_cache",
))
# fmt: on
# Hugging Face keys of which other values mean another graph.
_REQUIRED_VALUES = {
    "model_type": ("bert",),
    "position_embedding_type": ("absolute",),
    "is_decoder": (False,),
    "add_cross_attention": (False,),
    "pruned_heads": ({}, None),
}


# Graph collection. If it contains an int Tensor, dropout depends on it instead of on the global
# step: for updates made from several batches, which must not all drop the same values.
DROPOUT_STEP = "dropout_step"


class BertConfig(object):
    """Configuration of a `BertModel`, as stored in `bert_config.json`."""

    def __init__(
        self,
        vocab_size,
        hidden_size=768,
        num_hidden_layers=12,
        num_attention_heads=12,
        intermediate_size=3072,
        hidden_act="gelu",
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.1,
        max_position_embeddings=512,
        type_vocab_size=16,
        initializer_range=0.02,
        layer_norm_eps=1e-12,
    ):
        """Stores the values; `validate` checks them.

        Args:
          vocab_size: int. Rows of the word embedding table.
          hidden_size: int. Width H of the encoder.
          num_hidden_layers: int. Transformer layers.
          num_attention_heads: int. Heads N of each layer; divides `hidden_size`.
          intermediate_size: int. Width of the feed-forward layer.
          hidden_act: string or function. Activation of the feed-forward layer, see
            `get_activation`. "gelu" is the exact (erf) GELU.
          hidden_dropout_prob: float in [0, 1). Dropout of dense outputs and embeddings.
          attention_probs_dropout_prob: float in [0, 1). Dropout of attention probabilities.
          max_position_embeddings: int. Longest sequence, in wordpieces.
          type_vocab_size: int. Number of segment ids.
          initializer_range: float. Standard deviation of new weights.
          layer_norm_eps: float. Added to the variance in layer normalization.
        """
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.intermediate_size = intermediate_size
        self.hidden_act = hidden_act
        self.hidden_dropout_prob = hidden_dropout_prob
        self.attention_probs_dropout_prob = attention_probs_dropout_prob
        self.max_position_embeddings = max_position_embeddings
        self.type_vocab_size = type_vocab_size
        self.initializer_range = initializer_range
        self.layer_norm_eps = layer_norm_eps

    @classmethod
    def from_dict(cls, json_object):
        """Builds and validates a config from a dict of parameters.

        Keys of released configs that do not concern the graph are ignored.

        Raises:
          ValueError: A key is unknown (mistyped), `vocab_size` is missing, a value is impossible,
            or the config is that of another architecture than BERT.
        """
        if not isinstance(json_object, dict):
            raise ValueError(
                "A BERT config is a JSON object of parameters; found %s."
                % type(json_object).__name__
            )
        _refuse_other_architectures(json_object)
        config = cls(vocab_size=None)
        known = set(config.__dict__)
        _refuse_unknown_keys(json_object, known)
        for key in known & set(json_object):
            setattr(config, key, json_object[key])
        config.validate()
        return config

    @classmethod
    def from_json_file(cls, json_file):
        """Builds and validates a config from a JSON file; errors name the file."""
        try:
            with tf.io.gfile.GFile(json_file, "r") as reader:
                return cls.from_dict(json.loads(reader.read()))
        except tf.errors.OpError as error:
            raise ValueError(
                "%s: the BERT config cannot be read (%s)." % (json_file, error.message)
            )
        except json.JSONDecodeError as error:
            raise ValueError("%s: not a BERT config, which is JSON (%s)." % (json_file, error))
        except ValueError as error:
            raise ValueError("%s: %s" % (json_file, error))

    def to_dict(self):
        """Returns a dict of all parameters."""
        return copy.deepcopy(self.__dict__)

    def to_json_string(self):
        """Returns the parameters as JSON text."""
        return json.dumps(self.to_dict(), indent=2, sort_keys=True) + "\n"

    def validate(self):
        """Raises `ValueError` that names the first impossible parameter."""
        for key in ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
                    "intermediate_size", "max_position_embeddings", "type_vocab_size"):  # fmt: skip
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, six.integer_types) or value < 1:
                raise ValueError("%s must be a positive integer; found %r." % (key, value))
        for key, low, high in (
            ("hidden_dropout_prob", 0.0, 1.0),
            ("attention_probs_dropout_prob", 0.0, 1.0),
            ("initializer_range", 0.0, float("inf")),
            ("layer_norm_eps", 0.0, 1.0),
        ):
            value = getattr(self, key)
            number = isinstance(value, (float, int)) and not isinstance(value, bool)
            if not number or not low <= value < high:
                raise ValueError("%s must be in [%g, %g); found %r." % (key, low, high, value))
        if self.hidden_size % self.num_attention_heads != 0:
            raise ValueError(
                "The hidden size (%d) is not a multiple of the number of attention heads (%d)."
                % (self.hidden_size, self.num_attention_heads)
            )
        get_activation(self.hidden_act)


def _refuse_other_architectures(json_object):
    for key, allowed in _REQUIRED_VALUES.items():
        if key in json_object and json_object[key] not in allowed:
            raise ValueError(
                "%s is %r; this graph is BERT's, which has %r."
                % (key, json_object[key], allowed[0])
            )


def _refuse_unknown_keys(json_object, known):
    # Hugging Face adds keys with each release, so an unknown key is only an error if it resembles
    # one of ours that is missing; Google's configs are a closed set.
    from_hugging_face = {"model_type", "architectures", "transformers_version"} & set(json_object)
    ignored = _IGNORED_CONFIG_KEYS | set(_REQUIRED_VALUES)
    for key in sorted(set(json_object) - known - ignored):
        near = difflib.get_close_matches(key, known - set(json_object), n=1, cutoff=0.8)
        if near:
            raise ValueError("Unknown parameter %r; did you mean %r?" % (key, near[0]))
        if not from_hugging_face:
            raise ValueError(
                "Unknown parameter %r; a BERT config has: %s." % (key, ", ".join(sorted(known)))
            )


class BertModel(object):
    """BERT ("Bidirectional Encoder Representations from Transformers").

    Example:

        # Already converted to wordpiece ids
        input_ids = tf.constant([[31, 51, 99], [15, 5, 0]])
        input_mask = tf.constant([[1, 1, 1], [1, 1, 0]])
        token_type_ids = tf.constant([[0, 0, 1], [0, 1, 0]])
        config = BertConfig(vocab_size=32000, hidden_size=512, num_hidden_layers=8,
                            num_attention_heads=8, intermediate_size=1024)
        model = BertModel(config=config, is_training=True, input_ids=input_ids,
                          input_mask=input_mask, token_type_ids=token_type_ids)
        logits = tf.matmul(model.get_pooled_output(), label_embeddings)
    """

    def __init__(
        self,
        config,
        is_training,
        input_ids,
        input_mask=None,
        token_type_ids=None,
        use_one_hot_embeddings=False,
        scope=None,
        padding_free=False,
    ):
        """Builds the graph.

        Args:
          config: `BertConfig`.
          is_training: bool. Whether to apply dropout.
          input_ids: int32 Tensor of shape [batch_size, seq_length].
          input_mask: (optional) int32 Tensor of shape [batch_size, seq_length]: 1 for a token, 0
            for padding. Without it, there is no padding.
          token_type_ids: (optional) int32 Tensor of shape [batch_size, seq_length]: segment ids.
          use_one_hot_embeddings: bool. Look up word embeddings by a product with one-hot rows.
          scope: (optional) variable scope. Defaults to "bert".
          padding_free: bool. Skip padding: only positions with input_mask == 1 are computed.
          Outputs
            and gradients are those of the padded graph, except for zeros at padding positions. A
            row without tokens attends only to its first position. If a loss depends on both the
            pooled and the sequence output, the last layer applies separate dropout for each.

        Raises:
          ValueError: The config or the rank of an input is invalid.
        """
        config = copy.deepcopy(config)
        config.validate()
        if not is_training:
            config.hidden_dropout_prob = 0.0
            config.attention_probs_dropout_prob = 0.0
        self._config = config
        self._sequence_pooled_output = None

        batch_size, seq_length = get_shape_list(input_ids, expected_rank=2)
        if input_mask is None:
            input_mask = tf.ones(shape=[batch_size, seq_length], dtype=tf.int32)
        if token_type_ids is None:
            token_type_ids = tf.zeros(shape=[batch_size, seq_length], dtype=tf.int32)

        make_encoder = _PackedEncoder if padding_free else _PaddedEncoder
        self._unpacked = {}
        with tf.variable_scope(scope, default_name="bert") as self._scope:
            self._encoder = make_encoder(
                config, is_training, input_ids, input_mask, token_type_ids, use_one_hot_embeddings
            )
            with tf.variable_scope("pooler"):
                self.pooled_output = self._pool(self._encoder.first_tokens)  # [B, H]

    def _pool(self, hidden):
        initializer = create_initializer(self._config.initializer_range)
        return dense_layer_2d(hidden, self._config.hidden_size, initializer, tf.tanh, "dense")

    def _unpack(self, hidden):
        """Returns [B, S, H] from the encoder's own form."""
        if hidden.ref() not in self._unpacked:
            self._unpacked[hidden.ref()] = self._encoder.unpack(hidden)
        return self._unpacked[hidden.ref()]

    @contextlib.contextmanager
    def _reentered(self, reuse=None):
        with tf.variable_scope(self._scope, auxiliary_name_scope=False, reuse=reuse):
            with tf.name_scope(self._scope.original_name_scope):
                yield

    def _layers(self):
        with self._reentered(reuse=True):
            return self._encoder.layers()

    @property
    def embedding_table(self):
        """See `get_embedding_table`."""
        return self._encoder.embedding_table

    @property
    def word_embedding_output(self):
        """See `get_word_embedding_output`."""
        return self._unpack(self._encoder.word_embeddings)

    @property
    def embedding_output(self):
        """See `get_embedding_output`."""
        return self._unpack(self._encoder.embeddings)

    @property
    def all_encoder_layers(self):
        """See `get_all_encoder_layers`."""
        return [self._unpack(layer) for layer in self._layers()]

    @property
    def sequence_output(self):
        """See `get_sequence_output`."""
        return self._unpack(self._layers()[-1])

    def get_pooled_output(self):
        """Returns `[CLS]` after the pooler: float Tensor of shape [batch_size, hidden_size]."""
        return self.pooled_output

    def get_sequence_output(self):
        """Returns the final hidden states: float Tensor [batch_size, seq_length, hidden_size].

        It includes `[CLS]` and `[SEP]`. Values at padding positions are meaningless.
        """
        return self.sequence_output

    def get_sequence_pooled_output(self):
        """Returns every token after the sequence-output pooler.

        This is a dense tanh layer over each token's final hidden vector, like BERT's pooler over
        that of `[CLS]`. The first call creates its variables `sequence_output/dense/{kernel,bias}`.

        Returns:
          float Tensor of shape [batch_size, seq_length, hidden_size].
        """
        if self._sequence_pooled_output is None:
            hidden = self._layers()[-1]
            with self._reentered(), tf.variable_scope("sequence_output"):
                self._sequence_pooled_output = self._encoder.unpack(self._pool(hidden))
        return self._sequence_pooled_output

    def get_all_encoder_layers(self):
        """Returns each layer's output: a list of Tensors like that of `get_sequence_output`."""
        return self.all_encoder_layers

    def get_word_embedding_output(self):
        """Returns only the word embeddings: float Tensor [batch_size, seq_length, hidden_size]."""
        return self.word_embedding_output

    def get_embedding_output(self):
        """Returns the encoder's input: float Tensor [batch_size, seq_length, hidden_size].

        This is the sum of word, position and segment embeddings, after LayerNorm and dropout.
        """
        return self.embedding_output

    def get_embedding_table(self):
        """Returns the word embedding table: float Variable [vocab_size, hidden_size]."""
        return self.embedding_table


def gelu(x):
    """Gaussian Error Linear Unit, exact: x * Phi(x).

    Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415, section 2.

    Args:
      x: float Tensor.

    Returns:
      float Tensor of the shape of `x`.
    """
    return 0.5 * x * (1.0 + tf.math.erf(x / math.sqrt(2.0)))


def gelu_tanh(x):
    """GELU in its tanh approximation (same paper, section 2); see `gelu`."""
    cdf = 0.5 * (1.0 + tf.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * tf.pow(x, 3))))
    return x * cdf


_ACTIVATIONS = {
    "linear": None,
    "relu": tf.nn.relu,
    "tanh": tf.tanh,
    "gelu": gelu,
    "gelu_new": gelu_tanh,
    "gelu_tanh": gelu_tanh,
    "gelu_pytorch_tanh": gelu_tanh,
}


def get_activation(activation_string):
    """Returns the function of an activation's name, e.g. "relu" => `tf.nn.relu`.

    Args:
      activation_string: string name, or a function, which is returned unchanged.

    Returns:
      A function of a float Tensor, or None for "linear", "" and None.

    Raises:
      ValueError: The name is unknown.
    """
    if not isinstance(activation_string, six.string_types):
        if activation_string is not None and not callable(activation_string):
            raise ValueError("hidden_act must be a name; found %r." % (activation_string,))
        return activation_string
    if not activation_string:
        return None
    name = activation_string.lower()
    if name not in _ACTIVATIONS:
        raise ValueError(
            "Unsupported activation: %r; known are %s." % (name, ", ".join(sorted(_ACTIVATIONS)))
        )
    return _ACTIVATIONS[name]


def get_assignment_map_from_checkpoint(tvars, init_checkpoint):
    """Matches variables with those of a checkpoint by name.

    Args:
      tvars: list of variables.
      init_checkpoint: string path (prefix) of a checkpoint.

    Returns:
      (assignment_map, initialized_variable_names): an OrderedDict from the checkpoint's names to
      the graph's, for `tf.train.init_from_checkpoint`, and a dict whose keys are the matched
      names, with and without ":0".
    """
    names = {re.sub(r":\d+$", "", var.name) for var in tvars}
    assignment_map = collections.OrderedDict()
    initialized_variable_names = {}
    for name, _ in tf.train.list_variables(init_checkpoint):
        if name in names:
            assignment_map[name] = name
            initialized_variable_names[name] = 1
            initialized_variable_names[name + ":0"] = 1
    return (assignment_map, initialized_variable_names)


def dropout(input_tensor, dropout_prob):
    """Applies dropout.

    Which values are dropped depends on the graph's seed, the position in the graph, and the global
    step (or the Tensor in the collection `DROPOUT_STEP`), if the graph has these. So a training
    that resumes from a checkpoint drops the same values as one that was not interrupted.

    Args:
      input_tensor: float Tensor.
      dropout_prob: Python float. The probability of dropping a value (not of keeping it), rounded
        to a multiple of 1 / 65536, but not to 0 or 1.

    Returns:
      float Tensor of the shape of `input_tensor`.
    """
    if dropout_prob is None or dropout_prob == 0.0:
        return input_tensor
    drop, factor = _make_dropout(tf.shape(input_tensor), dropout_prob)
    return input_tensor * drop(tf.constant(factor, input_tensor.dtype))


def _make_dropout(shape, dropout_prob):
    """Draws which values of a shape are dropped.

    Returns:
      (drop, factor): a function that broadcasts a float Tensor to this shape and sets the dropped
      values to zero, and the float by which the other values must be multiplied.
    """
    if not dropout_prob:
        return (lambda values: values), 1.0
    # Only 16 random bits per value: drawing them is most of the work.
    dropped = min(max(1, int(round(dropout_prob * 65536))), 65535)
    size = tf.reduce_prod(shape)
    bits = tf.random.stateless_uniform(
        [(size + 1) // 2], _dropout_seed(), minval=None, maxval=None, dtype=tf.int32
    )
    bits = tf.reshape(tf.reshape(tf.bitcast(bits, tf.int16), [-1])[:size], shape)
    is_kept = bits >= dropped - 32768  # One byte per value; nothing else is kept.
    factor = 65536.0 / (65536 - dropped)
    return (lambda values: tf.cast(is_kept, values.dtype) * values), factor


def _dropout_seed():
    """Returns the seed of an op that draws random bits, int Tensor [2]; it differs for each op."""
    graph_seed, op_seed = tf.get_seed(None)
    if graph_seed is None:
        return tf.random.uniform([2], maxval=2**31 - 1, dtype=tf.int32)
    steps = tf.get_collection(DROPOUT_STEP) or [tf.train.get_global_step()]
    step = steps[0]
    if step is None:
        return tf.random.uniform([2], maxval=2**31 - 1, dtype=tf.int32, seed=op_seed)
    return tf.stack([tf.constant(graph_seed * 2**32 + op_seed, tf.int64), tf.cast(step, tf.int64)])


def layer_norm(input_tensor, name=None, epsilon=1e-12):
    """Normalizes over the last dimension; variables `beta` and `gamma` in scope "LayerNorm".

    Ba et al. 2016, https://arxiv.org/abs/1607.06450, section 3.
    """
    with tf.variable_scope(name, default_name="LayerNorm"):
        gamma, beta = _layer_norm_variables(input_tensor)
        mean, variance = tf.nn.moments(input_tensor, axes=[-1], keep_dims=True)
        return tf.nn.batch_normalization(input_tensor, mean, variance, beta, gamma, epsilon)


def _layer_norm_variables(input_tensor):
    width = get_shape_list(input_tensor)[-1]
    beta = tf.get_variable("beta", [width], initializer=tf.zeros_initializer())
    gamma = tf.get_variable("gamma", [width], initializer=tf.ones_initializer())
    return gamma, beta


def layer_norm_and_dropout(input_tensor, dropout_prob, name=None, epsilon=1e-12):
    """Applies layer normalization, then dropout."""
    return dropout(layer_norm(input_tensor, name, epsilon), dropout_prob)


def create_initializer(initializer_range=0.02):
    """Returns a truncated normal initializer with the given standard deviation."""
    return tf.truncated_normal_initializer(stddev=initializer_range)


def embedding_lookup(
    input_ids,
    vocab_size,
    embedding_size=128,
    initializer_range=0.02,
    word_embedding_name="word_embeddings",
    use_one_hot_embeddings=False,
):
    """Looks up word embeddings.

    Args:
      input_ids: int32 Tensor of shape [batch_size, seq_length] or [batch_size, seq_length,
        num_inputs], whose embeddings are concatenated.
      vocab_size: int. Rows of the table.
      embedding_size: int. Width of the table.
      initializer_range: float. Standard deviation of new embeddings.
      word_embedding_name: string. Name of the table.
      use_one_hot_embeddings: bool. Look up by a product with one-hot rows instead of gathering.

    Returns:
      float Tensor of shape [batch_size, seq_length, num_inputs * embedding_size], and the table,
      a Variable of shape [vocab_size, embedding_size].
    """
    if input_ids.shape.ndims == 2:
        input_ids = tf.expand_dims(input_ids, axis=[-1])  # [B, S, 1]
    embedding_table = tf.get_variable(
        name=word_embedding_name,
        shape=[vocab_size, embedding_size],
        initializer=create_initializer(initializer_range),
    )
    flat_input_ids = tf.reshape(input_ids, [-1])
    if use_one_hot_embeddings:
        output = tf.matmul(tf.one_hot(flat_input_ids, depth=vocab_size), embedding_table)
    else:
        output = _gather_rows(embedding_table, flat_input_ids)
    input_shape = get_shape_list(input_ids)
    output = tf.reshape(output, input_shape[0:-1] + [input_shape[-1] * embedding_size])
    return (output, embedding_table)


def _gather_rows(table, indices):
    # Gathers from the variable's value: after a gather from the variable itself, TensorFlow copies
    # the whole table at each update (its kernels' "copy-on-read mode").
    return tf.gather(tf.convert_to_tensor(table), indices)


def embedding_postprocessor(
    input_tensor,
    use_token_type=False,
    token_type_ids=None,
    token_type_vocab_size=16,
    token_type_embedding_name="token_type_embeddings",
    use_position_embeddings=True,
    position_embedding_name="position_embeddings",
    initializer_range=0.02,
    max_position_embeddings=512,
    dropout_prob=0.1,
    layer_norm_eps=1e-12,
):
    """Adds segment and position embeddings, normalizes, and applies dropout.

    Args:
      input_tensor: float Tensor of shape [batch_size, seq_length, embedding_size].
      use_token_type: bool. Whether to add segment embeddings.
      token_type_ids: (optional) int32 Tensor of shape [batch_size, seq_length].
      token_type_vocab_size: int. Number of segment ids.
      token_type_embedding_name: string. Name of the segment embedding table.
      use_position_embeddings: bool. Whether to add position embeddings.
      position_embedding_name: string. Name of the position embedding table.
      initializer_range: float. Standard deviation of new embeddings.
      max_position_embeddings: int. Longest sequence; may be longer than `seq_length`.
      dropout_prob: float. Dropout of the result.
      layer_norm_eps: float. Added to the variance.

    Returns:
      float Tensor of the shape of `input_tensor`.

    Raises:
      ValueError: `token_type_ids` is missing, or `seq_length` is above
        `max_position_embeddings` (an `InvalidArgumentError` at run time, where it is not static).
    """
    width = get_shape_list(input_tensor, expected_rank=3)[2]
    output = input_tensor
    if use_token_type:
        if token_type_ids is None:
            raise ValueError("`token_type_ids` must be given if `use_token_type` is True.")
        token_type_table = tf.get_variable(
            name=token_type_embedding_name,
            shape=[token_type_vocab_size, width],
            initializer=create_initializer(initializer_range),
        )
        output += _token_type_embeddings(token_type_table, token_type_ids)
    if use_position_embeddings:
        position_table = tf.get_variable(
            name=position_embedding_name,
            shape=[max_position_embeddings, width],
            initializer=create_initializer(initializer_range),
        )
        output += _position_embeddings(position_table, input_tensor)
    return layer_norm_and_dropout(output, dropout_prob, epsilon=layer_norm_eps)


def _token_type_embeddings(token_type_table, token_type_ids):
    # A product with one-hot rows: the table is tiny, and its gradient is a product too.
    vocab_size, width = get_shape_list(token_type_table)
    one_hot_ids = tf.one_hot(tf.reshape(token_type_ids, [-1]), depth=vocab_size)
    embeddings = tf.matmul(one_hot_ids, token_type_table)
    return tf.reshape(embeddings, get_shape_list(token_type_ids) + [width])  # [B, S, H]


def _position_embeddings(position_table, input_tensor):
    width = get_shape_list(position_table)[1]
    seq_length = get_shape_list(input_tensor)[1]
    with tf.control_dependencies(_check_length(seq_length, position_table)):
        # Positions are the same in each row, so one slice serves the whole batch: [1, S, H]
        return tf.slice(position_table, [0, 0], [seq_length, width])[tf.newaxis]


def _check_length(seq_length, position_table):
    """Checks that there are enough positions, here or by the ops it returns, to be run first."""
    max_positions = get_shape_list(position_table)[0]
    if isinstance(seq_length, int) and seq_length > max_positions:
        raise ValueError(
            "The sequence length (%d) is above max_position_embeddings (%d)."
            % (seq_length, max_positions)
        )
    return [tf.assert_less_equal(seq_length, max_positions)]


def create_attention_mask_from_input_mask(from_tensor, to_mask):
    """Makes a 3D attention mask from a 2D input mask.

    Args:
      from_tensor: 2D or 3D Tensor of shape [batch_size, from_seq_length, ...].
      to_mask: int32 Tensor of shape [batch_size, to_seq_length].

    Returns:
      float Tensor of shape [batch_size, from_seq_length, to_seq_length]: 1.0 where a position may
      be attended to. Padding attends as tokens do; what comes of it is never used.
    """
    batch_size, from_seq_length = get_shape_list(from_tensor, expected_rank=[2, 3])[:2]
    to_seq_length = get_shape_list(to_mask, expected_rank=2)[1]
    to_mask = tf.cast(tf.reshape(to_mask, [batch_size, 1, to_seq_length]), tf.float32)
    return tf.ones([batch_size, from_seq_length, 1], tf.float32) * to_mask


def dense_layer_2d(input_tensor, output_size, initializer, activation, name=None):
    """Applies a dense layer to the last dimension; variables `kernel` and `bias` in scope `name`.

    Args:
      input_tensor: float Tensor of shape [..., input_size].
      output_size: int. Width of the result.
      initializer: Kernel initializer.
      activation: function or None.
      name: string. Name of the layer's scope.

    Returns:
      float Tensor of shape [..., output_size].
    """
    input_shape = get_shape_list(input_tensor)
    with tf.variable_scope(name, default_name="dense"):
        kernel = tf.get_variable("kernel", [input_shape[-1], output_size], initializer=initializer)
        bias = tf.get_variable("bias", [output_size], initializer=tf.zeros_initializer())
        # One matrix product over all rows: a batched product with a broadcast kernel is slower.
        output = tf.nn.bias_add(tf.matmul(reshape_to_matrix(input_tensor), kernel), bias)
        if activation is not None:
            output = activation(output)
    return reshape_from_matrix(output, input_shape)


def dense_layer_3d(
    input_tensor, num_attention_heads, size_per_head, initializer, activation, name=None
):
    """Applies a dense layer whose output is split into heads.

    Args:
      input_tensor: float Tensor of shape [batch_size, seq_length, hidden_size].
      num_attention_heads: int. Heads N.
      size_per_head: int. Width D of each head.
      initializer: Kernel initializer.
      activation: function or None.
      name: string. Name of the layer's scope.

    Returns:
      float Tensor of shape [batch_size, seq_length, num_attention_heads, size_per_head].
    """
    width = num_attention_heads * size_per_head
    output = dense_layer_2d(input_tensor, width, initializer, activation, name)
    output_shape = get_shape_list(input_tensor)[:-1] + [num_attention_heads, size_per_head]
    return tf.reshape(output, output_shape)


def dense_layer_3d_proj(
    input_tensor, hidden_size, num_attention_heads, head_size, initializer, activation, name=None
):
    """Joins the heads and applies a dense layer.

    Args:
      input_tensor: float Tensor of shape [batch_size, seq_length, num_attention_heads, head_size].
      hidden_size: int. Width of the result.
      num_attention_heads: int. Heads N.
      head_size: int. Width D of each head.
      initializer: Kernel initializer.
      activation: function or None.
      name: string. Name of the layer's scope.

    Returns:
      float Tensor of shape [batch_size, seq_length, hidden_size].
    """
    output_shape = get_shape_list(input_tensor)[:-2] + [num_attention_heads * head_size]
    joined = tf.reshape(input_tensor, output_shape)
    return dense_layer_2d(joined, hidden_size, initializer, activation, name)


def attention_layer(
    from_tensor,
    to_tensor,
    attention_mask=None,
    num_attention_heads=1,
    size_per_head=512,
    query_act=None,
    key_act=None,
    value_act=None,
    attention_probs_dropout_prob=0.0,
    initializer_range=0.02,
    batch_size=None,
    from_seq_length=None,
    to_seq_length=None,
):
    """Attends from `from_tensor` to `to_tensor` with several heads.

    Vaswani et al. 2017, section 3.2.2, with the heads' widths equal.

    Args:
      from_tensor: float Tensor of shape [batch_size, from_seq_length, from_width].
      to_tensor: float Tensor of shape [batch_size, to_seq_length, to_width].
      attention_mask: (optional) Tensor of shape [batch_size, from_seq_length, to_seq_length]: 1
        where a position may be attended to, 0 where not.
      num_attention_heads: int. Heads N.
      size_per_head: int. Width D of each head.
      query_act: (optional) Activation of the queries.
      key_act: (optional) Activation of the keys.
      value_act: (optional) Activation of the values.
      attention_probs_dropout_prob: float. Dropout of the attention probabilities.
      initializer_range: float. Standard deviation of new weights.
      batch_size: unused; shapes are taken from the tensors. Kept for the signature.
      from_seq_length: unused, likewise.
      to_seq_length: unused, likewise.

    Returns:
      float Tensor of shape [batch_size, from_seq_length, num_attention_heads, size_per_head].

    Raises:
      ValueError: The tensors' ranks differ from 3.
    """
    del batch_size, from_seq_length, to_seq_length
    assert_rank(from_tensor, 3)
    assert_rank(to_tensor, 3)
    heads = (num_attention_heads, size_per_head, create_initializer(initializer_range))
    query = dense_layer_3d(from_tensor, *heads, activation=query_act, name="query")  # [B, F, N, D]
    key = dense_layer_3d(to_tensor, *heads, activation=key_act, name="key")  # [B, T, N, D]
    value = dense_layer_3d(to_tensor, *heads, activation=value_act, name="value")  # [B, T, N, D]

    query = tf.transpose(query, [0, 2, 1, 3])  # [B, N, F, D]
    key = tf.transpose(key, [0, 2, 1, 3])  # [B, N, T, D]
    scores = tf.matmul(query, key, transpose_b=True)  # [B, N, F, T]
    scores = tf.multiply(scores, 1.0 / math.sqrt(float(size_per_head)))
    if attention_mask is not None:
        attention_mask = tf.cast(tf.expand_dims(attention_mask, axis=[1]), tf.float32)
        # Added before the softmax, it makes the weight of masked positions zero.  [B, 1, F, T]
        scores += (1.0 - attention_mask) * -10000.0
    probs = dropout(tf.nn.softmax(scores), attention_probs_dropout_prob)  # [B, N, F, T]

    value = tf.transpose(value, [0, 2, 1, 3])  # [B, N, T, D]
    context = tf.matmul(probs, value)  # [B, N, F, D]
    return tf.transpose(context, [0, 2, 1, 3])  # [B, F, N, D]


def transformer_model(
    input_tensor,
    attention_mask=None,
    hidden_size=768,
    num_hidden_layers=12,
    num_attention_heads=12,
    intermediate_size=3072,
    intermediate_act_fn=gelu,
    hidden_dropout_prob=0.1,
    attention_probs_dropout_prob=0.1,
    initializer_range=0.02,
    do_return_all_layers=False,
    layer_norm_eps=1e-12,
):
    """Builds the Transformer encoder: post-norm layers of self-attention and feed-forward.

    Args:
      input_tensor: float Tensor of shape [batch_size, seq_length, hidden_size].
      attention_mask: (optional) Tensor of shape [batch_size, seq_length, seq_length], 1 where a
        position may be attended to.
      hidden_size: int. Width H.
      num_hidden_layers: int. Layers.
      num_attention_heads: int. Heads N.
      intermediate_size: int. Width of the feed-forward layer.
      intermediate_act_fn: function or None. Its activation.
      hidden_dropout_prob: float. Dropout of dense outputs.
      attention_probs_dropout_prob: float. Dropout of the attention probabilities.
      initializer_range: float. Standard deviation of new weights.
      do_return_all_layers: bool. Return all layers' outputs, not the last alone.
      layer_norm_eps: float. Added to the variance.

    Returns:
      float Tensor of shape [batch_size, seq_length, hidden_size], or a list of one for each layer.

    Raises:
      ValueError: `hidden_size` is not a multiple of the heads, or not the width of the input.
    """
    if hidden_size % num_attention_heads != 0:
        raise ValueError(
            "The hidden size (%d) is not a multiple of the number of attention heads (%d)."
            % (hidden_size, num_attention_heads)
        )
    input_width = get_shape_list(input_tensor, expected_rank=3)[2]
    if input_width != hidden_size:  # The residual connections add both.
        raise ValueError(
            "The width of the input (%d) is not the hidden size (%d)." % (input_width, hidden_size)
        )
    layer_output = input_tensor
    all_layer_outputs = []
    for layer_index in range(num_hidden_layers):
        with tf.variable_scope("layer_%d" % layer_index):
            attention_output = _self_attention(
                layer_output,
                attention_mask,
                num_attention_heads,
                attention_probs_dropout_prob,
                hidden_dropout_prob,
                initializer_range,
                layer_norm_eps,
            )
            layer_output = _feed_forward(
                attention_output,
                intermediate_size,
                intermediate_act_fn,
                hidden_dropout_prob,
                initializer_range,
                layer_norm_eps,
            )
            all_layer_outputs.append(layer_output)
    return all_layer_outputs if do_return_all_layers else layer_output


def _self_attention(
    layer_input,
    attention_mask,
    num_attention_heads,
    attention_probs_dropout_prob,
    hidden_dropout_prob,
    initializer_range,
    layer_norm_eps,
):
    hidden_size = get_shape_list(layer_input)[-1]
    with tf.variable_scope("attention"):
        with tf.variable_scope("self"):
            context = attention_layer(
                from_tensor=layer_input,
                to_tensor=layer_input,
                attention_mask=attention_mask,
                num_attention_heads=num_attention_heads,
                size_per_head=hidden_size // num_attention_heads,
                attention_probs_dropout_prob=attention_probs_dropout_prob,
                initializer_range=initializer_range,
            )  # [B, S, N, D]
        with tf.variable_scope("output"):
            context = tf.reshape(context, get_shape_list(layer_input))
            return _add_and_normalize(
                context, layer_input, hidden_dropout_prob, initializer_range, layer_norm_eps
            )


def _feed_forward(
    attention_output,
    intermediate_size,
    intermediate_act_fn,
    hidden_dropout_prob,
    initializer_range,
    layer_norm_eps,
    layer_norm_fn=layer_norm,
):
    initializer = create_initializer(initializer_range)
    with tf.variable_scope("intermediate"):
        intermediate_output = dense_layer_2d(
            attention_output, intermediate_size, initializer, intermediate_act_fn, "dense"
        )
    with tf.variable_scope("output"):
        return _add_and_normalize(
            intermediate_output,
            attention_output,
            hidden_dropout_prob,
            initializer_range,
            layer_norm_eps,
            layer_norm_fn,
        )


def _add_and_normalize(
    input_tensor,
    residual,
    hidden_dropout_prob,
    initializer_range,
    layer_norm_eps,
    layer_norm_fn=layer_norm,
):
    """Ends both halves of a layer: dense layer, dropout, residual connection, LayerNorm."""
    hidden_size = get_shape_list(residual)[-1]
    initializer = create_initializer(initializer_range)
    output = dense_layer_2d(input_tensor, hidden_size, initializer, None, "dense")
    output = dropout(output, hidden_dropout_prob)
    return layer_norm_fn(output + residual, epsilon=layer_norm_eps)


def get_shape_list(tensor, expected_rank=None, name=None):
    """Returns the shape of a tensor as a list, with static dimensions if they are known.

    Args:
      tensor: Tensor.
      expected_rank: (optional) int or list of ints. Another rank is refused.
      name: (optional) string. Name of the tensor in the error.

    Returns:
      list of Python ints, and of int32 scalar Tensors for dynamic dimensions.
    """
    if expected_rank is not None:
        assert_rank(tensor, expected_rank, name)
    shape = tensor.shape.as_list()
    if None not in shape:
        return shape
    dynamic_shape = tf.shape(tensor)
    return [dynamic_shape[i] if dim is None else dim for i, dim in enumerate(shape)]


def reshape_to_matrix(input_tensor):
    """Reshapes a Tensor of rank >= 2 to rank 2, keeping the last dimension."""
    ndims = input_tensor.shape.ndims
    if ndims < 2:
        raise ValueError(
            "The input must have at least rank 2; its shape is %s." % input_tensor.shape
        )
    if ndims == 2:
        return input_tensor
    return tf.reshape(input_tensor, [-1, get_shape_list(input_tensor)[-1]])


def reshape_from_matrix(output_tensor, orig_shape_list):
    """Restores the leading dimensions of `orig_shape_list` in a rank 2 Tensor."""
    if len(orig_shape_list) == 2:
        return output_tensor
    width = get_shape_list(output_tensor)[-1]
    return tf.reshape(output_tensor, list(orig_shape_list[0:-1]) + [width])


def assert_rank(tensor, expected_rank, name=None):
    """Raises `ValueError` if the rank of `tensor` is not (one of) `expected_rank`."""
    expected = [expected_rank] if isinstance(expected_rank, six.integer_types) else expected_rank
    actual_rank = tensor.shape.ndims
    if actual_rank not in expected:
        raise ValueError(
            "For the tensor `%s` in scope `%s`, the actual rank %s (shape = %s) is not the "
            "expected rank %s."
            % (
                name or getattr(tensor, "name", "?"),
                tf.get_variable_scope().name,
                actual_rank,
                tensor.shape,
                expected_rank,
            )
        )


# The two encoders of `BertModel`: over whole rectangles, and over tokens only.


class _PaddedEncoder(object):
    """Embeddings and layers over all of [batch_size, seq_length]: the reference.

    It consists of the public functions above, with TensorFlow's own gradients.
    """

    def __init__(
        self, config, is_training, input_ids, input_mask, token_type_ids, use_one_hot_embeddings
    ):
        del is_training
        with tf.variable_scope("embeddings"):
            self.word_embeddings, self.embedding_table = embedding_lookup(
                input_ids=input_ids,
                vocab_size=config.vocab_size,
                embedding_size=config.hidden_size,
                initializer_range=config.initializer_range,
                word_embedding_name="word_embeddings",
                use_one_hot_embeddings=use_one_hot_embeddings,
            )
            self.embeddings = embedding_postprocessor(
                input_tensor=self.word_embeddings,
                use_token_type=True,
                token_type_ids=token_type_ids,
                token_type_vocab_size=config.type_vocab_size,
                token_type_embedding_name="token_type_embeddings",
                use_position_embeddings=True,
                position_embedding_name="position_embeddings",
                initializer_range=config.initializer_range,
                max_position_embeddings=config.max_position_embeddings,
                dropout_prob=config.hidden_dropout_prob,
                layer_norm_eps=config.layer_norm_eps,
            )
        with tf.variable_scope("encoder"):
            self._all_layers = transformer_model(
                input_tensor=self.embeddings,
                attention_mask=create_attention_mask_from_input_mask(input_ids, input_mask),
                hidden_size=config.hidden_size,
                num_hidden_layers=config.num_hidden_layers,
                num_attention_heads=config.num_attention_heads,
                intermediate_size=config.intermediate_size,
                intermediate_act_fn=get_activation(config.hidden_act),
                hidden_dropout_prob=config.hidden_dropout_prob,
                attention_probs_dropout_prob=config.attention_probs_dropout_prob,
                initializer_range=config.initializer_range,
                do_return_all_layers=True,
                layer_norm_eps=config.layer_norm_eps,
            )
        self.first_tokens = tf.squeeze(self._all_layers[-1][:, 0:1, :], axis=1)  # [B, H]

    def layers(self):
        """Returns each layer's output, [B, S, H]."""
        return self._all_layers

    def unpack(self, hidden):
        """Returns its argument, which is [B, S, H] already."""
        return hidden


# Padding-free execution.
#
# Two rows, "a b c" and "x y", with S = 3: B * S = 6 positions, of which one, "-", is padding, and
# T = 5 tokens. Embeddings, dense layers, LayerNorms and activations are computed on the packed
# form; only attention uses a rectangle, as long as the longest row (here L = 3).
#
#     input_ids [B, S]      packed [T, H]         rectangle [B, N, L, D]      unpacked [B, S, H]
#
#       0:a  1:b  2:c         0: a                  a  b  c                     a  b  c
#       3:x  4:y  5:-         1: b                  x  y  *                     x  y  0
#                             2: c
#                             3: x              (* some token, whose attention
#                             4: y               weight the bias makes zero)
#
#     `_Tokens.pack` gathers the tokens row by row; `_Tokens.unpack` scatters them back and fills in
#     zeros. `_Rectangle.fill` moves each row's tokens to its left end, `_Rectangle.take` back.
#     The first position of each row always counts as a token, even if it is masked, since the
#     pooled output needs it.


class _PackedEncoder(object):
    """Embeddings and layers only over the tokens of `_Tokens`, one row after the other: [T, H].

    Attention, a small part of the work, uses a rectangle as long as the longest row. The last layer
    is built for the first token of each row, since the pooled output needs nothing else, and for
    all tokens only if they are requested.
    """

    def __init__(
        self, config, is_training, input_ids, input_mask, token_type_ids, use_one_hot_embeddings
    ):
        self._config = config
        self._activation = _activation_for(config, is_training)
        self._tokens = _Tokens(input_mask, config.num_attention_heads)
        with tf.variable_scope("embeddings"):
            self._build_embeddings(input_ids, token_type_ids, use_one_hot_embeddings)
        self._all_layers = []
        hidden = self.embeddings
        for index in range(config.num_hidden_layers - 1):
            hidden = self._layer(index, hidden)
            self._all_layers.append(hidden)
        self._last_input = hidden
        self.first_tokens = self._layer(config.num_hidden_layers - 1, hidden, first_only=True)

    def layers(self):
        """Returns each layer's output, [T, H]."""
        last = self._config.num_hidden_layers - 1
        if len(self._all_layers) == last:
            self._all_layers.append(self._layer(last, self._last_input))
        return self._all_layers

    def unpack(self, hidden):
        """Returns [B, S, H] from [T, H], with zeros at padding positions."""
        return self._tokens.unpack(hidden)

    def _build_embeddings(self, input_ids, token_type_ids, use_one_hot_embeddings):
        config, tokens = self._config, self._tokens
        initializer = create_initializer(config.initializer_range)

        def table(name, num_rows):
            return tf.get_variable(name, [num_rows, config.hidden_size], initializer=initializer)

        words, self.embedding_table = embedding_lookup(
            input_ids=tokens.pack(input_ids)[tf.newaxis],
            vocab_size=config.vocab_size,
            embedding_size=config.hidden_size,
            initializer_range=config.initializer_range,
            word_embedding_name="word_embeddings",
            use_one_hot_embeddings=use_one_hot_embeddings,
        )
        self.word_embeddings = words[0]  # [T, H]
        token_types = table("token_type_embeddings", config.type_vocab_size)
        positions = table("position_embeddings", config.max_position_embeddings)
        with tf.control_dependencies(_check_length(tokens.seq_length, positions)):
            output = self.word_embeddings + _gather_rows(positions, tokens.positions)
        output += _token_type_embeddings(token_types, tokens.pack(token_type_ids))
        normalized = _layer_norm_with_gradient(output, config.layer_norm_eps)
        self.embeddings = dropout(normalized, config.hidden_dropout_prob)

    def _layer(self, index, hidden, first_only=False):
        """Builds a layer for the queries of all tokens, [T, H], or of first tokens, [B, H]."""
        config = self._config
        queries = self._tokens.first_of_rows(hidden) if first_only else hidden
        with tf.variable_scope("encoder/layer_%d" % index):
            with tf.variable_scope("attention"):
                with tf.variable_scope("self"):
                    context = self._attention(queries, hidden, first_only)
                with tf.variable_scope("output"):
                    attention_output = _add_and_normalize(
                        context, queries, config.hidden_dropout_prob, config.initializer_range,
                        config.layer_norm_eps, _layer_norm_with_gradient,
                    )  # fmt: skip
            return _feed_forward(
                attention_output,
                config.intermediate_size,
                self._activation,
                config.hidden_dropout_prob,
                config.initializer_range,
                config.layer_norm_eps,
                _layer_norm_with_gradient,
            )

    def _attention(self, queries, hidden, first_only):
        config, tokens = self._config, self._tokens
        width = config.hidden_size
        head_size = width // config.num_attention_heads
        initializer = create_initializer(config.initializer_range)
        query = dense_layer_2d(queries, width, initializer, None, "query")
        key = dense_layer_2d(hidden, width, initializer, None, "key")
        value = dense_layer_2d(hidden, width, initializer, None, "value")
        query *= 1.0 / math.sqrt(float(head_size))
        return _attend(
            query,
            key,
            value,
            tokens.attention_bias,
            config.attention_probs_dropout_prob,
            num_heads=config.num_attention_heads,
            queries_at=tokens.first_places if first_only else tokens.rectangle,
            keys_at=tokens.rectangle,
        )


class _Tokens(object):
    """The T tokens of a batch that are computed: those in its mask [B, S], and first positions.

    The first position of each row is computed even if it is masked, since the pooled output needs
    it. Tokens are listed row by row, [T, ...]. For attention, a rectangle [B, N, L, D] contains
    the N
    heads of each row's tokens, moved to the left. In both forms a token occurs at most once, so
    that moving tokens is a gather, and so is its gradient.

    Attributes:
      rectangle, first_places: Arguments of `_attend`.
      attention_bias: float [B, 1, 1, L].
      positions: int32 [T], each token's position in its row.
    """

    def __init__(self, input_mask, num_heads):
        self.batch_size, self.seq_length = get_shape_list(input_mask, expected_rank=2)
        is_real = tf.not_equal(input_mask, 0)  # [B, S]
        is_listed = tf.logical_or(is_real, tf.equal(tf.range(self.seq_length), 0))  # [B, S]
        flat = tf.reshape(is_listed, [-1])
        self._places = tf.cast(tf.where(flat)[:, 0], tf.int32)  # [T], in [B * S]
        self._num_tokens = tf.shape(self._places)[0]
        self.positions = self._places % self.seq_length  # [T]
        counted = tf.cumsum(tf.cast(flat, tf.int32), exclusive=True)
        self._tokens = tf.where_v2(flat, counted, self._num_tokens)  # [B * S], T: no token
        lengths = tf.reduce_sum(tf.cast(is_listed, tf.int32), axis=1)  # [B]
        self._starts = tf.cumsum(lengths, exclusive=True)  # [B]
        # At least zero: the maximum over no rows is the lowest integer.
        slots = tf.range(tf.maximum(tf.reduce_max(lengths), 0))  # [L]
        is_used = slots < lengths[:, tf.newaxis]  # [B, L]
        self.rectangle = self._make_rectangle(num_heads, slots, is_used)
        self.first_places = _Column(num_heads)
        self.attention_bias = self._make_bias(is_real, slots, is_used)

    def _make_rectangle(self, num_heads, slots, is_used):
        heads = tf.range(num_heads)
        tokens = tf.where_v2(is_used, self._starts[:, tf.newaxis] + slots, 0)  # [B, L]
        # [B, N, L], of T * N
        some_token = tokens[:, tf.newaxis] * num_heads + heads[:, tf.newaxis]
        token_or_none = tf.where_v2(
            is_used[:, tf.newaxis], some_token, self._num_tokens * num_heads
        )
        rows = self._places // self.seq_length  # [T]
        ranks = tf.range(self._num_tokens) - tf.gather(self._starts, rows)  # [T]
        # [T, N], of B * N * L
        places = (rows[:, tf.newaxis] * num_heads + heads) * tf.size(slots) + ranks[:, tf.newaxis]
        return _Rectangle(some_token, token_or_none, places)

    @staticmethod
    def _make_bias(is_real, slots, is_used):
        """Returns the bias added to attention scores: float Tensor [B, 1, 1, L]."""
        # Added before the softmax, it makes the weight of unused slots and masked first positions
        # zero; in a row without tokens, the first position still gets all the weight.
        first_is_masked = tf.logical_not(is_real[:, :1]) & tf.equal(slots, 0)  # [B, L]
        bias = tf.where_v2(is_used, tf.where_v2(first_is_masked, -10000.0, 0.0), -20000.0)
        return bias[:, tf.newaxis, tf.newaxis]

    def pack(self, values):
        """Returns [T] from [B, S]."""
        return tf.gather(tf.reshape(values, [-1]), self._places)

    def unpack(self, hidden):
        """Returns [B, S, H] from [T, H], with zeros at padding positions."""
        flat = _rearrange(
            hidden, lambda x: _gather(x, self._tokens), lambda g: tf.gather(g, self._places)
        )
        return tf.reshape(flat, [self.batch_size, self.seq_length, get_shape_list(hidden)[-1]])

    def first_of_rows(self, hidden):
        """Returns the first token of each row: [B, H] from [T, H]."""
        rows = self._places // self.seq_length
        rows_or_none = tf.where_v2(tf.equal(self.positions, 0), rows, self.batch_size)  # [T]
        return _rearrange(
            hidden, lambda x: tf.gather(x, self._starts), lambda g: _gather(g, rows_or_none)
        )


class _Rectangle(object):
    """Moves the heads of T tokens, [T * N, D], to a rectangle, [B, N, L, D], and back."""

    def __init__(self, some_token, token_or_none, places):
        """Creates the moves.

        Args:
          some_token: int32 Tensor of shape [B, N, L]. The head for each slot; some token's head for
            an unused slot.
          token_or_none: int32 Tensor of shape [B, N, L]. The same, but T * N for an unused slot.
          places: int32 Tensor of shape [T, N]. The slot of each token's head, among B * N * L.
        """
        self._some_token = some_token
        self._token_or_none = token_or_none
        self._places = places

    def fill(self, heads):
        """Returns [B, N, L, D] from [T * N, D]; unused slots contain some token's head."""
        return tf.gather(heads, self._some_token)

    def fill_with_zeros(self, heads):
        """Returns [B, N, L, D] from [T * N, D]; unused slots contain zeros."""
        return _gather(heads, self._token_or_none)

    def take(self, rectangle):
        """Returns [T * N, D] from [B, N, L, D]."""
        width = get_shape_list(rectangle)[-1]
        return tf.gather(tf.reshape(rectangle, [-1, width]), tf.reshape(self._places, [-1]))


class _Column(object):
    """The same moves for one token per row, [B, N, 1, D]: they are only reshapes."""

    def __init__(self, num_heads):
        self._num_heads = num_heads

    def fill(self, heads):
        """Returns [B, N, 1, D] from [B * N, D]."""
        return tf.reshape(heads, [-1, self._num_heads, 1, get_shape_list(heads)[-1]])

    fill_with_zeros = fill

    def take(self, column):
        """Returns [B * N, D] from [B, N, 1, D]."""
        return tf.reshape(column, [-1, get_shape_list(column)[-1]])


def _rearrange(vectors, forward, backward):
    """Moves vectors, each to at most one place.

    The gradient then moves them back. The gradient of `tf.gather` sums instead, which is slower.

    Args:
      vectors: float Tensor of shape [M, D].
      forward: function that returns the moved vectors.
      backward: function that moves vectors back.
    """

    @tf.custom_gradient
    def rearrange(vectors):
        shape = get_shape_list(vectors)
        return forward(vectors), lambda upstream: tf.reshape(backward(upstream), shape)

    return rearrange(vectors)


def _gather(vectors, indices):
    """Gathers from [M, D]; the index M yields zeros."""
    zeros = tf.zeros([1, get_shape_list(vectors)[-1]], vectors.dtype)
    return tf.gather(tf.concat([vectors, zeros], axis=0), indices)


def _attend(query, key, value, bias, dropout_prob, num_heads, queries_at, keys_at):
    """Computes attention in few passes over the probabilities, and in little memory.

    Args:
      query: float Tensor of shape [M, N * D], divided by the root of D.
      key: float Tensor of shape [T, N * D].
      value: float Tensor of shape [T, N * D].
      bias: float Tensor of shape [B, 1, 1, L], added to the scores.
      dropout_prob: Python float. Dropout of the probabilities.
      num_heads: int. N.
      queries_at: `_Rectangle` or `_Column` of the queries, [B, N, F, D].
      keys_at: `_Rectangle` of the keys and values, [B, N, L, D].

    Returns:
      float Tensor of shape [M, N * D].
    """
    width = get_shape_list(query)[-1]

    def split(flat):
        return tf.reshape(flat, [-1, width // num_heads])

    def join(heads):
        return tf.reshape(heads, [-1, width])

    @tf.custom_gradient
    def attend(query, key, value):
        query, key, value = (
            at.fill(split(flat))
            for at, flat in ((queries_at, query), (keys_at, key), (keys_at, value))
        )
        scores = tf.matmul(query, key, transpose_b=True) + bias  # [B, N, F, L]
        probs = tf.nn.softmax(scores)
        drop, factor = _make_dropout(tf.shape(probs), dropout_prob)
        context = queries_at.take(tf.matmul(drop(probs), value))  # [M * N, D]
        # Scaling the context is cheaper than scaling the probabilities, which are larger.
        context = context * factor if factor != 1.0 else context

        def gradient(upstream):
            upstream = split(upstream)  # [M * N, D]
            # The softmax's gradient needs a sum over L of an [F, L] array, which equals the sum
            # over D of context * upstream: Dao et al. 2022, https://arxiv.org/abs/2205.14135,
            # appendix B.2.
            total = tf.reduce_sum(context * upstream, axis=-1, keepdims=True)
            total = queries_at.fill_with_zeros(total)  # [B, N, F, 1]
            upstream = queries_at.fill_with_zeros(upstream * factor)
            upstream_of_dropped = tf.matmul(upstream, value, transpose_b=True)
            with tf.control_dependencies(
                [upstream]
            ):  # Otherwise they are computed early, and occupy memory.
                dropped = drop(probs)
                upstream_of_probs = drop(upstream_of_dropped)
            upstream_of_scores = (upstream_of_probs - total) * probs
            # Unused slots contribute nothing, since their attention weight is zero.
            gradients = (
                queries_at.take(tf.matmul(upstream_of_scores, key)),
                keys_at.take(tf.matmul(upstream_of_scores, query, transpose_a=True)),
                keys_at.take(tf.matmul(dropped, upstream, transpose_a=True)),
            )
            return [join(heads) for heads in gradients]

        return join(context), gradient

    return attend(query, key, value)


@tf.custom_gradient
def _gelu_with_gradient(x):
    """`gelu` with the gradient Phi(x) + x * phi(x), in fewer passes than TensorFlow's."""
    cdf = 0.5 + 0.5 * tf.math.erf(x * math.sqrt(0.5))

    def gradient(upstream):
        pdf = tf.exp(-0.5 * tf.square(x)) * (1.0 / math.sqrt(2.0 * math.pi))
        return upstream * (cdf + x * pdf)

    return x * cdf, gradient


def _activation_for(config, is_training):
    activation = get_activation(config.hidden_act)
    # Without a gradient, TensorFlow fuses the plain formula into the matrix product.
    return _gelu_with_gradient if is_training and activation is gelu else activation


def _layer_norm_with_gradient(input_tensor, epsilon=1e-12):
    """`layer_norm` in fewer passes; its gradient takes less than half the time of TensorFlow's."""

    def mean(x):
        return tf.reduce_mean(x, axis=-1, keepdims=True)

    @tf.custom_gradient
    def normalize(x, gamma, beta):
        centered = x - mean(x)
        scale = tf.math.rsqrt(mean(tf.square(centered)) + epsilon)  # [..., 1]
        normalized = centered * scale

        def gradient(upstream):
            rows = list(range(upstream.shape.ndims - 1))
            d_normalized = upstream * gamma
            shift = mean(d_normalized) + normalized * mean(d_normalized * normalized)
            return (
                (d_normalized - shift) * scale,
                tf.reduce_sum(upstream * normalized, axis=rows),
                tf.reduce_sum(upstream, axis=rows),
            )

        return normalized * gamma + beta, gradient

    with tf.variable_scope(None, default_name="LayerNorm"):
        return normalize(input_tensor, *_layer_norm_variables(input_tensor))
