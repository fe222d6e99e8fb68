"""The application: command line, settings, the composition root, the demo.

cli.py            the commands, one file each in commands/
settings.py       louver.yaml
secret.py         the secret of keyed masks
configuration.py  the settings and all files they name, checked together
compose.py        builds the running proxy: the one place that knows all parts
logs.py           the operational log
demo/             a bank, a throw-away PostgreSQL and a tour
"""
