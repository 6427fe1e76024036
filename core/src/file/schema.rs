//! The JSON Schema of the deploy file, from the written types. May use the vocabulary's tables.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::vocabulary::SHORT_FORMS;
use super::written;

/// Where the schema is published with the project.
const ID: &str = "https://raw.githubusercontent.com/org/rollback-deploy/main/docs/reference/deploy-file.schema.json";

/// The schema as the types give it; the root type stands among the definitions too.
pub(super) fn raw() -> Map<String, Value> {
    let schema = schemars::schema_for!(written::File);
    let mut schema = match Value::from(schema) {
        Value::Object(schema) => schema,
        _ => Map::new(),
    };
    let mut definitions = match schema.remove("$defs") {
        Some(Value::Object(definitions)) => definitions,
        _ => Map::new(),
    };
    schema.remove("$schema");
    schema.remove("title");
    definitions.insert("File".to_owned(), Value::Object(schema));
    match sorted(Value::Object(definitions)) {
        Value::Object(definitions) => definitions,
        _ => Map::new(),
    }
}

/// Keys in the order of the alphabet: another package of the build may switch on that `serde_json` keeps their order,
/// and the generated pages must not depend on that.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let sorted_keys: BTreeMap<String, Value> =
                map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(sorted_keys.into_iter().collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// The keys that must be there, by type.
pub(super) fn required() -> BTreeMap<String, Vec<String>> {
    raw().into_iter().map(|(name, definition)| (name, strings(&definition["required"]))).collect()
}

/// The settings of a type, or the words of a choice.
pub(super) fn words_of(name: &str) -> Vec<String> {
    raw().get(name).map(words).unwrap_or_default()
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(super) fn words(definition: &Value) -> Vec<String> {
    if let Some(properties) = definition["properties"].as_object() {
        return properties.keys().cloned().collect();
    }
    let choices = definition["oneOf"].as_array().into_iter().flatten();
    let constants = strings(&definition["enum"]).into_iter();
    let of_choice = |choice: &Value| match choice["const"].as_str() {
        Some(word) => vec![word.to_owned()],
        None if choice["properties"].is_object() => words(choice),
        None => strings(&choice["enum"]),
    };
    constants.chain(choices.flat_map(of_choice)).collect()
}

/// The type that a `$ref` names.
pub(super) fn referred(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str().and_then(|path| path.rsplit('/').next())
}

/// The whole schema as text, as it is published.
#[must_use]
pub fn schema_text() -> String {
    let mut definitions = raw();
    let bare = bare_words(&definitions);
    for (name, field) in SHORT_FORMS {
        if let Some(definition) = definitions.get_mut(*name) {
            *definition = with_short_form(definition, field);
        }
    }
    one_kind_of_service(&mut definitions);
    if let Some(check) = definitions.get_mut("Check").and_then(Value::as_object_mut) {
        let choices = check.remove("oneOf").and_then(|choices| choices.as_array().cloned()).unwrap_or_default();
        let words = json!({ "description": "A word alone: all its settings have defaults.", "enum": bare });
        check.insert("oneOf".to_owned(), choices.into_iter().chain([words]).collect());
    }
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "The deploy file of rollback-deploy",
    });
    if let (Some(root), Some(Value::Object(file))) = (schema.as_object_mut(), definitions.remove("File")) {
        root.extend(file);
        root.insert("$defs".to_owned(), Value::Object(definitions));
    }
    let mut text = serde_json::to_string_pretty(&sorted(schema)).unwrap_or_default();
    text.push('\n');
    text
}

/// The checks of which nothing has to be said.
pub(super) fn bare_words(definitions: &Map<String, Value>) -> Vec<String> {
    let choices = definitions.get("Check").and_then(|check| check["oneOf"].as_array()).cloned().unwrap_or_default();
    let pairs = choices.iter().filter_map(|choice| choice["properties"].as_object()?.iter().next());
    let without_needs = |settings: &Value| {
        referred(settings).and_then(|name| definitions.get(name)).is_some_and(|definition| {
            definition["required"].as_array().is_none_or(Vec::is_empty) && referred(settings) != Some("ErrorsCheck")
        })
    };
    pairs.filter(|(_, settings)| without_needs(settings)).map(|(word, _)| word.clone()).collect()
}

/// Either the one setting alone, or all of them.
fn with_short_form(definition: &Value, field: &str) -> Value {
    let mut short = definition["properties"][field].clone();
    let kinds = short.get("type").cloned();
    if let (Some(short), Some(Value::Array(kinds))) = (short.as_object_mut(), kinds) {
        // `null` stands for a missing key and is no short form.
        let kinds: Vec<Value> = kinds.into_iter().filter(|kind| kind != "null").collect();
        short.insert("type".to_owned(), if let [one] = kinds.as_slice() { one.clone() } else { Value::Array(kinds) });
    }
    let description = definition["description"].clone();
    json!({ "description": description, "anyOf": [short, definition] })
}

/// A unit, or all four of one's own.
fn one_kind_of_service(definitions: &mut Map<String, Value>) {
    let Some(long) = definitions.get_mut("Service").and_then(|service| service["anyOf"][1].as_object_mut()) else {
        return;
    };
    let own = ["name", "start", "stop", "status"];
    let any_own: Vec<Value> = own.iter().map(|word| json!({ "required": [word] })).collect();
    let any_unit = json!([{ "required": ["unit"] }, { "required": ["how"] }]);
    let kinds = json!([
        { "required": ["unit"], "not": { "anyOf": any_own } },
        { "required": own, "not": { "anyOf": any_unit } },
    ]);
    long.insert("oneOf".to_owned(), kinds);
}
