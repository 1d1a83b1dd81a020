//! Statistics: columns, rows, and the ways to show them: CSV, JSON, typed, HTML, Prometheus.
