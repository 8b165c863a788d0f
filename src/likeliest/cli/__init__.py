"""The command line: ``likeliest digits``, ``likeliest explain digits``."""

from likeliest.cli.app import app, main

__all__ = ["app", "main"]
