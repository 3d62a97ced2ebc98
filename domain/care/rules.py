"""Limits and breaks: what is stricter, what is in force, what would go beyond. Pure."""
