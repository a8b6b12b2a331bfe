"""Replicates x patients: what patients' differences, the estimates' errors and the choice of a model each make."""
