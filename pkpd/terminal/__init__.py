"""What is printed on a terminal: comparisons, the library, one model, a disagreement, what stands beside."""
