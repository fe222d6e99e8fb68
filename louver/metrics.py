"""Metrics: what the proxy counts, in the words of Prometheus.

Owns the name, the meaning and the labels of every metric; docs/metrics.md documents each, and a test compares the two. Numbers are read
when somebody asks for them, from plain counters that the proxy keeps anyway. Labels are fixed words: no name of a person, a table, a
database or a rule is shown, nor anything that a client has written.
May not do: count, serve, wait for anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client.core import Metric

    from audit.writer import Trail
    from louver.readiness import Readiness
    from proxy.meter import Count, Histogram, Meter
    from proxy.server import Server

_SECOND: Final = 1_000_000_000  # nanoseconds


@dataclass(frozen=True, slots=True)
class Sources:
    """What the numbers are read from."""

    server: Server
    meter: Meter
    trail: Trail
    readiness: Readiness
    version: str
    protocol: str


class LouverCollector(Collector):
    """Gives every metric of ours at the moment it is asked."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def describe(self) -> list[Metric]:
        """Nothing is known before it is asked."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Give all metrics."""
        told = self._sources
        info = InfoMetricFamily("louver", "The version of Louver, and the protocol it speaks.")
        info.add_metric((), {"version": told.version, "protocol": told.protocol})
        yield info
        yield from self._sessions()
        yield from self._statements()
        yield from self._audit()
        yield from self._state()

    def _sessions(self) -> Iterator[Metric]:
        server, meter = self._sources.server, self._sources.meter
        yield _gauge("louver_sessions", "Sessions that are open.", server.sessions)
        yield _gauge("louver_sessions_limit", "How many may be open: limits.connections.", server.most_sessions)
        yield _counter("louver_sessions_opened", "Sessions that have been opened.", meter.sessions)
        yield _counters("louver_logins_refused", "Logins that were refused, by cause.", "cause", meter.refused)

    def _statements(self) -> Iterator[Metric]:
        meter, tally = self._sources.meter, self._sources.server.tally
        ruled = CounterMetricFamily(
            "louver_statements", "Statements that were ruled, by kind and ruling.", labels=("kind", "ruling")
        )
        for (kind, ruling), count in meter.statements.items():
            ruled.add_metric((kind, ruling), count.number)
        yield ruled
        yield _counters("louver_statement_ends", "Statements that have ended, by status.", "status", meter.ends)
        yield _histogram("louver_statement_seconds", "From a statement's leaving to its end.", meter.taken)
        yield _histogram("louver_added_seconds", "From the reading of a statement to its leaving.", meter.added)
        yield _counter("louver_rows", "Rows of answers and rows changed.", meter.rows)
        yield _counter("louver_answer_bytes", "Bytes of answers.", meter.sent)
        cut = CounterMetricFamily("louver_answers_cut_off", "Answers that were cut off, by cause.", labels=("cause",))
        cut.add_metric(("hidden",), meter.exposed)
        cut.add_metric(("rows",), meter.exceeded)
        cut.add_metric(("changed",), meter.overtaken)
        yield cut
        found = CounterMetricFamily("louver_plans", "Look-ups of plans, by how one was found.", labels=("found",))
        for how, number in (("text", tally.texts), ("shape", tally.shapes), ("no", tally.misses)):
            found.add_metric((how,), number)
        yield found

    def _audit(self) -> Iterator[Metric]:
        meter, standing = self._sources.meter, self._sources.trail.standing
        lag = 0.0 if standing.durable == standing.appended else monotonic() - meter.synced_at
        yield _counter("louver_audit_records", "Records of the trail, since it was begun.", standing.appended)
        unwritten = standing.appended - standing.written
        yield _gauge("louver_audit_unwritten_records", "Records that wait to be written.", unwritten)
        undurable = standing.appended - standing.durable
        yield _gauge("louver_audit_undurable_records", "Records that a crash of the machine may lose.", undurable)
        yield _gauge("louver_audit_lag_seconds", "Age of the oldest of these.", lag)
        yield _gauge("louver_audit_segment", "Number of the segment that is written.", standing.segment)
        yield _gauge("louver_audit_available", "1 while records can be written.", standing.sound and meter.recording)
        yield _counter("louver_audit_lost_records", "Records that the trail could not take.", standing.lost)
        yield _counter("louver_audit_failures", "Times that records could not be written.", meter.unrecorded)

    def _state(self) -> Iterator[Metric]:
        meter, readiness = self._sources.meter, self._sources.readiness
        yield _gauge("louver_policies_current", "1 while the policies in force are those on the disk.", meter.current)
        yield _counters("louver_policies_reloads", "Times that policies were read again.", "result", meter.reloads)
        yield _gauge("louver_upstream_up", "1 while the database answers.", readiness.upstream.up)
        yield _gauge("louver_upstream_seconds", "How long its last answer took.", readiness.upstream.seconds)
        yield _counter("louver_upstream_failures", "Times that it did not answer.", readiness.upstream.failures)
        yield _gauge("louver_loop_delay_seconds", "How late the event loop was last.", meter.delay)
        yield _gauge("louver_ready", "1 while /readyz says so.", readiness.ready)


def registry(sources: Sources) -> CollectorRegistry:
    """Return what an exposition is made of: our metrics, and those of the process."""
    made = CollectorRegistry()
    ProcessCollector(registry=made)
    made.register(LouverCollector(sources))
    return made


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=float(value))


def _counter(name: str, meaning: str, value: int) -> Metric:
    return CounterMetricFamily(name, meaning, value=value)


def _counters(name: str, meaning: str, label: str, counts: Mapping[str, Count]) -> Metric:
    family = CounterMetricFamily(name, meaning, labels=(label,))
    for value, count in counts.items():
        family.add_metric((value,), count.number)
    return family


def _bound(nanoseconds: int | None) -> str:
    """Return the label of a bucket as OpenMetrics writes numbers; None is the last one's."""
    return "+Inf" if nanoseconds is None else str(nanoseconds / _SECOND)


def _histogram(name: str, meaning: str, histogram: Histogram) -> Metric:
    buckets, so_far = [], 0
    counts, total = list(histogram.counts), histogram.total
    for bound, count in zip((*histogram.bounds, None), counts, strict=True):
        so_far += count
        buckets.append((_bound(bound), float(so_far)))
    return HistogramMetricFamily(name, meaning, buckets=buckets, sum_value=total / _SECOND)
