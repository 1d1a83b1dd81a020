//! Stick tables: entries with counters and rates that expire; time is an argument.
