//! What a server's answers mean for its hostgroups.
