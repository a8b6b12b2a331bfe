"""Percentile curves of any number of patients, in memory that does not grow with them."""
