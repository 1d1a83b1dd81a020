//! Members of a real etcd on loopback ports: kept running, found again, joined, removed, saved and restored.

mod machine;
mod members;
mod recovery;
mod supervision;
