"""The application's commands, one module per group; each exports `commands`."""
