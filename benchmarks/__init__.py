"""Contenders alternate in one run, which gives medians and ratios to the first."""
