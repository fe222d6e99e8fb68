"""Other projects' driver test suites, run direct and then through Louver: what fails only through Louver is ours."""
