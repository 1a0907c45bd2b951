"""Runs as pages for people who were not there: one self-contained HTML file a run, and an index over all of them."""
