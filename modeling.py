# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""The BERT graph: configuration, embeddings, Transformer encoder, and the two poolers.

Names, signatures, variable names and behaviour follow Google's `modeling.py`
(google-research/bert; PyPI `bert-tensorflow` 1.0.4), so code and checkpoints written for it work.
Additions: `BertModel.get_sequence_pooled_output`, `layer_norm_eps`, more activations, the settings
of models that have BERT's encoder (RoBERTa, DistilBERT, ELECTRA), and padding-free execution, which
the last section implements.

The model: Devlin et al. 2018, https://arxiv.org/abs/1810.04805. Its encoder: Vaswani et al. 2017,
https://arxiv.org/abs/1706.03762.

Shapes: B batch, S sequence, H hidden, N heads, D head width (H = N * D), F "from" positions
(queries), K "to" positions (keys and values), V vocabulary, T non-padding tokens in the batch.
"""

import collections
import contextlib
import copy
import difflib
import json
import math
import re
import reprlib

import six
import tensorflow.compat.v1 as tf

# Keys of released configs that do not affect this graph: first those of Google's multilingual and
# Chinese models, then Hugging Face's.
# fmt: off
_IGNORED_CONFIG_KEYS = frozenset((
    "directionality", "pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers",
    "pooler_size_per_head", "pooler_type",
    "_name_or_path", "architectures", "attn_implementation", "bos_token_id",
    "chunk_size_feed_forward", "dtype", "eos_token_id", "finetuning_task",
    "gradient_checkpointing", "id2label", "label2id", "model_type", "num_labels",
    "output_attentions", "output_hidden_states", "output_past", "pad_token_id",
    "position_embedding_type", "problem_type", "tie_word_embeddings", "torch_dtype",
    "torchscript", "transformers_version", "use_bfloat16", "use_cache",
))
# fmt: on
# Hugging Face keys, each with the only values that this graph implements.
_REQUIRED_VALUES = {
    "model_type": ("bert",),
    "position_embedding_type": ("absolute",),
    "is_decoder": (False,),
    "add_cross_attention": (False,),
    "pruned_heads": ({}, None),
}

# Each size's upper bound, far above that of any BERT. A graph of larger sizes could not be built.
_LARGEST_SIZES = {
    "vocab_size": 1 << 24,
    "hidden_size": 1 << 16,
    "num_hidden_layers": 1000,
    "num_attention_heads": 1 << 16,
    "intermediate_size": 1 << 18,
    "max_position_embeddings": 1 << 20,
    "type_vocab_size": 1 << 16,
    "embedding_size": 1 << 16,
    "position_offset": 1 << 16,
}

# Settings that Google's configs lack, with BERT's values. They are written only if they differ,
# so that Google's code can read the files of a BERT.
_FAMILY_SETTINGS = {
    "embedding_size": None,
    "position_offset": 0,
    "pooler_act": "tanh",
    "classifier_dropout": None,
    "family": "bert",
}

# Graph collection. If it contains an int Tensor, dropout masks depend on that Tensor instead of the
# global step. Gradient accumulation needs this: several batches share one global step, but must not
# share their masks.
DROPOUT_STEP = "dropout_step"
# Larger than the number of steps of any training run.
_MAX_STEPS = 2**40


class ConfigError(ValueError):
    """The values of a `BertConfig` are invalid, or its file cannot be read."""


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
        embedding_size=None,
        position_offset=0,
        pooler_act="tanh",
        classifier_dropout=None,
        family="bert",
    ):
        """Stores the values unchecked; see `validate`.

        Args:
          vocab_size: int. Number of rows in the word embedding table.
          hidden_size: int. Width H of the encoder.
          num_hidden_layers: int. Number of Transformer layers.
          num_attention_heads: int. Number of heads N in each layer; divides `hidden_size`.
          intermediate_size: int. Width of the feed-forward layer.
          hidden_act: string or function. Activation of the feed-forward layer, see
            `get_activation`. "gelu" is the exact (erf) GELU.
          hidden_dropout_prob: float in [0, 1). Dropout rate of dense outputs and embeddings.
          attention_probs_dropout_prob: float in [0, 1). Dropout rate of attention probabilities.
          max_position_embeddings: int. Maximum sequence length, in wordpieces.
          type_vocab_size: int. Number of segment ids; 0 for a model without segment embeddings.
          initializer_range: float in [0, 100). Standard deviation of new weights.
          layer_norm_eps: float in [0, 1). Added to the variance in LayerNorm.
          embedding_size: (optional) int. Width of the embeddings, if it differs from
            `hidden_size`: a dense layer then widens them, as in ELECTRA.
          position_offset: int. Number of unused rows at the start of the position table. RoBERTa
            has 2.
          pooler_act: string or function. Activation of the pooler, see `get_activation`.
          classifier_dropout: (optional) float in [0, 1). Dropout rate before a task's last layer;
            defaults to `hidden_dropout_prob`.
          family: string. Hugging Face's name of the architecture that the weights come from. It
            does not affect the graph.
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
        self.embedding_size = embedding_size
        self.position_offset = position_offset
        self.pooler_act = pooler_act
        self.classifier_dropout = classifier_dropout
        self.family = family

    @classmethod
    def from_dict(cls, json_object):
        """Builds and validates a config from a dict of parameters.

        Ignores keys of released configs that do not affect the graph.

        Raises:
          ConfigError: A key is unknown or mistyped, `vocab_size` is missing, a value is invalid, or
            the config belongs to an architecture other than BERT.
        """
        if not isinstance(json_object, dict):
            raise ConfigError(
                "A BERT config is a JSON object of parameters; found %s."
                % type(json_object).__name__
            )
        _reject_other_architectures(json_object)
        config = cls(vocab_size=None)
        known = set(config.__dict__)
        _reject_unknown_keys(json_object, known)
        for key in known & set(json_object):
            setattr(config, key, json_object[key])
        if config.hidden_act is None:  # In Python, None is the identity. In a file, it is a gap.
            raise ConfigError("hidden_act must be a name; found None.")
        config.validate()
        return config

    @classmethod
    def from_json_file(cls, json_file):
        """Builds and validates a config from a JSON file; errors name the file."""
        json_object = _read_json(json_file)
        try:
            return cls.from_dict(json_object)
        except ConfigError as error:
            raise ConfigError("%s: %s" % (json_file, error))

    def to_dict(self):
        """Returns the parameters as a dict, without those of other families if unset."""
        values = copy.deepcopy(self.__dict__)
        return {
            key: value
            for key, value in values.items()
            if key not in _FAMILY_SETTINGS or value != _FAMILY_SETTINGS[key]
        }

    def to_json_string(self):
        """Returns the parameters as JSON text."""
        return json.dumps(self.to_dict(), indent=2, sort_keys=True) + "\n"

    def validate(self):
        """Raises a `ConfigError` that names the first invalid parameter."""
        for key, high in _LARGEST_SIZES.items():
            value = getattr(self, key)
            if value is None and key == "embedding_size":
                continue
            low = 0 if key in ("type_vocab_size", "position_offset") else 1
            is_integer = isinstance(value, six.integer_types) and not isinstance(value, bool)
            if not is_integer or value < low:
                kind = "a positive integer" if low else "an integer of at least 0"
                raise ConfigError("%s must be %s; found %s." % (key, kind, reprlib.repr(value)))
            if value > high:
                raise ConfigError(
                    "%s must be at most %d; found %s." % (key, high, reprlib.repr(value))
                )
        for key, low, high in (
            ("hidden_dropout_prob", 0.0, 1.0),
            ("attention_probs_dropout_prob", 0.0, 1.0),
            ("classifier_dropout", 0.0, 1.0),
            ("initializer_range", 0.0, 100.0),
            ("layer_norm_eps", 0.0, 1.0),
        ):
            value = getattr(self, key)
            if value is None and key == "classifier_dropout":
                continue
            is_number = isinstance(value, (float, int)) and not isinstance(value, bool)
            if not is_number or not low <= value < high:
                raise ConfigError(
                    "%s must be in [%g, %g); found %s." % (key, low, high, reprlib.repr(value))
                )
        if self.hidden_size % self.num_attention_heads != 0:
            raise ConfigError(
                "The hidden size (%d) is not a multiple of the number of attention heads (%d)."
                % (self.hidden_size, self.num_attention_heads)
            )
        get_activation(self.hidden_act)
        get_activation(self.pooler_act)


