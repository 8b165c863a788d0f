"""The pictures: how fitting went, what each cell looks for, what was misread, and the network itself.

Each function gives a matplotlib figure (or, for the learning curve, axes) that belongs to nobody else: no window opens,
no display is needed, ``figure.savefig("name.png")`` writes it, and a notebook shows it. They need matplotlib, which
``pip install 'likeliest[plots]'`` brings.
"""

from likeliest.plots.diagram import network
from likeliest.plots.learning import learning_curve
from likeliest.plots.mistakes import misread
from likeliest.plots.weights import hidden_weights

__all__ = ["hidden_weights", "learning_curve", "misread", "network"]
