"""`python -m louver` is the command `louver`."""

from louver.cli import main

main()
