"""The libraries that not everybody needs: imported where they are used, with an error that says how to install them."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any


def need(module: str, extra: str, what: str) -> Any:
    """The module.

    Raises
    ------
    ImportError
        When it is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        raise ImportError(f"{what} need {module}: pip install 'likeliest[{extra}]'") from None


def need_polars() -> Any:
    """polars, for tables."""
    return need("polars", "tables", "tables (CSV, Parquet, Arrow)")


def need_matplotlib() -> None:
    """An ImportError unless matplotlib is installed; it is imported later."""
    if find_spec("matplotlib") is None:
        raise ImportError("pictures need matplotlib: pip install 'likeliest[plots]'")


def need_pillow() -> Any:
    """Pillow's module Image, for images."""
    try:
        return import_module("PIL.Image")
    except ImportError:
        raise ImportError("images need Pillow: pip install 'likeliest[images]'") from None
