//! Answers of checks → verdict → proof.
