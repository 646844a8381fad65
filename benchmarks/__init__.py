"""Side by side: contenders alternate in one run; medians and ratios to the first."""
