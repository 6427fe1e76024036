//! The typed verbs that run as root, and their policy file. The only face that runs as root.
