"""rewriter.masks."""
