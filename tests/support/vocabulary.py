"""A vocabulary that covers each rule of the tokenizer."""

# Tokens in the order of their ids, separated by whitespace.
VOCAB = """[PAD] [UNK] [CLS] [SEP] [unused0] [unused1] un want ##want ##ed runn ##ing wa ##nt
, . ! $ ^ - ; ` [ ] a ##a b ##b cafe Cafe Caf\u00e9 Un istanbul
\u03bf\u03b4\u03bf\u03c2 \u03bf\u03b4\u03bf\u03c3\u03b1 \u535a \u63a8 \u8c48 \uf900
\u1112\u1161 ##\u11ab \ud55c ##\U0001d165 ##\u302e \u00df \uff41 \u3042 \u2026
b\U0001d165\u302e \U0001d165\u302e"""
IDS = {token: i for i, token in enumerate(VOCAB.split())}
