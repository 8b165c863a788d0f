"""The pictures: how fitting went, what each cell looks for, what was misread, and the network itself.

Each function gives a matplotlib figure (or, for the curves, axes) that belongs to nobody else: no window opens,
no display is needed, ``figure.savefig("name.png")`` writes it, and a notebook shows it. The classes are displays in
scikit-learn's manner: ``from_estimator`` or ``from_predictions`` compute the numbers, keep them as attributes, and draw
them on ``ax=`` or on new axes (``display.figure_.savefig("name.png")``). They need matplotlib, which
``pip install 'likeliest[plots]'`` brings.
"""

from likeliest.plots.augmented import AugmentationDisplay
from likeliest.plots.coverage import CoverageDisplay
from likeliest.plots.diagram import network
from likeliest.plots.feature_maps import FeatureMapsDisplay
from likeliest.plots.intervals import IntervalDisplay
from likeliest.plots.kernels import KernelsDisplay
from likeliest.plots.learning import LearningCurveDisplay, learning_curve
from likeliest.plots.learning_rates import learning_rates
from likeliest.plots.mistakes import misread
from likeliest.plots.reliability import ReliabilityDisplay
from likeliest.plots.theta import WeightsDisplay
from likeliest.plots.weights import hidden_weights

__all__ = [
    "AugmentationDisplay",
    "CoverageDisplay",
    "FeatureMapsDisplay",
    "IntervalDisplay",
    "KernelsDisplay",
    "LearningCurveDisplay",
    "ReliabilityDisplay",
    "WeightsDisplay",
    "hidden_weights",
    "learning_curve",
    "learning_rates",
    "misread",
    "network",
]
