"""Leaf costs: seconds of layers, transfers and collectives, bytes of memory. One file per cost model."""
