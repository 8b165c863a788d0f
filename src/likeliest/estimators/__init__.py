"""Classifier and Regressor: networks in scikit-learn's contract. Nothing else in the library imports scikit-learn."""

from likeliest.estimators.classifier import Classifier
from likeliest.estimators.regressor import Regressor

__all__ = ["Classifier", "Regressor"]
