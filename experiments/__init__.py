"""The experiments: one file each, data only; see ``docs/writing-experiments.md``."""
