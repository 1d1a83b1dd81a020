//! Which server gets the next connection: one file per `balance` algorithm.
