//! `action.yml` and the reference pages, from the same tables that the code reads. A test compares them with the files.

use std::fmt::Write as _;

use rollback_deploy_core::model::Outcome;

use super::inputs::{Described, INPUTS, OUTPUTS};

const GENERATED: &str = "Written by a test from the code: `GENERATE=1 cargo test generated` writes it anew.";

/// The metadata of the action.
#[must_use]
pub fn action_yml() -> String {
    let mut text = format!(
        "# {}\n\
         name: Rollback deploy\n\
         description: Deploys that can be taken back by a click, by a command, or by the host itself\n\
         author: The rollback-deploy authors\n\
         branding:\n  icon: rotate-ccw\n  color: blue\n\
         inputs:\n",
        GENERATED.replace('`', "")
    );
    for Described { name, about, default } in INPUTS {
        // JSON's quoting is YAML's as well.
        let _infallible = writeln!(text, "  {name}:\n    description: {}\n    required: false", quoted(about));
        if !default.is_empty() {
            let _infallible = writeln!(text, "    default: {}", quoted(default));
        }
    }
    text.push_str("outputs:\n");
    for Described { name, about, .. } in OUTPUTS {
        let _infallible = writeln!(text, "  {name}:\n    description: {}", quoted(about));
    }
    text.push_str(
        "runs:\n  using: docker\n  image: Dockerfile\n  entrypoint: /usr/local/bin/rollback-deploy\n  \
         post-entrypoint: /usr/local/bin/rollback-deploy-post\n",
    );
    text
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The table of inputs, as the reference and the README show it.
#[must_use]
pub fn inputs_table() -> String {
    let mut text = "| input | what it means | default |\n|---|---|---|\n".to_owned();
    for Described { name, about, default } in INPUTS {
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        let _infallible = writeln!(text, "| `{name}` | {} | {default} |", about.replace('|', "\\|"));
    }
    text
}

/// The table of outputs.
#[must_use]
pub fn outputs_table() -> String {
    let mut text = "| output | what it means |\n|---|---|\n".to_owned();
    for Described { name, about, .. } in OUTPUTS {
        let _infallible = writeln!(text, "| `{name}` | {} |", about.replace('|', "\\|"));
    }
    text
}

/// What stands in the README between the marks `inputs:begin` and `inputs:end`.
#[must_use]
pub fn readme_part() -> String {
    format!("{}\nOutputs are written when the step fails as well.\n\n{}", inputs_table(), outputs_table())
}

/// The page about inputs and outputs.
#[must_use]
pub fn inputs_page() -> String {
    format!(
        "# Inputs and outputs of the action\n\n<!-- {GENERATED} -->\n\n\
         Every input is optional for the runner; what is missing for the action at hand is told by name, all at once. \
         Missing and empty are the same. Any other secret comes from the step's `env:`, by a name that the deploy file \
         mentions (`${{env:NAME}}`).\n\n\
         ## Inputs\n\n{}\n## Outputs\n\nWritten when the step fails as well.\n\n{}",
        inputs_table(),
        outputs_table()
    )
}

/// The page about outcomes and exit codes.
#[must_use]
pub fn exit_codes_page() -> String {
    let mut text = format!(
        "# Outcomes and exit codes\n\n<!-- {GENERATED} -->\n\n\
         The word is the output `outcome`, the number the exit code of the command line and the output `exit-code`. They \
         are stable. With several targets the worst decides, in the order 5, 7, 6, 8, 4.\n\n\
         | exit code | outcome | meaning |\n|---|---|---|\n"
    );
    for outcome in Outcome::ALL {
        let (code, word, meaning) = (outcome.exit_code(), outcome.word(), outcome.meaning());
        let signal = match outcome {
            Outcome::Cancelled { signal: 2 } => " (SIGINT)",
            Outcome::Cancelled { .. } => " (SIGTERM)",
            _ => "",
        };
        let _infallible = writeln!(text, "| {code} | `{word}` | {meaning}{signal} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The file is what the code says; with `GENERATE=1` it is written so.
    #[expect(clippy::disallowed_methods, reason = "a developer's own switch; a file of the sources, not of a host")]
    fn generated(path: &str, text: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        if std::env::var_os("GENERATE").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(there, text, "{} is not what the code says: GENERATE=1 cargo test generated", path.display());
    }

    #[test]
    fn generated_files_are_what_the_code_says() {
        generated("action.yml", &action_yml());
        generated("docs/reference/inputs.md", &inputs_page());
        generated("docs/reference/exit-codes.md", &exit_codes_page());
    }

    #[test]
    fn generated_tables_of_the_readme_are_what_the_code_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        let readme = std::fs::read_to_string(path).unwrap();
        let (before, rest) = readme.split_once("<!-- inputs:begin -->\n").unwrap();
        let (_, after) = rest.split_once("<!-- inputs:end -->").unwrap();
        let part = readme_part();
        generated("README.md", &format!("{before}<!-- inputs:begin -->\n{part}<!-- inputs:end -->{after}"));
    }

    #[test]
    fn generated_metadata_is_what_the_runner_can_read() {
        let read: serde_json::Value = serde_yaml::from_str(&action_yml()).unwrap();
        let names = |key: &str| read[key].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names("inputs").len(), INPUTS.len());
        assert_eq!(names("outputs").len(), OUTPUTS.len());
        let plain = |name: &String| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        assert!(names("inputs").iter().all(plain), "the runner and act spell other names differently");
        assert_eq!(read["inputs"]["token"]["default"], "${{ github.token }}");
        assert_eq!(read["runs"]["using"], "docker");
        let run = crate::report::fold::Run::default();
        let written: Vec<&str> = run.outputs(Outcome::Done).into_iter().map(|(name, _)| name).collect();
        assert_eq!(written, OUTPUTS.map(|output| output.name));
    }
}
