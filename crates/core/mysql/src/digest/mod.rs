//! What a statement looks like without its values.
