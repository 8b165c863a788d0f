"""Records of a fit, written after each epoch: `CSVLog`, `JSONLinesLog`, `TensorBoard`.

A callback of a network is any function of an `Epoch`; these are such functions, that keep what they are told in files.
"""

from likeliest.callbacks.base import EpochCallback
from likeliest.callbacks.csv_log import CSVLog
from likeliest.callbacks.json_lines_log import JSONLinesLog
from likeliest.callbacks.tensorboard import TensorBoard

__all__ = ["CSVLog", "EpochCallback", "JSONLinesLog", "TensorBoard"]
