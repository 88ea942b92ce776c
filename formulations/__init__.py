"""Formulations: one question, one mathematics, one file each. This package holds no code of its own."""
