//! Tests of the backends: one suite for all, and what is each one's own.

mod carry;
mod crash;
mod disk_full;
mod embedded;
mod etcd;
mod etcd_admin;
mod etcd_cluster;
mod etcd_server;
#[macro_use]
mod suite;
