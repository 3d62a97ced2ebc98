"""`touchline plugin`: make a plugin, test it, score it, and see what is installed."""
