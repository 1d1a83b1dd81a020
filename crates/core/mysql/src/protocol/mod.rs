//! Packets of the MySQL protocol.
