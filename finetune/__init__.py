"""The machinery behind the scripts: configuration, features, pipeline, model functions, runner."""

__version__ = "0.1.0"
