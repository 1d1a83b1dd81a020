//! Every variable of ProxySQL 2.x.
