"""The commands of `louver`, one file each. Heavy imports stand inside the functions, so that help comes at once."""
