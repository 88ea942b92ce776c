"""Files that users already have, read into instances; whatever they do not say is asked for."""
