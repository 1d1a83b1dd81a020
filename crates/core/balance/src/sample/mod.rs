//! Samples: fetches that look at a stream, converters that change what they found.
