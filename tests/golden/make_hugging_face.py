"""Writes tests/golden/hugging_face/: tiny fine-tuned models, and what transformers computes.

Run from the project's folder, in an environment with transformers 5.23, PyTorch 2.13 and
sentencepiece 0.2.3; the tests only read the files. Each folder contains a model as transformers
saves it and `expected.jsonl`: for each text (or pair) the ids, the offsets in both texts, and the
logits.
"""

import json
import pathlib
import shutil

import sentencepiece
import tokenizers
import torch
import transformers

from tests.support import tiny
from tests.support.subwords import write_byte_level_bpe

FOLDER = pathlib.Path(__file__).parent / "hugging_face"
TEXTS = [
    ("The good film was not bad.", "new york (old)."),
    ("anna lives in paris", "a"),
    ("Don't   split    me :-) straße 東京 new", "a new new\tnew"),
    ("b", "new"),
    ("I ❤️ ÀÉ 👩‍👧 new).", "the end ).) new"),
]
SIZES = {"num_hidden_layers": 2, "hidden_size": 12, "num_attention_heads": 3}
SIZES.update(intermediate_size=20, max_position_embeddings=64, initializer_range=0.4)
THREE = {"id2label": {0: "neg", 1: "neu", 2: "pos"}, "label2id": {"neg": 0, "neu": 1, "pos": 2}}
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
FIVE = {"id2label": dict(enumerate(TAGS)), "label2id": {tag: i for i, tag in enumerate(TAGS)}}


def bert_tokenizer(folder, lower_case):
    path = folder / "vocab.txt"
    path.write_text("".join(token + "\n" for token in tiny.vocabulary(lower_case)))
    kind = transformers.BertTokenizerFast
    return kind.from_pretrained(str(folder), do_lower_case=lower_case)


def roberta_tokenizer(folder):
    write_byte_level_bpe(folder / "tokenizer.json")
    return transformers.RobertaTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))


def xlmr_tokenizer(folder):
    pieces = [
        *"<s> <pad> </s> <unk>".split(),
        "▁",
        *"abcdefghijklmnopqrstuvwxyz.()",
        "▁new",
        "▁the",
    ]
    model = tokenizers.models.Unigram([(p, -float(i % 7) - 1) for i, p in enumerate(pieces)], 3)
    raw = tokenizers.Tokenizer(model)
    raw.normalizer = tokenizers.normalizers.NFKC()
    raw.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    special = [("<s>", 0), ("</s>", 2)]
    pair = "<s> $A </s> </s> $B </s>"
    raw.post_processor = tokenizers.processors.TemplateProcessing("<s> $A </s>", pair, special)
    raw.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>"])
    names = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>"}
    names.update(pad_token="<pad>", unk_token="<unk>")
    return transformers.PreTrainedTokenizerFast(tokenizer_object=raw, **names)


def camembert_tokenizer(folder):
    """Trains a sentencepiece.bpe.model with a few rules of normalisation: é to e and A to a."""
    rules = folder / "rules.tsv"
    rules.write_text("C9\t65\nE9\t65\n41\t61\n2026\t2E 2E 2E\n", encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([text for row in TEXTS for text in row] * 20),
        model_prefix=str(folder / "sentencepiece.bpe"),
        vocab_size=60,
        hard_vocab_limit=False,
        normalization_rule_tsv=str(rules),
        user_defined_symbols=["new"],
        minloglevel=2,
    )
    rules.unlink()
    (folder / "sentencepiece.bpe.vocab").unlink()
    return transformers.CamembertTokenizer.from_pretrained(folder)


def write(name, kind, tokenizer_of, *, pairs=False, old=False, **settings):
    torch.manual_seed(len(name))
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tokenizer = tokenizer_of(folder)
    config = kind.config_class(vocab_size=len(tokenizer), **settings)
    model = kind(config).eval()
    for parameter in model.parameters():  # Biases and LayerNorms would otherwise be 0 and 1.
        parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    if tokenizer_of is not camembert_tokenizer:  # Its folder is like those of 2019.
        tokenizer.save_pretrained(folder)
    if old:
        state = {
            key.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
                "LayerNorm.bias", "LayerNorm.beta"
            ): value
            for key, value in model.state_dict().items()
        }
        torch.save(state, folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    rows = [expected(model, tokenizer, *row[: 1 + pairs]) for row in TEXTS]
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "expected.jsonl").write_text("".join(lines), encoding="utf-8")


def expected(model, tokenizer, text, text_b=None):
    encoded = tokenizer(text, text_b, return_offsets_mapping=True)
    spans = [list(span) for span in encoded.pop("offset_mapping")]
    with torch.no_grad():
        output = model(**{k: torch.tensor([v]) for k, v in encoded.items()})
        is_answer = "start_logits" in output
        both = (output.start_logits, output.end_logits) if is_answer else ()
        logits = (torch.stack(both, -1) if is_answer else output.logits)[0]
    return {
        "text": text,
        "text_b": text_b,
        "ids": encoded["input_ids"],
        "offsets": spans,
        "logits": logits.tolist(),
    }


def main():
    t = transformers
    distil = {"n_layers": 2, "dim": 12, "n_heads": 3, "hidden_dim": 20, "initializer_range": 0.4}
    positions = {**SIZES, "max_position_embeddings": 66, "type_vocab_size": 1}
    lower, cased = lambda f: bert_tokenizer(f, True), lambda f: bert_tokenizer(f, False)
    write("bert_pair", t.BertForSequenceClassification, lower, pairs=True, **SIZES, **THREE)
    write("bert_token", t.BertForTokenClassification, cased, old=True, **SIZES, **FIVE)
    roberta = t.RobertaForSequenceClassification
    write("roberta_pair", roberta, roberta_tokenizer, pairs=True, **positions, **THREE)
    write("roberta_token", t.RobertaForTokenClassification, roberta_tokenizer, **positions, **FIVE)
    write("xlmr_token", t.XLMRobertaForTokenClassification, xlmr_tokenizer, **positions, **FIVE)
    kind = t.CamembertForTokenClassification
    write("camembert_token", kind, camembert_tokenizer, **positions, **FIVE)
    kind = t.RobertaForQuestionAnswering
    write("roberta_answer", kind, roberta_tokenizer, pairs=True, **positions)
    kind = t.DistilBertForSequenceClassification
    write("distilbert", kind, lower, max_position_embeddings=64, **distil, **THREE)
    kind = t.ElectraForSequenceClassification
    write("electra", kind, lower, embedding_size=8, **SIZES, **THREE)


if __name__ == "__main__":
    main()
