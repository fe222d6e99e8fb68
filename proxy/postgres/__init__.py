"""proxy.postgres."""
