//! netplan