def _read_json(json_file):
    try:
        with tf.io.gfile.GFile(json_file, "r") as reader:
            text = reader.read()
    except tf.errors.OpError as error:
        raise ConfigError("%s: the BERT config cannot be read (%s)." % (json_file, error.message))
    except UnicodeDecodeError as error:
        raise ConfigError("%s: a BERT config must be UTF-8 (%s)." % (json_file, error))
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError("%s: a BERT config must be JSON (%s)." % (json_file, error))


def _reject_other_architectures(json_object):
    for key, allowed in _REQUIRED_VALUES.items():
        if key in json_object and json_object[key] not in allowed:
            raise ConfigError(
                "%s is %s; only BERT models (%s %r) are supported."
                % (key, reprlib.repr(json_object[key]), key, allowed[0])
            )


def _reject_unknown_keys(json_object, known):
    # Hugging Face adds keys with each release. In its configs, an unknown key is an error only if
    # it resembles a parameter that is missing. Google's configs have a fixed set of keys.
    from_hugging_face = {"model_type", "architectures", "transformers_version"} & set(json_object)
    ignored = _IGNORED_CONFIG_KEYS | set(_REQUIRED_VALUES)
    for key in sorted(set(json_object) - known - ignored):
        near = difflib.get_close_matches(key, known - set(json_object), n=1, cutoff=0.8)
        if near:
            raise ConfigError("Unknown parameter %r; did you mean %r?" % (key, near[0]))
        if not from_hugging_face:
            raise ConfigError(
                "Unknown parameter %r; a BERT config has: %s." % (key, ", ".join(sorted(known)))
            )


class BertModel(object):
    """BERT ("Bidirectional Encoder Representations from Transformers").

    Example:

        # Wordpiece ids, as a tokenizer returns them
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
            for padding. If it is omitted, there is no padding.
          token_type_ids: (optional) int32 Tensor of shape [batch_size, seq_length]: segment ids.
          use_one_hot_embeddings: bool. Whether to look up word embeddings by multiplying one-hot
            rows by the table.
          scope: (optional) string. Variable scope; defaults to "bert".
          padding_free: bool. Whether to skip padding: to compute only positions with
            input_mask == 1. Outputs and gradients equal those of the padded graph, except that
            outputs at padding positions are zero. A row without tokens attends only to its first
            position. If a loss depends on both the pooled and the sequence output, the last layer
            draws separate dropout masks for the two.

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
                activation = get_activation(config.pooler_act)
                self.pooled_output = self._pool(self._encoder.first_tokens, activation)  # [B, H]

    def _pool(self, hidden, activation):
        initializer = create_initializer(self._config.initializer_range)
        return dense_layer_2d(hidden, self._config.hidden_size, initializer, activation, "dense")

    def _unpack(self, hidden):
        """Converts a Tensor from the encoder's own layout to [B, S, H]."""
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
        """Returns the pooler's output for `[CLS]`: float Tensor [batch_size, hidden_size]."""
        return self.pooled_output

    def get_sequence_output(self):
        """Returns the final hidden states: float Tensor [batch_size, seq_length, hidden_size].

        `[CLS]` and `[SEP]` are included. Values at padding positions are meaningless.
        """
        return self.sequence_output

    def get_sequence_pooled_output(self):
        """Returns the sequence-output pooler's output for every token.

        This pooler is a dense tanh layer over each token's final hidden vector, as BERT's pooler is
        over that of `[CLS]`. The first call creates its variables,
        `sequence_output/dense/{kernel,bias}`.

        Returns:
          float Tensor of shape [batch_size, seq_length, hidden_size].
        """
        if self._sequence_pooled_output is None:
            hidden = self._layers()[-1]
            with self._reentered(), tf.variable_scope("sequence_output"):
                self._sequence_pooled_output = self._encoder.unpack(self._pool(hidden, tf.tanh))
        return self._sequence_pooled_output

    def get_all_encoder_layers(self):
        """Returns the outputs of all layers, each shaped like that of `get_sequence_output`."""
        return self.all_encoder_layers

    def get_word_embedding_output(self):
        """Returns the word embeddings only: float Tensor [batch_size, seq_length, width].

        The width is `embedding_size` if the config sets it, else `hidden_size`.
        """
        return self.word_embedding_output

    def get_embedding_output(self):
        """Returns the encoder's input: float Tensor [batch_size, seq_length, hidden_size].

        It is the sum of word, position and segment embeddings, after LayerNorm and dropout, and
        after the layer that widens it, if the config sets `embedding_size`.
        """
        return self.embedding_output

    def get_embedding_table(self):
        """Returns the word embedding table: float Variable [vocab_size, hidden_size]."""
        return self.embedding_table


def gelu(x):
    """Applies the exact Gaussian Error Linear Unit, x * Phi(x).

    Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415, section 2.

    Args:
      x: float Tensor.

    Returns:
      float Tensor of the shape of `x`.
    """
    return 0.5 * x * (1.0 + tf.math.erf(x / math.sqrt(2.0)))


