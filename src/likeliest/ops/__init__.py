"""The operations: the textbook's vocabulary, each on a page of its own.

A page is a module with two functions. ``forward(xp, *values, **attributes)`` computes the operation on an array
namespace; ``backward(g, output, *values, **attributes)`` is its chain rule in NumPy: from g = ∂LL/∂output to the tuple
of ∂LL/∂value, in the order of the values. Shapes stand on the first line of a page.
"""

from types import ModuleType

from likeliest.ops import affine, elu, gelu, identity, leaky_relu, logistic, relu, reshape, silu, softplus, tanh

ACTIVATIONS: dict[str, ModuleType] = {
    page.__name__.rpartition(".")[2]: page
    for page in (identity, logistic, tanh, relu, leaky_relu, elu, softplus, gelu, silu)
}
"""The scalar activations: h = f(z), one number at a time."""

OPERATIONS: dict[str, ModuleType] = {"affine": affine, "reshape": reshape, **ACTIVATIONS}
"""Every operation by name."""
