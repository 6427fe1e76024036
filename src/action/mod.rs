//! The GitHub face: inputs, outputs, workflow commands, post step.