def gelu_tanh(x):
    """Applies the tanh approximation of `gelu` (same paper, section 2)."""
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
    """Maps the name of an activation to its function, e.g. "relu" => `tf.nn.relu`.

    Args:
      activation_string: string, or a function, which is returned unchanged.

    Returns:
      A function of a float Tensor, or None for "linear", "" and None.

    Raises:
      ConfigError: The name is unknown.
    """
    if not isinstance(activation_string, six.string_types):
        if activation_string is not None and not callable(activation_string):
            raise ConfigError("hidden_act must be a name; found %r." % (activation_string,))
        return activation_string
    if not activation_string:
        return None
    name = activation_string.lower()
    if name not in _ACTIVATIONS:
        raise ConfigError(
            "Unsupported activation: %r; known are %s." % (name, ", ".join(sorted(_ACTIVATIONS)))
        )
    return _ACTIVATIONS[name]


def get_assignment_map_from_checkpoint(tvars, init_checkpoint):
    """Matches variables with those in a checkpoint by name.

    Args:
      tvars: list of variables.
      init_checkpoint: string path (prefix) of a checkpoint.

    Returns:
      (assignment_map, initialized_variable_names): an OrderedDict from names in the checkpoint to
      names in the graph, for `tf.train.init_from_checkpoint`; and a dict whose keys are the matched
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

    The mask depends on the graph's seed, the position in the graph, and the global step (or the
    Tensor in the collection `DROPOUT_STEP`), if these exist. A training run that resumes from a
    checkpoint therefore drops the same values as an uninterrupted one. Under `tf.distribute`, it
    also depends on the replica.

    Args:
      input_tensor: float Tensor.
      dropout_prob: Python float. Probability of dropping a value (not of keeping it), rounded to a
        multiple of 1 / 65536, but never to 0 or 1. 0 or None for no dropout.

    Returns:
      float Tensor of the shape of `input_tensor`.
    """
    if dropout_prob is None or dropout_prob == 0.0:
        return input_tensor
    drop, factor = _make_dropout(tf.shape(input_tensor), dropout_prob)
    return input_tensor * drop(tf.constant(factor, input_tensor.dtype))


def _make_dropout(shape, dropout_prob):
    """Draws a dropout mask of the given shape.

    Returns:
      (drop, factor): a function that broadcasts a float Tensor to that shape and sets dropped
      values to zero; and the float by which the caller must multiply the values that are kept.
    """
    if not dropout_prob:
        return (lambda values: values), 1.0
    # Most of the time goes into drawing random bits, so each value gets only 16.
    dropped = min(max(1, int(round(dropout_prob * 65536))), 65535)
    size = tf.reduce_prod(shape)
    bits = tf.random.stateless_uniform(
        [(size + 1) // 2], _dropout_seed(), minval=None, maxval=None, dtype=tf.int32
    )
    bits = tf.reshape(tf.bitcast(bits, tf.int16), [-1])  # [size], or [size + 1] if size is odd
    bits = tf.reshape(bits[:size], shape)  # `shape`
    # One byte per value, which is all that `_attend` stores of the mask for its gradient.
    is_kept = bits >= dropped - 32768
    factor = 65536.0 / (65536 - dropped)
    return (lambda values: tf.cast(is_kept, values.dtype) * values), factor


def _dropout_seed():
    """Returns a seed for one random op, different in each call: int Tensor [2]."""
    graph_seed, op_seed = tf.get_seed(None)
    if graph_seed is None:
        return tf.random.uniform([2], maxval=2**31 - 1, dtype=tf.int32)
    steps = tf.get_collection(DROPOUT_STEP) or [tf.train.get_global_step()]
    step = steps[0]
    if step is None:
        return tf.random.uniform([2], maxval=2**31 - 1, dtype=tf.int32, seed=op_seed)
    step = tf.cast(step, tf.int64)
    replica = tf.distribute.get_replica_context()
    if replica is not None and replica.num_replicas_in_sync > 1:
        step += tf.cast(replica.replica_id_in_sync_group, tf.int64) * _MAX_STEPS
    return tf.stack([tf.constant(graph_seed * 2**32 + op_seed, tf.int64), step])


def layer_norm(input_tensor, name=None, epsilon=1e-12):
    """Normalises over the last dimension, then scales by `gamma` and adds `beta`.

    Ba et al. 2016, https://arxiv.org/abs/1607.06450, section 3.

    Args:
      input_tensor: float Tensor of shape [..., width].
      name: (optional) string. Variable scope; defaults to "LayerNorm".
      epsilon: float. Added to the variance.

    Returns:
      float Tensor of the shape of `input_tensor`.
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
    """Applies LayerNorm, then dropout."""
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
      input_ids: int32 Tensor of shape [batch_size, seq_length], or [batch_size, seq_length,
        num_inputs] to concatenate the embeddings of several ids per position.
      vocab_size: int. Number of rows in the table.
      embedding_size: int. Width of the table.
      initializer_range: float. Standard deviation of new embeddings.
      word_embedding_name: string. Name of the table.
      use_one_hot_embeddings: bool. Whether to multiply one-hot rows by the table instead of
        gathering its rows.

    Returns:
      (output, embedding_table): float Tensor of shape [batch_size, seq_length, num_inputs *
      embedding_size], and Variable of shape [vocab_size, embedding_size].
    """
    if input_ids.shape.ndims == 2:
        input_ids = tf.expand_dims(input_ids, axis=[-1])  # [B, S, 1]
    embedding_table = tf.get_variable(
        name=word_embedding_name,
        shape=[vocab_size, embedding_size],
        initializer=create_initializer(initializer_range),
    )
    # I is the number of ids (`num_inputs`) per position.
    flat_input_ids = tf.reshape(input_ids, [-1])  # [B * S * I]
    # Both branches return [B * S * I, embedding_size].
    if use_one_hot_embeddings:
        output = tf.matmul(tf.one_hot(flat_input_ids, depth=vocab_size), embedding_table)
    else:
        output = _gather_rows(embedding_table, flat_input_ids)
    input_shape = get_shape_list(input_ids)
    # [B, S, I * embedding_size]
    output = tf.reshape(output, input_shape[0:-1] + [input_shape[-1] * embedding_size])
    return (output, embedding_table)


def _gather_rows(table, indices):
    # Gathering from the variable itself would switch it to "copy-on-read mode", in which each
    # update copies the whole table. Gathering from its value does not.
    return tf.gather(tf.convert_to_tensor(table), indices)  # [M, width] for M indices


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
    position_offset=0,
):
    """Adds segment and position embeddings, then applies LayerNorm and dropout.

    Args:
      input_tensor: float Tensor of shape [batch_size, seq_length, embedding_size].
      use_token_type: bool. Whether to add segment embeddings.
      token_type_ids: (optional) int32 Tensor of shape [batch_size, seq_length].
      token_type_vocab_size: int. Number of segment ids.
      token_type_embedding_name: string. Name of the segment embedding table.
      use_position_embeddings: bool. Whether to add position embeddings.
      position_embedding_name: string. Name of the position embedding table.
      initializer_range: float. Standard deviation of new embeddings.
      max_position_embeddings: int. Number of positions; at least `seq_length`.
      dropout_prob: float. Dropout rate of the result.
      layer_norm_eps: float. Added to the variance.
      position_offset: int. Number of unused rows before those of the positions.

    Returns:
      float Tensor of the shape of `input_tensor`.

    Raises:
      ValueError: `token_type_ids` is missing, or `seq_length` exceeds `max_position_embeddings`.
        If `seq_length` is not static, the latter is an `InvalidArgumentError` at run time.
    """
    width = get_shape_list(input_tensor, expected_rank=3)[2]
    output = input_tensor
    if use_token_type:
        if token_type_ids is None:
            raise ValueError("`token_type_ids` is required if `use_token_type` is True.")
        token_type_table = tf.get_variable(
            name=token_type_embedding_name,
            shape=[token_type_vocab_size, width],
            initializer=create_initializer(initializer_range),
        )
        output += _token_type_embeddings(token_type_table, token_type_ids)
    if use_position_embeddings:
        position_table = tf.get_variable(
            name=position_embedding_name,
            shape=[position_offset + max_position_embeddings, width],
            initializer=create_initializer(initializer_range),
        )
        output += _position_embeddings(position_table, input_tensor, position_offset)
    return layer_norm_and_dropout(output, dropout_prob, epsilon=layer_norm_eps)


