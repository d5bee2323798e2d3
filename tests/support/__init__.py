"""Builders of commands, files and tiny models, and other helpers for the tests."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
