//! What a client's session carries.
