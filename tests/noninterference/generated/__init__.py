"""Generated statements over the demo bank, answered by twins, by the masked world, and compared."""
