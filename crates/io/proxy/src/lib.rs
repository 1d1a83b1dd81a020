//! The balancer at work: sockets, timers and threads for what `balance` decides.