def _token_type_embeddings(token_type_table, token_type_ids):
    # The table is tiny, so a product with one-hot rows is faster than a gather and its gradient.
    vocab_size, width = get_shape_list(token_type_table)
    one_hot_ids = tf.one_hot(tf.reshape(token_type_ids, [-1]), depth=vocab_size)  # [B * S, rows]
    embeddings = tf.matmul(one_hot_ids, token_type_table)  # [B * S, H]
    return tf.reshape(embeddings, get_shape_list(token_type_ids) + [width])  # [B, S, H]


def _position_embeddings(position_table, input_tensor, offset):
    width = get_shape_list(position_table)[1]
    seq_length = get_shape_list(input_tensor)[1]
    with tf.control_dependencies(_check_length(seq_length, position_table, offset)):
        # Positions are the same in each row, so one slice serves the whole batch.
        return tf.slice(position_table, [offset, 0], [seq_length, width])[tf.newaxis]  # [1, S, H]


def _check_length(seq_length, position_table, offset):
    """Checks `seq_length` now if it is static, and returns ops that check it at run time."""
    max_positions = get_shape_list(position_table)[0] - offset
    if isinstance(seq_length, int) and seq_length > max_positions:
        raise ValueError(
            "The sequence length (%d) exceeds max_position_embeddings (%d)."
            % (seq_length, max_positions)
        )
    return [tf.assert_less_equal(seq_length, max_positions)]


def create_attention_mask_from_input_mask(from_tensor, to_mask):
    """Makes a 3D attention mask from a 2D input mask.

    Args:
      from_tensor: 2D or 3D Tensor of shape [batch_size, from_seq_length, ...].
      to_mask: int32 Tensor of shape [batch_size, to_seq_length].

    Returns:
      float Tensor of shape [batch_size, from_seq_length, to_seq_length]: 1.0 where a "from"
      position may attend to a "to" position. Padding positions may attend to tokens, too: their
      outputs are never used.
    """
    batch_size, from_seq_length = get_shape_list(from_tensor, expected_rank=[2, 3])[:2]
    to_seq_length = get_shape_list(to_mask, expected_rank=2)[1]
    to_mask = tf.cast(tf.reshape(to_mask, [batch_size, 1, to_seq_length]), tf.float32)  # [B, 1, K]
    return tf.ones([batch_size, from_seq_length, 1], tf.float32) * to_mask  # [B, F, K]


def dense_layer_2d(input_tensor, output_size, initializer, activation, name=None):
    """Applies a dense layer to the last dimension.

    Args:
      input_tensor: float Tensor of shape [..., input_size].
      output_size: int. Width of the result.
      initializer: Kernel initializer.
      activation: function or None.
      name: (optional) string. Scope of the variables `kernel` and `bias`; defaults to "dense".

    Returns:
      float Tensor of shape [..., output_size].
    """
    input_shape = get_shape_list(input_tensor)
    with tf.variable_scope(name, default_name="dense"):
        kernel = tf.get_variable("kernel", [input_shape[-1], output_size], initializer=initializer)
        bias = tf.get_variable("bias", [output_size], initializer=tf.zeros_initializer())
        # One product of two matrices: a batched product with a broadcast kernel is slower. Its
        # result is [M, output_size], with M the product of the leading dimensions.
        output = tf.nn.bias_add(tf.matmul(reshape_to_matrix(input_tensor), kernel), bias)
        if activation is not None:
            output = activation(output)
    return reshape_from_matrix(output, input_shape)  # [..., output_size]


