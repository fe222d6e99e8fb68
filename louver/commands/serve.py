"""`louver serve`: run the proxy."""

from __future__ import annotations

from louver.console import ConfigOption, fail


def serve(config: ConfigOption = "louver.yaml") -> None:
    """Run the proxy until it is told to stop.

    SIGTERM or Ctrl-C lets running statements finish (`drain_seconds`), a second one ends at once.

    [bold]Example:[/bold]  louver serve --config /etc/louver/louver.yaml
    """
    from louver import compose, configuration
    from louver.logs import configure

    try:
        parts = configuration.load(config)
        configure(parts.settings.log)
        compose.serve(parts)
    except configuration.ConfigurationError as error:
        fail(error.mistakes)
