"""How accurate activations and surrogates are, beside extended precision."""
