"""A few physically meaningful numbers, fitted to measured trials: what an instance says then holds for its cluster."""
