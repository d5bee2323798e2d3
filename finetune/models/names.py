"""The names of a pretrained model's files. Output directories use the first four too."""

VOCABULARY = "vocab.txt"
TOKENIZER = "tokenizer.json"  # Instead of vocab.txt, for tokenizers other than BERT's
BERT_CONFIG = "bert_config.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
CHECKPOINT = "bert_model.ckpt"
INFO = "model_info.json"  # Written by prepare_model.py: the source, and the SHA-256 of each file

PART = ".part"  # Extension of a file that is being downloaded

# Hugging Face's format.
HUGGING_FACE_CONFIG = "config.json"
HUGGING_FACE_WEIGHTS = "model.safetensors"
ADDED_TOKENS = "added_tokens.json"
SPECIAL_TOKENS_MAP = "special_tokens_map.json"
HUGGING_FACE_HDF5 = "tf_model.h5"
HUGGING_FACE_PICKLE = "pytorch_model.bin"
SHARD_INDEX = ".index.json"  # After the name of the weights, if they are in several files
BPE_FILES = ("vocab.json", "merges.txt")  # In older models, instead of tokenizer.json
SENTENCEPIECE = "sentencepiece.bpe.model"  # The same, for XLM-RoBERTa and CamemBERT
MODEL_CARD = "README.md"

# ONNX, in the layout of Hugging Face's hub, which optimum and transformers.js read.
ONNX_MODEL = "onnx/model.onnx"
ONNX_QUANTIZED = "onnx/model_quantized.onnx"
ONNX_DATA_SUFFIX = "_data"  # After the name of a model too large for one file

# A key of tokenizer_config.json: the number of characters up to which a word is split.
LONGEST_WORD = "max_input_chars_per_word"

# TensorFlow 2's format, which is only recognised.
SAVED_MODEL = "saved_model.pb"
TF_HUB_MODULE = "tfhub_module.pb"
