"""Metrics and logs of every process."""
