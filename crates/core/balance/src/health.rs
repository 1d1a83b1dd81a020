//! The state of a server as its checks see it: rise and fall, the interval that follows, the texts of its status.
