//! The stream for programs: one JSON event a line. Secrets are masked inside the values, before they are quoted.

use std::io::Write;

use rollback_deploy_core::plan::Event;
use serde_json::Value;

use super::mask::Masker;
use crate::engine::events::Reader;

/// The reader.
pub struct Json {
    masker: Masker,
    out: Box<dyn Write + Send>,
}

impl Json {
    /// Writes to `out`.
    #[must_use]
    pub fn new(masker: Masker, out: Box<dyn Write + Send>) -> Self {
        Self { masker, out }
    }
}

/// The value with every text in it masked.
#[must_use]
pub fn masked(masker: &Masker, value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(masker.mask(&text)),
        Value::Array(all) => all.into_iter().map(|value| masked(masker, value)).collect(),
        Value::Object(all) => all.into_iter().map(|(key, value)| (masker.mask(&key), masked(masker, value))).collect(),
        other => other,
    }
}

impl Reader for Json {
    fn read(&mut self, event: &Event) {
        // Every type of an event can be written as JSON; one that cannot would be a mistake that tests find.
        let Ok(value) = serde_json::to_value(event) else { return };
        let line = format!("{}\n", masked(&self.masker, value));
        let _nobody_reads = self.out.write_all(line.as_bytes());
        let _nobody_reads = self.out.flush();
    }
}

#[cfg(test)]
mod tests {
    use rollback_deploy_core::model::Foreign;
    use rollback_deploy_core::plan::Fact;

    use super::super::commands::tests::Shared;
    use super::*;

    #[test]
    fn one_masked_event_a_line_that_reads_back() {
        let out = Shared::default();
        let masker = Masker::new();
        masker.add("secret \"quoted\" value");
        let mut json = Json::new(masker, Box::new(out.clone()));
        let said = Fact::Said(Foreign::new("a\nb secret \"quoted\" value"));
        let event = Event { seq: 7, at: "now".to_owned(), elapsed_ms: 3, target: None, fact: said };
        json.read(&event);
        json.read(&event);
        let text = out.text();
        assert_eq!(text.lines().count(), 2);
        let back: Event = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(back, Event { fact: Fact::Said(Foreign::new("a\nb ***")), ..event });
    }
}
