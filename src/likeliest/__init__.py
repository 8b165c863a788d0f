"""likeliest."""
