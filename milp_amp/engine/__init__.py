"""Running solvers: limits, incumbents and bounds, and one function per solver."""
