"""What a prediction was worth, given what happened. Pure."""
