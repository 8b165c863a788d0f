"""A graph as an ONNX file. The only place that imports onnx."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import likeliest
from likeliest.export.graph import Graph, Rows, Symbol

OPSET, ML_OPSET, IR = 17, 3, 8
"""Of ONNX 1.12 (2022), the first opset with LayerNormalization: any onnxruntime from 1.12 on opens such a file."""
LARGEST = 2**31 - 2**20
"""Bytes of θ: a protocol buffer ends at 2 GiB, and the rest of the graph needs some room."""


def onnx_package() -> Any:
    """The package, or an ImportError that says how to install it."""
    try:
        import onnx
    except ImportError:
        raise ImportError('export_onnx needs the package onnx: pip install "likeliest[onnx]"') from None
    return onnx


def check_size(graph: Graph) -> None:
    """A ValueError if the file could not be written."""
    size = sum(array.nbytes for array in graph.constants.values() if array.dtype != object)
    if size > LARGEST:
        raise ValueError(
            f"model: its θ takes {size / 2**30:.2f} GiB, and an ONNX file holds 2 GiB at most; "
            'dtype="float32" halves what a float64 network takes'
        )


def to_bytes(graph: Graph, name: str, doc: str, metadata: Mapping[str, str]) -> bytes:
    """The file, checked by onnx itself."""
    onnx = onnx_package()
    graph.prune()
    check_size(graph)
    helper = onnx.helper

    def described(symbol: Symbol) -> Any:
        shape = ["n" if isinstance(size, Rows) else size for size in symbol.shape]
        return helper.make_tensor_value_info(symbol.name, tensor_type(symbol.dtype), shape)

    def tensor_type(dtype: np.dtype[Any]) -> int:
        return int(onnx.TensorProto.STRING if dtype.kind == "O" else helper.np_dtype_to_tensor_dtype(dtype))

    nodes = []
    for node in graph.nodes:
        attributes = {k: tensor_type(v) if isinstance(v, np.dtype) else v for k, v in node.attributes.items()}
        outputs = [*[""] * node.place, node.output]
        nodes.append(
            helper.make_node(node.operator, node.inputs, outputs, node.output, domain=node.domain, **attributes)
        )
    tensors = [onnx.numpy_helper.from_array(array, key) for key, array in graph.constants.items()]
    proto = helper.make_model(
        helper.make_graph(nodes, name, [*map(described, graph.inputs)], [*map(described, graph.outputs)], tensors),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)],
        ir_version=IR,
        producer_name="likeliest",
        producer_version=likeliest.__version__,
        doc_string=doc,
    )
    helper.set_model_props(proto, dict(metadata))
    onnx.checker.check_model(proto, full_check=True)
    data: bytes = proto.SerializeToString()
    return data