def dense_layer_3d(
    input_tensor, num_attention_heads, size_per_head, initializer, activation, name=None
):
    """Applies a dense layer whose output is split into heads.

    Args:
      input_tensor: float Tensor of shape [batch_size, seq_length, hidden_size].
      num_attention_heads: int. Number of heads N.
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
    return tf.reshape(output, output_shape)  # [B, S, N, D]


def dense_layer_3d_proj(
    input_tensor, hidden_size, num_attention_heads, head_size, initializer, activation, name=None
):
    """Joins the heads and applies a dense layer.

    Args:
      input_tensor: float Tensor of shape [batch_size, seq_length, num_attention_heads, head_size].
      hidden_size: int. Width of the result.
      num_attention_heads: int. Number of heads N.
      head_size: int. Width D of each head.
      initializer: Kernel initializer.
      activation: function or None.
      name: string. Name of the layer's scope.

    Returns:
      float Tensor of shape [batch_size, seq_length, hidden_size].
    """
    output_shape = get_shape_list(input_tensor)[:-2] + [num_attention_heads * head_size]
    joined = tf.reshape(input_tensor, output_shape)  # [B, S, N * D]
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
    """Computes multi-head attention from `from_tensor` to `to_tensor`.

    Vaswani et al. 2017, section 3.2.2. All heads have the same width.

    Args:
      from_tensor: float Tensor of shape [batch_size, from_seq_length, from_width].
      to_tensor: float Tensor of shape [batch_size, to_seq_length, to_width].
      attention_mask: (optional) Tensor of shape [batch_size, from_seq_length, to_seq_length]: 1
        where a "from" position may attend to a "to" position, 0 elsewhere.
      num_attention_heads: int. Number of heads N.
      size_per_head: int. Width D of each head.
      query_act: (optional) Activation of the queries.
      key_act: (optional) Activation of the keys.
      value_act: (optional) Activation of the values.
      attention_probs_dropout_prob: float. Dropout rate of the attention probabilities.
      initializer_range: float. Standard deviation of new weights.
      batch_size: Unused, as are the next two: shapes come from the tensors. Kept for Google's
        signature.
      from_seq_length: Unused.
      to_seq_length: Unused.

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
    key = dense_layer_3d(to_tensor, *heads, activation=key_act, name="key")  # [B, K, N, D]
    value = dense_layer_3d(to_tensor, *heads, activation=value_act, name="value")  # [B, K, N, D]

    query = tf.transpose(query, [0, 2, 1, 3])  # [B, N, F, D]
    key = tf.transpose(key, [0, 2, 1, 3])  # [B, N, K, D]
    scores = tf.matmul(query, key, transpose_b=True)  # [B, N, F, K]
    scores = tf.multiply(scores, 1.0 / math.sqrt(float(size_per_head)))
    if attention_mask is not None:
        attention_mask = tf.cast(tf.expand_dims(attention_mask, axis=[1]), tf.float32)
        # [B, 1, F, K]. After the softmax, the weights of masked positions are zero.
        scores += (1.0 - attention_mask) * -10000.0
    probs = dropout(tf.nn.softmax(scores), attention_probs_dropout_prob)  # [B, N, F, K]

    value = tf.transpose(value, [0, 2, 1, 3])  # [B, N, K, D]
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
      attention_mask: (optional) Tensor of shape [batch_size, seq_length, seq_length]: 1 where a
        "from" position may attend to a "to" position, 0 elsewhere.
      hidden_size: int. Width H.
      num_hidden_layers: int. Number of layers.
      num_attention_heads: int. Number of heads N.
      intermediate_size: int. Width of the feed-forward layer.
      intermediate_act_fn: function or None. Activation of the feed-forward layer.
      hidden_dropout_prob: float. Dropout rate of dense outputs.
      attention_probs_dropout_prob: float. Dropout rate of the attention probabilities.
      initializer_range: float. Standard deviation of new weights.
      do_return_all_layers: bool. Whether to return every layer's output, not only the last one's.
      layer_norm_eps: float. Added to the variance.

    Returns:
      float Tensor of shape [batch_size, seq_length, hidden_size], or a list of one such Tensor per
      layer.

    Raises:
      ValueError: `hidden_size` is not a multiple of `num_attention_heads`, or differs from the
        width of `input_tensor`.
    """
    if hidden_size % num_attention_heads != 0:
        raise ValueError(
            "The hidden size (%d) is not a multiple of the number of attention heads (%d)."
            % (hidden_size, num_attention_heads)
        )
    input_width = get_shape_list(input_tensor, expected_rank=3)[2]
    if input_width != hidden_size:  # The residual connections add the two.
        raise ValueError(
            "The width of the input (%d) differs from the hidden size (%d)."
            % (input_width, hidden_size)
        )
    layer_output = input_tensor
    all_layer_outputs = []
    for layer_index in range(num_hidden_layers):
        with tf.variable_scope("layer_%d" % layer_index):
            attention_output = _self_attention(
                layer_output,
                attention_mask,
                num_attention_heads=num_attention_heads,
                attention_probs_dropout_prob=attention_probs_dropout_prob,
                hidden_dropout_prob=hidden_dropout_prob,
                initializer_range=initializer_range,
                layer_norm_eps=layer_norm_eps,
            )
            layer_output = _feed_forward(
                attention_output,
                intermediate_size=intermediate_size,
                intermediate_act_fn=intermediate_act_fn,
                hidden_dropout_prob=hidden_dropout_prob,
                initializer_range=initializer_range,
                layer_norm_eps=layer_norm_eps,
            )
            all_layer_outputs.append(layer_output)
    return all_layer_outputs if do_return_all_layers else layer_output


def _self_attention(
    layer_input,
    attention_mask,
    *,
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
            context = tf.reshape(context, get_shape_list(layer_input))  # [B, S, H]
            return _add_and_normalize(
                context,
                layer_input,
                hidden_dropout_prob=hidden_dropout_prob,
                initializer_range=initializer_range,
                layer_norm_eps=layer_norm_eps,
            )


def _feed_forward(
    attention_output,
    *,
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
            hidden_dropout_prob=hidden_dropout_prob,
            initializer_range=initializer_range,
            layer_norm_eps=layer_norm_eps,
            layer_norm_fn=layer_norm_fn,
        )


def _add_and_normalize(
    input_tensor,
    residual,
    *,
    hidden_dropout_prob,
    initializer_range,
    layer_norm_eps,
    layer_norm_fn=layer_norm,
):
    """Finishes one half of a layer: dense, dropout, residual connection, LayerNorm."""
    hidden_size = get_shape_list(residual)[-1]
    initializer = create_initializer(initializer_range)
    output = dense_layer_2d(input_tensor, hidden_size, initializer, None, "dense")
    output = dropout(output, hidden_dropout_prob)
    return layer_norm_fn(output + residual, epsilon=layer_norm_eps)


def get_shape_list(tensor, expected_rank=None, name=None):
    """Returns the shape of a tensor as a list, preferring static dimensions.

    Args:
      tensor: Tensor.
      expected_rank: (optional) int or list of ints. The allowed ranks.
      name: (optional) string. Name of the tensor in the error message.

    Returns:
      list with a Python int for each static dimension and an int32 scalar Tensor for each dynamic
      one.

    Raises:
      ValueError: The rank differs from `expected_rank`.
    """
    if expected_rank is not None:
        assert_rank(tensor, expected_rank, name)
    shape = tensor.shape.as_list()
    if None not in shape:
        return shape
    dynamic_shape = tf.shape(tensor)
    return [dynamic_shape[i] if dim is None else dim for i, dim in enumerate(shape)]


def reshape_to_matrix(input_tensor):
    """Reshapes a Tensor of rank >= 2 to a matrix (rank 2), keeping the last dimension."""
    ndims = input_tensor.shape.ndims
    if ndims < 2:
        raise ValueError(
            "The input must have rank 2 or more; its shape is %s." % input_tensor.shape
        )
    if ndims == 2:
        return input_tensor
    return tf.reshape(input_tensor, [-1, get_shape_list(input_tensor)[-1]])  # [M, width]


def reshape_from_matrix(output_tensor, orig_shape_list):
    """Reshapes a matrix back to the leading dimensions of `orig_shape_list`."""
    if len(orig_shape_list) == 2:
        return output_tensor
    width = get_shape_list(output_tensor)[-1]
    return tf.reshape(output_tensor, list(orig_shape_list[0:-1]) + [width])  # [..., width]


def assert_rank(tensor, expected_rank, name=None):
    """Raises a `ValueError` if the rank of `tensor` is not `expected_rank` or one of its ints."""
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


def _widen(embeddings, config):
    """Returns embeddings as wide as the encoder: float Tensor [..., H]."""
    if get_shape_list(embeddings)[-1] == config.hidden_size:
        return embeddings
    initializer = create_initializer(config.initializer_range)
    return dense_layer_2d(embeddings, config.hidden_size, initializer, None, "embeddings_project")


class _PaddedEncoder(object):
    """The reference encoder: it computes all positions, [B, S], tokens and padding.

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
                embedding_size=config.embedding_size or config.hidden_size,
                initializer_range=config.initializer_range,
                word_embedding_name="word_embeddings",
                use_one_hot_embeddings=use_one_hot_embeddings,
            )
            self.embeddings = embedding_postprocessor(
                input_tensor=self.word_embeddings,
                use_token_type=config.type_vocab_size > 0,
                token_type_ids=token_type_ids,
                token_type_vocab_size=config.type_vocab_size,
                token_type_embedding_name="token_type_embeddings",
                use_position_embeddings=True,
                position_embedding_name="position_embeddings",
                initializer_range=config.initializer_range,
                max_position_embeddings=config.max_position_embeddings,
                dropout_prob=config.hidden_dropout_prob,
                layer_norm_eps=config.layer_norm_eps,
                position_offset=config.position_offset,
            )
        self.embeddings = _widen(self.embeddings, config)
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
        """Returns its argument, which already has the shape [B, S, H]."""
        return hidden


