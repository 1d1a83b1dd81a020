//! The syntax of libconfig: settings, groups, lists and arrays, each with its line and column.
