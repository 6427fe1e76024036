//! GitHub's published description of its REST API, against what was really asked and answered.

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use super::{Origin, Seen};
use crate::world::made;

/// The part of the description that the product uses, made by `tests/world/openapi.sh`.
pub(crate) struct OpenApi {
    whole: Value,
}

impl OpenApi {
    /// # Panics
    /// The description is missing: nothing was validated.
    pub(crate) fn read() -> Self {
        let path = made("openapi.json");
        let text = std::fs::read(&path).unwrap_or_else(|error| {
            panic!("{}: {error}; run `./test github`, or tests/world/openapi.sh", path.display())
        });
        Self { whole: serde_json::from_slice(&text).expect("the description is JSON") }
    }

    /// What GitHub would not have understood, or would not have answered so. Storage and the results service are not
    /// part of the description.
    pub(crate) fn problems(&self, seen: &[Seen]) -> Vec<String> {
        let api =
            seen.iter().filter(|seen| seen.asked.origin == Origin::Api && !seen.asked.path.starts_with("/twirp/"));
        api.filter(|seen| seen.answer.status != 0).filter_map(|seen| self.problem(seen).err()).collect()
    }

    fn problem(&self, seen: &Seen) -> Result<(), String> {
        let (asked, answer) = (&seen.asked, &seen.answer);
        let what = format!("{} {} → {}", asked.method, asked.path, answer.status);
        let path = asked.path.strip_prefix("/api/v3").unwrap_or(&asked.path);
        let paths = self.whole["paths"].as_object().expect("paths");
        let route = paths.iter().filter(|(template, _)| fits(template, path));
        // The more of it is literal, the better it fits.
        let (template, route) = route
            .min_by_key(|(template, _)| template.matches('{').count())
            .ok_or_else(|| format!("{what}: not in the description"))?;
        let operation = route.get(asked.method.to_lowercase()).ok_or_else(|| format!("{what}: no such method"))?;
        for (name, _) in url::form_urlencoded::parse(asked.query.as_bytes()) {
            let known = operation["query"].as_array().expect("a list").iter().any(|known| *known == *name);
            // Pages of a list that is not described as paged come by a link of the server's own.
            if !known && name != "page" {
                return Err(format!("{what}: {template} has no parameter {name:?}"));
            }
        }
        let kind = answer.headers.iter().find(|(name, _)| *name == "content-type").map_or("", |(_, kind)| kind);
        let kind = kind.split(';').next().unwrap_or_default();
        let responses = &operation["responses"];
        let described = &responses[answer.status.to_string()];
        if described.is_null() && answer.status < 400 {
            return Err(format!("{what}: {template} has no such answer"));
        }
        if kind != "application/json" {
            let fits = described.is_null() || described["content"].is_null() || !described["content"][kind].is_null();
            // Text of a server in trouble and raw files are not described.
            return if fits || kind.contains("raw") || answer.status >= 500 {
                Ok(())
            } else {
                Err(format!("{what}: {kind}?"))
            };
        }
        let schema = match &described["content"][kind] {
            Value::Null => json!({"$ref": "#/components/schemas/basic-error"}),
            schema => schema.clone(),
        };
        let body: Value = serde_json::from_slice(&answer.body).map_err(|error| format!("{what}: {error}"))?;
        let errors: Vec<String> = self
            .validator(&schema)
            .iter_errors(&body)
            .map(|error| format!("{what}: at {}: {error}", error.instance_path()))
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("\n")) }
    }

    fn validator(&self, schema: &Value) -> Validator {
        // The components stand beside it, where its references look for them.
        let whole = json!({"components": self.whole["components"], "allOf": [schema]});
        jsonschema::options()
            .with_draft(Draft::Draft4)
            .should_validate_formats(true)
            .build(&whole)
            .expect("GitHub's description is a schema")
    }
}

/// Does the path fit the template? The last placeholder of a path or of a reference takes slashes, too.
fn fits(template: &str, path: &str) -> bool {
    let (mut wanted, mut have) = (template.split('/').peekable(), path.split('/'));
    while let Some(part) = wanted.next() {
        let Some(found) = have.next() else { return false };
        let free = part.starts_with('{');
        if !free && part != found || free && found.is_empty() && part != "{ref}" {
            return false;
        }
        if wanted.peek().is_none() && ["{ref}", "{path}"].contains(&part) {
            return true;
        }
    }
    have.next().is_none()
}
