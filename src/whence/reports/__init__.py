"""Reports, and plain words for numbers."""
