//! The statistics socket's language: commands, levels, help, and the texts of refusals.
