//! A server's administrative state, weight and limits, and what follows for balancing.
