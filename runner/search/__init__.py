"""Searches: ablation, minimal sets and thresholds, each many runs of derived experiments."""
