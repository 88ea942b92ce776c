"""The pre-pass: max flows, minimum cuts and lower bounds, each a provable statement."""
