"""One room for each program that is timed: `build(variant, workload, size, threads)` gives back what is to be timed."""
