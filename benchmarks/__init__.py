"""Benchmarks a user can run: `python -m benchmarks`."""
