"""Times of a model's layers measured on the device at hand. PyTorch is imported only when a device is opened."""
