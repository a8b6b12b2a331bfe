"""Simulated trials: who enters, how it is conducted, what it finds, and how often that misleads."""
