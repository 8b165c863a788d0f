"""What pytest leaves alone: the module of an engine that is not installed."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("jax") else ["src/likeliest/engines/jax.py"]
