"""Published observations against the prediction of every model that applies to them."""
