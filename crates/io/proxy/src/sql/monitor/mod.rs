//! Watches servers, and puts in force what their answers mean.

pub mod probe;
