//! Versions and artifacts through the API of GitHub.
