"""A start without a profile: what a model's layers compute and move, and what a device can do, give seconds."""
