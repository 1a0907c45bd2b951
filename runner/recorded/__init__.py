"""Logs that were recorded elsewhere: classified as they are, or judged as if they were running."""
