//! Readers of the event stream: terminal, log, summary, JSON; escaping of Foreign text per medium.
