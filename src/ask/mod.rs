//! Questions that change nothing, the same code at both ends. May use core only.
