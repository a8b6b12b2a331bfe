"""How far published estimates may be off: draws of them, from standard errors, intervals, covariances or a table."""
