//! The words and the decisions of rollback-deploy.
//!
//! Nothing here touches the world: no IO, no clock, no runtime. The effects live in the package
//! above, which performs what is decided here.
//!
//! | room | what |
//! |---|---|
//! | [`model`] | the words as types: names, paths, records, checks, failures, outcomes |
//! | [`file`] | the deploy file: text with spans → types, schema, reference page |
//! | [`plan`] | what happens next: versions, order, way back, guards, what to prune |
//! | [`judge`] | answers of checks → verdict → proof |
//! | [`wire`] | frames and messages between a controller and an agent |

pub mod file;
pub mod judge;
pub mod model;
pub mod plan;
pub mod wire;
