"""What pytest leaves alone: the modules of an engine that is not installed."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("jax") else ["src/likeliest/engines/jax.py", "src/likeliest/engines/devices.py"]
