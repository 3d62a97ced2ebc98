"""Tables of a season: points, order and places. Pure."""
