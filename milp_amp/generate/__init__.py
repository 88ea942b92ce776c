"""Synthetic instances, seeded: fat trees, islands, and bandwidth matrices without structure."""
