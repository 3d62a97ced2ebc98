"""What a bet may be, and what comes back of it. Pure."""
