"""ONNX: a fitted model as a file that other programs predict with."""

from likeliest.export.export import export_onnx

__all__ = ["export_onnx"]
