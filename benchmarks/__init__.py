"""The benchmarks of likeliest: the library and its peers, timed in the same run (see README.md)."""
