# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Makes tiny random models with transformers, of each family with each head; see hugging_face.py.

This runs in an environment of its own (requirements-peer.txt):

    python benchmarks/hugging_face_models.py FOLDER

FOLDER/corpus.json contains the texts on which the tokenizers are trained.
"""

import json
import shutil
import sys
from pathlib import Path

import sentencepiece
import tokenizers
import torch
import transformers

VOCAB_SIZE = 1000
SIZES = {
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 80,
    "max_position_embeddings": 130,
    "initializer_range": 0.2,
}
ROBERTA = {**SIZES, "type_vocab_size": 1, "layer_norm_eps": 1e-5, "pad_token_id": 1}
DISTILBERT = {
    "dim": 48,
    "n_layers": 3,
    "n_heads": 4,
    "hidden_dim": 80,
    "max_position_embeddings": 130,
    "initializer_range": 0.2,
}
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def wordpieces(folder, corpus, lowercase):
    """Trains BERT's tokenizer."""
    tokenizer = tokenizers.BertWordPieceTokenizer(lowercase=lowercase)
    tokenizer.train_from_iterator(corpus, vocab_size=VOCAB_SIZE, show_progress=False)
    tokenizer.save_model(str(folder))
    config = json.dumps({"do_lower_case": lowercase})
    (folder / "tokenizer_config.json").write_text(config, encoding="utf-8")
    return transformers.BertTokenizerFast.from_pretrained(folder)


def byte_level_bpe(folder, corpus):
    """Trains RoBERTa's tokenizer."""
    tokenizer = tokenizers.ByteLevelBPETokenizer()
    settings = {"vocab_size": VOCAB_SIZE, "special_tokens": SPECIAL, "show_progress": False}
    tokenizer.train_from_iterator(corpus, **settings)
    tokenizer.save_model(str(folder))
    return transformers.RobertaTokenizerFast.from_pretrained(folder)


def unigram(folder, corpus, kind):
    """Trains the tokenizer of XLM-RoBERTa or CamemBERT, of the given class."""
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus),
        model_prefix=str(folder / "sentencepiece.bpe"),
        vocab_size=VOCAB_SIZE,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    (folder / "sentencepiece.bpe.vocab").unlink()
    return kind.from_pretrained(folder)


# The start of the names of each family's classes, its tokenizer and its settings.
FAMILIES = {
    "bert": ("Bert", lambda f, c: wordpieces(f, c, True), SIZES),
    "distilbert": ("DistilBert", lambda f, c: wordpieces(f, c, False), DISTILBERT),
    "electra": ("Electra", lambda f, c: wordpieces(f, c, True), {**SIZES, "embedding_size": 32}),
    "roberta": ("Roberta", byte_level_bpe, ROBERTA),
    "xlm-roberta": (
        "XLMRoberta",
        lambda f, c: unigram(f, c, transformers.XLMRobertaTokenizer),
        ROBERTA,
    ),
    "camembert": (
        "Camembert",
        lambda f, c: unigram(f, c, transformers.CamembertTokenizer),
        ROBERTA,
    ),
}


def labelled(names, problem_type=None):
    labels = dict(enumerate(names))
    settings = {"id2label": labels, "label2id": {name: i for i, name in labels.items()}}
    return {**settings, "problem_type": problem_type} if problem_type else settings


# The end of the name of each head's class, and its settings.
HEADS = {
    "classifier": ("SequenceClassification", labelled(["neg", "neu", "pos"])),
    "pairs": ("SequenceClassification", labelled(["no", "yes"], "single_label_classification")),
    "multi_label": (
        "SequenceClassification",
        labelled(["calm", "joy", "fear", "anger"], "multi_label_classification"),
    ),
    "regression": ("SequenceClassification", labelled(["LABEL_0"], "regression")),
    "tagger": ("TokenClassification", labelled(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])),
    "answers": ("QuestionAnswering", {}),
}
# Heads whose folders are like those of 2019: without tokenizer.json.
OLD_TOKENIZER = ("regression", "answers")
OLD_WEIGHTS = ("tagger", "multi_label")  # pytorch_model.bin


def make(folder, family, head, tokenizer, files):
    """Writes a model with random weights."""
    class_name, _, sizes = FAMILIES[family]
    ending, labels = HEADS[head]
    kind = getattr(transformers, f"{class_name}For{ending}")
    model = kind(kind.config_class(vocab_size=len(tokenizer), **sizes, **labels)).eval()
    for parameter in model.parameters():  # Biases and LayerNorms would otherwise be 0 and 1.
        parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    if head in OLD_WEIGHTS:
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    if head in OLD_TOKENIZER:
        for file in files.iterdir():
            shutil.copy(file, folder)
    else:
        tokenizer.save_pretrained(folder)


def main():
    transformers.utils.logging.disable_progress_bar()
    folder = Path(sys.argv[1])
    corpus = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
    torch.manual_seed(0)
    for family, (_, tokenizer_of, _) in FAMILIES.items():
        files = folder / "tokenizers" / family
        files.mkdir(parents=True)
        tokenizer = tokenizer_of(files, corpus)
        for head in HEADS:
            make(folder / "made" / f"{family}_{head}", family, head, tokenizer, files)


if __name__ == "__main__":
    main()
