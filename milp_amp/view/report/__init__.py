"""Results as one page that stands alone: figures, tables, bounds and their reasons."""
