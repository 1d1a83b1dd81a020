//! Elections against a model of the API whose every way may fail, in time that is only counted.

mod decisions;
mod elections;
mod storms;
mod world;
