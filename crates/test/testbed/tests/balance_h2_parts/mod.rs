pub mod cases;
pub mod expect;
pub mod wire;
