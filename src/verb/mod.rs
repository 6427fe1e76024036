//! What both faces can ask for: one file per verb.
