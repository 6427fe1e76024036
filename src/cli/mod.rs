//! The operator's face: one file per verb.
