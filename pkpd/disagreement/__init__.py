"""One regimen through every model and every effect site: how far they are apart, and what was observed."""
