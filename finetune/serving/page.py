"""The page on which a person types a text and sees what a model makes of it."""

import base64
import functools
import hashlib
import os
import re
from typing import Dict, Mapping, Tuple

import jinja2

from finetune.serving.served_model import ServedModel

_TEMPLATE = "page.html.jinja"
_CODE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


def render(models: Mapping[str, ServedModel]) -> Tuple[str, Dict[str, str]]:
    """Returns the page, and its headers.

    Args:
      models: The models by name.
    """
    entries = []
    for name, model in models.items():
        found = model.current.signatures
        entries.append({"name": name, "kind": found.kind, "texts": " ".join(found.text_names)})
    page = _template().render(models=entries)
    return page, {"Content-Security-Policy": _policy(page), "X-Content-Type-Options": "nosniff"}


@functools.lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(os.path.dirname(__file__))
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    return environment.get_template(_TEMPLATE)


def _policy(page: str) -> str:
    """Returns the policy that lets the browser run only the page's own code, and load nothing."""
    hashes = {kind: _sha256(code) for kind, code in _CODE.findall(page)}
    return (
        f"default-src 'none'; script-src '{hashes['script']}'; style-src '{hashes['style']}'; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def _sha256(code: str) -> str:
    digest = hashlib.sha256(code.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
