"""Plugins that do everything wrong: each module, and each name in `hostile.models`, is one of them."""