# Padding-free execution: the rest of this file.
#
# Embeddings, dense layers, LayerNorms and activations treat each token separately, so they work on
# a packed list of the batch's tokens, [T, H], without padding. Only attention needs to know which
# tokens share a row. For attention, tokens are laid out in a rectangle, [B, N, K, D], whose width K
# is the number of tokens in the longest row.
#
# Example: two rows of three positions, "a b" and "x y z". B = 2, S = 3, T = 5, K = 3.
#
#                        packed       rectangle of
#      input [B, S]      [T, H]       one head [B, K, D]      unpacked [B, S, H]
#
#       a   b   -         0: a           a   b   *               a   b   0
#       x   y   z         1: b           x   y   z               x   y   z
#                         2: x
#      -: padding         3: y        *: an unused slot       0: a vector of zeros
#                         4: z
#
# An unused slot contains the vector of an arbitrary token; the attention bias reduces its weight to
# zero. The moves are gathers. `_Tokens` and `_Rectangle` hold their indices:
#
#                                      a   b   -   x   y   z
#      flat position, b * S + s        0   1   2   3   4   5
#      token at that position          0   1   T   2   3   4      T: no token here
#
#                                      a   b   x   y   z
#      token                           0   1   2   3   4
#      its flat position               0   1   3   4   5
#      its position s in its row       0   1   0   1   2
#      its slot in the rectangle       0   1   0   1   2
#
# Position and slot differ if padding precedes a token: in the rectangle, the tokens of a row always
# move to its left end. The first position of each row counts as a token even if it is masked, since
# the pooled output needs it.


class _PackedEncoder(object):
    """The encoder over tokens only, packed: [T, H].

    The last layer is built only for the first token of each row, since the pooled output needs no
    other. It is built again, for all tokens, when the sequence output is requested.
    """

    def __init__(
        self, config, is_training, input_ids, input_mask, token_type_ids, use_one_hot_embeddings
    ):
        self._config = config
        self._activation = _activation_for(config, is_training)
        self._tokens = _Tokens(input_mask, config.num_attention_heads)
        with tf.variable_scope("embeddings"):
            embeddings = self._build_embeddings(input_ids, token_type_ids, use_one_hot_embeddings)
        self.embeddings = _widen(embeddings, config)  # [T, H]
        self._all_layers = []
        hidden = self.embeddings
        for index in range(config.num_hidden_layers - 1):
            hidden = self._layer(index, hidden)
            self._all_layers.append(hidden)
        self._last_input = hidden
        # [B, H]
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
        width = config.embedding_size or config.hidden_size  # E

        def table(name, num_rows):
            return tf.get_variable(name, [num_rows, width], initializer=initializer)

        words, self.embedding_table = embedding_lookup(
            input_ids=tokens.pack(input_ids)[tf.newaxis],  # [1, T]
            vocab_size=config.vocab_size,
            embedding_size=width,
            initializer_range=config.initializer_range,
            word_embedding_name="word_embeddings",
            use_one_hot_embeddings=use_one_hot_embeddings,
        )
        self.word_embeddings = words[0]  # [T, E]
        if config.type_vocab_size:
            token_types = table("token_type_embeddings", config.type_vocab_size)
        offset = config.position_offset
        positions = table("position_embeddings", offset + config.max_position_embeddings)
        with tf.control_dependencies(_check_length(tokens.seq_length, positions, offset)):
            rows = _gather_rows(
                positions, tokens.positions + offset if offset else tokens.positions
            )
            output = self.word_embeddings + rows  # [T, E]
        if config.type_vocab_size:
            output += _token_type_embeddings(token_types, tokens.pack(token_type_ids))  # [T, E]
        normalized = _layer_norm_with_gradient(output, config.layer_norm_eps)
        return dropout(normalized, config.hidden_dropout_prob)

    def _layer(self, index, hidden, first_only=False):
        """Builds a layer with queries from all tokens, [T, H], or from first tokens, [B, H]."""
        config = self._config
        queries = self._tokens.first_of_rows(hidden) if first_only else hidden
        settings = {
            "hidden_dropout_prob": config.hidden_dropout_prob,
            "initializer_range": config.initializer_range,
            "layer_norm_eps": config.layer_norm_eps,
            "layer_norm_fn": _layer_norm_with_gradient,
        }
        with tf.variable_scope("encoder/layer_%d" % index):
            with tf.variable_scope("attention"):
                with tf.variable_scope("self"):
                    context = self._attention(queries, hidden, first_only)
                with tf.variable_scope("output"):
                    attention_output = _add_and_normalize(context, queries, **settings)
            return _feed_forward(
                attention_output,
                intermediate_size=config.intermediate_size,
                intermediate_act_fn=self._activation,
                **settings,
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
            num_heads=config.num_attention_heads,
            dropout_prob=config.attention_probs_dropout_prob,
            query_layout=tokens.first_column if first_only else tokens.rectangle,
            key_layout=tokens.rectangle,
        )


