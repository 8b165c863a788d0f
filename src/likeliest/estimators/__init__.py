"""Classifier, Regressor and Ensemble: networks in scikit-learn's contract. Nothing else in the library imports
scikit-learn.
"""

from likeliest.estimators.classifier import Classifier
from likeliest.estimators.ensemble import Ensemble
from likeliest.estimators.regressor import Regressor

__all__ = ["Classifier", "Ensemble", "Regressor"]
