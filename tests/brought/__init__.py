"""Database servers for the tests on a machine that has none: Debian or Ubuntu packages, unpacked and not installed."""