class _Tokens(object):
    """The T tokens of a batch, row by row, and how to move them between the layouts drawn above.

    A token occurs at most once in each layout, so each move is a gather, and so is its gradient.

    Attributes:
      batch_size, seq_length: int, or int32 scalar Tensor. B and S.
      positions: int32 [T]. Position of each token in its row.
      attention_bias: float [B, 1, 1, K]. Added to the attention scores.
      rectangle: `_Rectangle` of all tokens.
      first_column: `_Column` of each row's first token.
    """

    def __init__(self, input_mask, num_heads):
        self.batch_size, self.seq_length = get_shape_list(input_mask, expected_rank=2)
        is_real = tf.not_equal(input_mask, 0)  # [B, S]
        is_token = tf.logical_or(is_real, tf.equal(tf.range(self.seq_length), 0))  # [B, S]
        flat = tf.reshape(is_token, [-1])  # [B * S]
        self._flat_positions = tf.cast(tf.where(flat)[:, 0], tf.int32)  # [T]
        self._num_tokens = tf.shape(self._flat_positions)[0]
        self.positions = self._flat_positions % self.seq_length  # [T]
        num_before = tf.cumsum(tf.cast(flat, tf.int32), exclusive=True)  # [B * S]
        self._token_at = tf.where_v2(flat, num_before, self._num_tokens)  # [B * S]
        lengths = tf.reduce_sum(tf.cast(is_token, tf.int32), axis=1)  # [B]
        self._row_starts = tf.cumsum(lengths, exclusive=True)  # [B]
        # If B is 0, `reduce_max` returns the smallest integer instead of 0.
        slots = tf.range(tf.maximum(tf.reduce_max(lengths), 0))  # [K]
        is_used = slots < lengths[:, tf.newaxis]  # [B, K]
        self.rectangle = self._make_rectangle(num_heads, slots, is_used)
        self.first_column = _Column(num_heads)
        self.attention_bias = self._make_bias(is_real, slots, is_used)

    def _make_rectangle(self, num_heads, slots, is_used):
        heads = tf.range(num_heads)  # [N]
        tokens = tf.where_v2(is_used, self._row_starts[:, tf.newaxis] + slots, 0)  # [B, K]
        head_at = tokens[:, tf.newaxis] * num_heads + heads[:, tf.newaxis]  # [B, N, K]
        head_or_none = tf.where_v2(
            is_used[:, tf.newaxis], head_at, self._num_tokens * num_heads
        )  # [B, N, K]
        rows = self._flat_positions // self.seq_length  # [T]
        slot_of = tf.range(self._num_tokens) - tf.gather(self._row_starts, rows)  # [T]
        row_and_head = rows[:, tf.newaxis] * num_heads + heads  # [T, N]
        flat_slots = row_and_head * tf.size(slots) + slot_of[:, tf.newaxis]  # [T, N]
        return _Rectangle(head_at, head_or_none, flat_slots)

    @staticmethod
    def _make_bias(is_real, slots, is_used):
        """Returns the bias added to attention scores: float Tensor [B, 1, 1, K]."""
        # After the softmax, the weights of unused slots and of masked first positions are zero. In
        # a row without tokens, the first position gets all the weight: its bias is the largest.
        first_is_masked = tf.logical_not(is_real[:, :1]) & tf.equal(slots, 0)  # [B, K]
        bias = tf.where_v2(is_used, tf.where_v2(first_is_masked, -10000.0, 0.0), -20000.0)  # [B, K]
        return bias[:, tf.newaxis, tf.newaxis]

    def pack(self, values):
        """Returns [T] from [B, S]."""
        return tf.gather(tf.reshape(values, [-1]), self._flat_positions)  # [T]

    def unpack(self, hidden):
        """Returns [B, S, H] from [T, H], with zeros at padding positions."""
        flat = _rearrange(
            hidden,
            forward=lambda x: _gather_or_zeros(x, self._token_at),  # [B * S, H]
            backward=lambda g: tf.gather(g, self._flat_positions),  # [T, H]
        )
        width = get_shape_list(hidden)[-1]
        return tf.reshape(flat, [self.batch_size, self.seq_length, width])  # [B, S, H]

    def first_of_rows(self, hidden):
        """Returns the first token of each row: [B, H] from [T, H]."""
        rows = self._flat_positions // self.seq_length  # [T]
        rows_or_none = tf.where_v2(tf.equal(self.positions, 0), rows, self.batch_size)  # [T]
        return _rearrange(
            hidden,
            forward=lambda x: tf.gather(x, self._row_starts),  # [B, H]
            backward=lambda g: _gather_or_zeros(g, rows_or_none),  # [T, H]
        )


class _Rectangle(object):
    """Moves all tokens' heads between [T * N, D] and the layout for attention, [B, N, K, D].

    Head n of token t is row t * N + n of the flat form.
    """

    def __init__(self, head_at, head_or_none, flat_slots):
        """Stores the indices.

        Args:
          head_at: int32 Tensor of shape [B, N, K]. The head in each slot; an arbitrary head for an
            unused slot.
          head_or_none: int32 Tensor of shape [B, N, K]. The same, but T * N for an unused slot.
          flat_slots: int32 Tensor of shape [T, N]. The slot of each head, among all B * N * K.
        """
        self._head_at = head_at
        self._head_or_none = head_or_none
        self._flat_slots = flat_slots

    def spread(self, heads):
        """Returns [B, N, K, D] from [T * N, D]; unused slots contain an arbitrary head."""
        return tf.gather(heads, self._head_at)  # [B, N, K, D]

    def spread_with_zeros(self, heads):
        """Returns [B, N, K, D] from [T * N, D]; unused slots contain zeros."""
        return _gather_or_zeros(heads, self._head_or_none)

    def collect(self, rectangle):
        """Returns [T * N, D] from [B, N, K, D], dropping unused slots."""
        width = get_shape_list(rectangle)[-1]
        flat = tf.reshape(rectangle, [-1, width])  # [B * N * K, D]
        return tf.gather(flat, tf.reshape(self._flat_slots, [-1]))  # [T * N, D]


class _Column(object):
    """Moves the heads of one token per row between [B * N, D] and [B, N, 1, D], by reshapes."""

    def __init__(self, num_heads):
        self._num_heads = num_heads

    def spread(self, heads):
        """Returns [B, N, 1, D] from [B * N, D]."""
        # [B, N, 1, D]
        return tf.reshape(heads, [-1, self._num_heads, 1, get_shape_list(heads)[-1]])

    spread_with_zeros = spread

    def collect(self, column):
        """Returns [B * N, D] from [B, N, 1, D]."""
        return tf.reshape(column, [-1, get_shape_list(column)[-1]])  # [B * N, D]


