//! The reference page, from the same types as the schema. May use the schema and the vocabulary's tables.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::schema::{bare_words, raw, referred, words};
use super::vocabulary::{all_not_built, short_form};

/// The page as Markdown.
#[must_use]
pub fn reference_page() -> String {
    let definitions = raw();
    let mut page =
        Page { text: String::new(), definitions: &definitions, queue: vec!["File".to_owned()], done: Vec::new() };
    page.add(concat!(
        "# The deploy file\n\n",
        "<!-- Generated from the types: `cargo run -p rollback-deploy-core --example reference`. -->\n\n",
        "`.github/rollback-deploy.yml` says what is deployed, to where, and how it is told to be healthy. ",
        "Editors complete and check it with [its schema](deploy-file.schema.json): begin the file with ",
        "`# yaml-language-server: $schema=URL`.\n\n",
        "Every mistake is told at once, with line, column and the nearest right word. ",
        "A key without a value is the same as no key. ",
        "Text keeps its spelling: `1.10`, `no` and `0644` are what they look like. ",
        "References (`*name`), tags (`!name`) and several documents in one file are refused. ",
        "At most 256 KiB are read.\n",
    ));
    while let Some(name) = page.next() {
        page.section(&name);
    }
    page.not_built();
    page.text
}

struct Page<'d> {
    text: String,
    definitions: &'d Map<String, Value>,
    /// Types still to be described.
    queue: Vec<String>,
    done: Vec<String>,
}

impl Page<'_> {
    fn add(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn next(&mut self) -> Option<String> {
        if self.queue.is_empty() {
            return None;
        }
        let name = self.queue.remove(0);
        self.done.push(name.clone());
        Some(name)
    }

    fn section(&mut self, name: &str) {
        let Some(definition) = self.definitions.get(name) else { return };
        let _infallible = write!(self.text, "\n## {name}\n\n{}\n", description(definition));
        if let Some(field) = short_form(name) {
            let _infallible = write!(self.text, "\nShort form: the value of `{field}` alone.\n");
        }
        if let Some(properties) = definition["properties"].as_object() {
            self.table(definition, properties);
        } else if let Some(choices) = definition["oneOf"].as_array() {
            self.choices(choices);
        } else if definition["type"] == "array" {
            let kind = self.kind(definition);
            let _infallible = write!(self.text, "\nA {kind}.\n");
        }
        if name == "Check" {
            let bare = bare_words(self.definitions).iter().map(|word| format!("`{word}`")).collect::<Vec<_>>();
            let _infallible = write!(self.text, "\nA word alone is enough for {}.\n", bare.join(", "));
        }
    }

    fn table(&mut self, definition: &Value, properties: &Map<String, Value>) {
        let required = definition["required"].as_array().cloned().unwrap_or_default();
        self.add("\n| key | value | meaning |\n|---|---|---|\n");
        for (key, value) in properties {
            let kind = self.kind(value);
            let must = if required.iter().any(|word| word == key) { "**Required.** " } else { "" };
            let meaning = description(value).replace('|', "\\|");
            let _infallible = writeln!(self.text, "| `{key}` | {kind} | {must}{meaning} |");
        }
    }

    fn choices(&mut self, choices: &[Value]) {
        self.add("\n| word | settings | meaning |\n|---|---|---|\n");
        for choice in choices {
            let settings = match choice["properties"].as_object().and_then(|properties| properties.values().next()) {
                Some(settings) => self.kind(settings),
                None => "none".to_owned(),
            };
            let word = words(choice).into_iter().next().or_else(|| choice["const"].as_str().map(str::to_owned));
            let word = word.unwrap_or_default();
            let _infallible = writeln!(self.text, "| `{word}` | {settings} | {} |", description(choice));
        }
    }

    /// The kind of a value in words, with a link to its section.
    fn kind(&mut self, schema: &Value) -> String {
        if let Some(name) = referred(schema) {
            let name = name.to_owned();
            if !self.done.contains(&name) && !self.queue.contains(&name) {
                self.queue.push(name.clone());
            }
            return format!("[{name}](#{})", name.to_lowercase());
        }
        let options = ["anyOf", "oneOf"].iter().find_map(|key| schema[key].as_array()).cloned();
        if let Some(options) = options {
            let kinds: Vec<String> =
                options.iter().filter(|option| option["type"] != "null").map(|option| self.kind(option)).collect();
            return kinds.join(" or ");
        }
        if let Some(constant) = schema.get("const") {
            return format!("`{constant}`");
        }
        let kinds = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect(),
            kind => kind.as_str().into_iter().collect::<Vec<_>>(),
        };
        match kinds.as_slice() {
            ["array"] => format!("list of {}", self.kind(&schema["items"])),
            ["object"] => format!("map of {} by name", self.kind(&schema["additionalProperties"])),
            ["integer"] => "number".to_owned(),
            _ => "text".to_owned(),
        }
    }

    fn not_built(&mut self) {
        self.add("\n## Not built yet\n\nThese words are known and refused with a clear error; nothing of them is half done.\n\n");
        for (of, words) in all_not_built() {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            let _infallible = writeln!(self.text, "- in [{of}](#{}): {}", of.to_lowercase(), words.join(", "));
        }
    }
}

fn description(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().replace('\n', " ")
}
