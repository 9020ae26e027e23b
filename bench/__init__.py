"""Benchmarks: figures as ratios and bounds measured in one run on one machine."""