def _rearrange(vectors, forward, backward):
    """Moves vectors, each to at most one place, with a gradient that moves them back.

    The default gradient of `tf.gather` would instead sum over the places of a vector, which is
    slower.

    Args:
      vectors: float Tensor of shape [M, D].
      forward: function that returns the moved vectors.
      backward: function that returns upstream gradients at the vectors' original places.
    """

    @tf.custom_gradient
    def rearrange(vectors):
        shape = get_shape_list(vectors)
        return forward(vectors), lambda upstream: tf.reshape(backward(upstream), shape)  # [M, D]

    return rearrange(vectors)


def _gather_or_zeros(vectors, indices):
    """Gathers from [M, D]: returns [..., D] for indices [...]; index M yields zeros."""
    zeros = tf.zeros([1, get_shape_list(vectors)[-1]], vectors.dtype)
    return tf.gather(tf.concat([vectors, zeros], axis=0), indices)  # [..., D]


def _attend(query, key, value, bias, *, num_heads, dropout_prob, query_layout, key_layout):
    """Computes attention with few passes over the probabilities, and with little memory.

    Args:
      query: float Tensor of shape [M, N * D], already divided by the square root of D.
      key: float Tensor of shape [T, N * D].
      value: float Tensor of shape [T, N * D].
      bias: float Tensor of shape [B, 1, 1, K], added to the scores.
      num_heads: int. Heads N.
      dropout_prob: Python float. Dropout of the attention probabilities.
      query_layout: `_Rectangle` or `_Column` that lays out the queries as [B, N, F, D].
      key_layout: `_Rectangle` that lays out the keys and values as [B, N, K, D].

    Returns:
      float Tensor of shape [M, N * D].
    """
    width = get_shape_list(query)[-1]

    def split(flat):
        return tf.reshape(flat, [-1, width // num_heads])  # [M * N, D] from [M, N * D]

    def join(heads):
        return tf.reshape(heads, [-1, width])  # [M, N * D] from [M * N, D]

    @tf.custom_gradient
    def attend(query, key, value):
        query = query_layout.spread(split(query))  # [B, N, F, D]
        key = key_layout.spread(split(key))  # [B, N, K, D]
        value = key_layout.spread(split(value))  # [B, N, K, D]
        scores = tf.matmul(query, key, transpose_b=True) + bias  # [B, N, F, K]
        probs = tf.nn.softmax(scores)  # [B, N, F, K]
        drop, factor = _make_dropout(tf.shape(probs), dropout_prob)
        context = query_layout.collect(tf.matmul(drop(probs), value))  # [M * N, D]
        # Scaling the context is cheaper than scaling the probabilities, which are larger.
        context = context * factor if factor != 1.0 else context
        forward = _Attention(query, key, value, probs, drop, factor, context)

        def gradient(upstream):
            gradients = _attention_gradient(split(upstream), forward, query_layout, key_layout)
            return [join(heads) for heads in gradients]

        return join(context), gradient

    return attend(query, key, value)


# The values from the forward pass of `_attend` that its gradient needs, named as there.
_Attention = collections.namedtuple(
    "_Attention", ["query", "key", "value", "probs", "drop", "factor", "context"]
)


def _attention_gradient(upstream, forward, query_layout, key_layout):
    """Returns the gradients of query, [M * N, D], and of key and value, [T * N, D].

    Args:
      upstream: float Tensor of shape [M * N, D]. Gradient of the context.
      forward: `_Attention`.
      query_layout: See `_attend`.
      key_layout: See `_attend`.
    """
    # The gradient of the softmax needs a sum over K of an [F, K] array. It equals the sum over D of
    # context * upstream: Dao et al. 2022, https://arxiv.org/abs/2205.14135, appendix B.2.
    total = tf.reduce_sum(forward.context * upstream, axis=-1, keepdims=True)  # [M * N, 1]
    total = query_layout.spread_with_zeros(total)  # [B, N, F, 1]
    upstream = query_layout.spread_with_zeros(upstream * forward.factor)  # [B, N, F, D]
    upstream_of_dropped = tf.matmul(upstream, forward.value, transpose_b=True)  # [B, N, F, K]
    # Without this dependency, TensorFlow computes both early, and they occupy memory until needed.
    with tf.control_dependencies([upstream]):
        dropped = forward.drop(forward.probs)  # [B, N, F, K]
        upstream_of_probs = forward.drop(upstream_of_dropped)  # [B, N, F, K]
    upstream_of_scores = (upstream_of_probs - total) * forward.probs  # [B, N, F, K]
    # Unused slots contribute nothing to these products, since their attention weight is zero.
    return (
        query_layout.collect(tf.matmul(upstream_of_scores, forward.key)),
        key_layout.collect(tf.matmul(upstream_of_scores, forward.query, transpose_a=True)),
        key_layout.collect(tf.matmul(dropped, upstream, transpose_a=True)),
    )


@tf.custom_gradient
def _gelu_with_gradient(x):
    """Applies `gelu`; its gradient, Phi(x) + x * phi(x), takes fewer passes than TensorFlow's."""
    cdf = 0.5 + 0.5 * tf.math.erf(x * math.sqrt(0.5))

    def gradient(upstream):
        pdf = tf.exp(-0.5 * tf.square(x)) * (1.0 / math.sqrt(2.0 * math.pi))
        return upstream * (cdf + x * pdf)

    return x * cdf, gradient


def _activation_for(config, is_training):
    activation = get_activation(config.hidden_act)
    # Outside training, TensorFlow fuses the plain formula into the matrix product.
    return _gelu_with_gradient if is_training and activation is gelu else activation


def _layer_norm_with_gradient(input_tensor, epsilon=1e-12):
    """Applies `layer_norm`; its gradient takes less than half the time of TensorFlow's."""

    def mean(x):
        return tf.reduce_mean(x, axis=-1, keepdims=True)  # [..., 1]

    @tf.custom_gradient
    def normalize(x, gamma, beta):
        centered = x - mean(x)
        scale = tf.math.rsqrt(mean(tf.square(centered)) + epsilon)  # [..., 1]
        normalized = centered * scale

        def gradient(upstream):
            leading = list(range(upstream.shape.ndims - 1))
            d_normalized = upstream * gamma
            shift = mean(d_normalized) + normalized * mean(d_normalized * normalized)
            return (
                (d_normalized - shift) * scale,
                tf.reduce_sum(upstream * normalized, axis=leading),
                tf.reduce_sum(upstream, axis=leading),
            )

        return normalized * gamma + beta, gradient

    with tf.variable_scope(None, default_name="LayerNorm"):
        return normalize(input_tensor, *_layer_norm_variables(input_tensor))
