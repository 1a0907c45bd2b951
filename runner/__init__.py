"""Experiment runner: real k3s inside a real gVisor sandbox, with evidence."""
