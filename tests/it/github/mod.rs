//! The action as GitHub runs it.
