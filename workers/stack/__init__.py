"""One command's worth of servers and processes: found, started, watched, restarted, stopped."""
