"""What is answered: the strategy and the result of a run. Knows no solver."""
