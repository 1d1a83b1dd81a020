//! The PROXY protocol, versions 1 and 2: reading and writing its header.
