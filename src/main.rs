//! Which face am I?

fn main() {}
