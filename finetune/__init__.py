"""The machinery behind the scripts; docs/architecture.md shows what is in which folder."""

__version__ = "0.2.0"
