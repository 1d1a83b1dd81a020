//! Worlds of servers, round by round.
