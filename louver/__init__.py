"""louver."""
