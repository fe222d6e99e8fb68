"""Shipping the trail to where many machines' trails are kept: ClickHouse, a SIEM over syslog, Kafka.

    trail         the trail as batches of whole blocks, their chain checked, to be sent in order
    place         how far a destination has got, remembered over restarts
    following     one destination's loop: read, send, remember; waits and tries again
    events        what a record is as an event of its own: severity, and the shapes of a message (json, ocsf, cef)
    ocsf, cef     these shapes
    syslog        messages by RFC 5424 and their way over TLS (RFC 5425)
    kafka         the same messages, acknowledged one by one
    rows, clickhouse   records as rows of ClickHouse's tables, each exactly once
    dialect, asking    the trail's questions in ClickHouse's SQL, and their answers
    lag           how far behind each destination is

Reads the trail through `audit` alone, beside a proxy that writes. May not do: change the trail, know settings or commands.
"""
