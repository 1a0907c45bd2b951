"""Frozen records: what an experiment declares, what a run sees, what a result says."""
