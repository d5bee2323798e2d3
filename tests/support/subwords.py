"""A small byte-level BPE tokenizer, as RoBERTa's tokenizer.json has one."""

import json
import pathlib
from typing import Dict

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
_MERGES = ("n e", "ne w", "Ġ new", ") .", "Ġ (")


def byte_characters() -> str:
    """Returns the character that byte-level BPE shows for each byte, in the order of its own."""
    # GPT-2's bytes_to_unicode: printable bytes stand for themselves, others for U+0100 onwards.
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = (chr(256 + i) for i in range(256 - len(shown)))
    return "".join(map(chr, shown)) + "".join(others)


def write_byte_level_bpe(path: pathlib.Path) -> pathlib.Path:
    """Writes a tokenizer.json with RoBERTa's special tokens."""
    pieces = [*SPECIAL, *byte_characters(), *("".join(merge.split()) for merge in _MERGES)]
    vocab: Dict[str, int] = {piece: i for i, piece in enumerate(pieces)}
    added = [
        {
            "id": vocab[token],
            "content": token,
            "single_word": False,
            "lstrip": token == "<mask>",
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for token in SPECIAL
    ]
    settings = {"add_prefix_space": False, "trim_offsets": True}
    parts = {
        "version": "1.0",
        "added_tokens": added,
        "pre_tokenizer": {"type": "ByteLevel", "use_regex": True, **settings},
        "post_processor": {
            "type": "RobertaProcessing",
            "sep": ["</s>", 2],
            "cls": ["<s>", 0],
            **settings,
        },
        "model": {"type": "BPE", "vocab": vocab, "merges": [m.split() for m in _MERGES]},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(parts), encoding="utf-8")
    return path
