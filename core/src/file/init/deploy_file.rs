//! The text of a first deploy file. What is only guessed is marked, or is a comment until a person decides.

use std::fmt::Write as _;

use super::recipe::{Line, Recipe, Shared};
use super::seen::Seen;
use super::words::scalar;

/// Where the address of the host stands until somebody writes the real one; it can never be anybody's.
pub(super) const HOST: &str = "deploy@web-1.example.com";

/// Lines of the environment, indented.
#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, indent: usize, text: impl AsRef<str>) {
        // Writing to a String cannot fail.
        let _infallible = writeln!(self.0, "{:indent$}{}", "", text.as_ref());
    }

    /// Begins a section: an empty line, and what it is about.
    fn section(&mut self, lines: &[&str]) {
        self.0.push('\n');
        self.about(lines);
    }

    fn about(&mut self, lines: &[&str]) {
        for line in lines {
            self.line(4, format!("# {line}"));
        }
    }

    /// A list; without any item that is switched on the key is a comment too.
    fn list(&mut self, key: &str, items: &[(Vec<String>, Option<&str>)]) {
        let off = items.iter().all(|(_, off)| off.is_some());
        self.line(4, format!("{}{key}:", if off { "# " } else { "" }));
        for (lines, off) in items {
            if let Some(why) = off.filter(|why| !why.is_empty()) {
                self.line(4, format!("#   {why}"));
            }
            for (n, line) in lines.iter().enumerate() {
                let (dash, comment) = (if n == 0 { "- " } else { "  " }, if off.is_some() { "# " } else { "" });
                self.line(4, format!("{comment}  {dash}{line}"));
            }
        }
    }
}

pub(super) fn deploy_file(seen: &Seen, recipe: &Recipe) -> String {
    let mut text = Text::default();
    text.line(
        0,
        format!(
            "# How {} is deployed and taken back: a first draft by `rollback-deploy init`, yours from now on.",
            seen.app
        ),
    );
    text.line(0, format!("# Seen here: {}.", evidence(seen).join(", ")));
    text.line(0, "# CHANGE marks what was guessed. `rollback-deploy validate` tells every mistake in this file.");
    text.line(0, "");
    text.line(0, "version: 1");
    text.line(0, format!("app: {}", scalar(seen.app.as_str())));
    text.line(0, "environments:");
    text.line(2, "production:");
    places(&mut text, seen, recipe);
    shared(&mut text, seen, &recipe.shared);
    build(&mut text, recipe);
    services(&mut text, seen, recipe);
    health(&mut text, seen, recipe);
    text.0
}

/// What the draft goes by; every name here is plain.
fn evidence(seen: &Seen) -> Vec<String> {
    let mut evidence = vec![seen.kind.title().to_owned()];
    evidence.extend(seen.units.iter().map(|unit| unit.path.clone()));
    if !seen.processes.is_empty() {
        evidence.push("Procfile".to_owned());
    }
    evidence.extend(seen.env_example.clone());
    if seen.container {
        evidence.push("a container file (not used: the app runs as a service)".to_owned());
    }
    evidence
}

fn places(text: &mut Text, seen: &Seen, recipe: &Recipe) {
    text.about(&[
        "CHANGE: the host, as user@host:port; more hosts, more lines. The variable DEPLOY_HOSTS of the workflows wins",
        "over this, so a public repository need not show the address. Logs show the label (web-1) only.",
    ]);
    text.line(4, "hosts:");
    text.line(6, format!("web-1: {HOST}"));
    text.section(&["Releases, shared files and records lie here, on each host."]);
    text.line(4, format!("root: {}", seen.root));
    match &seen.link {
        Some(link) => {
            text.about(&[
                "The live release: where the units run already. If that is a real folder on the host today,",
                "move it away before the first deploy: here will be a link.",
            ]);
            text.line(4, format!("link: {link}"));
        }
        None => {
            text.about(&[&format!(
                "The live release is {}/current: services and web server use this path.",
                seen.root
            )]);
        }
    }
    if let Some(pages) = &recipe.pages {
        let below = if pages.is_empty() { String::new() } else { format!("/{pages}") };
        text.about(&[&format!("In nginx: `root {}{below};`", seen.live())]);
    }
    if let Some(folder) = &recipe.folder {
        text.section(&[
            "Built where the workflow runs; from a command line, build it there first. What the app reads while",
            "it runs has to be in this folder too.",
        ]);
        text.line(4, "source:");
        text.line(6, format!("folder: {}", scalar(folder)));
    }
    if !seen.tag_prefix.is_empty() && seen.tag_prefix != "v" || seen.tag_prefix.is_empty() {
        text.section(&["What stands before the number in a tag."]);
        text.line(4, format!("tag-prefix: \"{}\"", seen.tag_prefix));
    }
}

fn shared(text: &mut Text, seen: &Seen, shared: &[Shared]) {
    if shared.is_empty() {
        return;
    }
    text.section(&[
        "These outlive a release. A trailing / says: a folder; it is made when missing. Files must be on the host",
        &format!("before the first deploy, in {}/shared/.", seen.root),
    ]);
    let items = shared.iter().map(|item| {
        let lines = if item.seed {
            vec![
                format!("path: {}", scalar(&item.path)),
                "seed: once   # what the repository has there is copied once".to_owned(),
            ]
        } else {
            vec![scalar(&item.path)]
        };
        (lines, (!item.sure).then_some("If the app writes there (never for code):"))
    });
    text.list("shared", &items.collect::<Vec<_>>());
}

fn build(text: &mut Text, recipe: &Recipe) {
    let lines = |lines: &[Line], quote: fn(&str) -> String| -> Vec<(Vec<String>, Option<&str>)> {
        lines.iter().map(|line| (vec![quote(&line.text)], line.off)).collect()
    };
    if !recipe.assets.is_empty() {
        text.section(&["Names of the old release stay reachable in these folders of the new one."]);
        text.list("assets", &lines(&recipe.assets, scalar));
    }
    if !recipe.build.is_empty() {
        text.section(&["Run on the host, in the new release's own folder, before it is live."]);
        text.list("build", &lines(&recipe.build, command));
    }
    if let Some(migrate) = &recipe.migrate {
        text.section(&[
            "The database, after the build and before the switch. Switch it on by saying what a migration does to the",
            "old release: `expand-only`, it works on (so the host may go back by itself); `one-way`, it cannot.",
            "migrate:",
            &format!("  run: {}", command(migrate)),
            "  verdict: expand-only",
        ]);
    }
}

fn services(text: &mut Text, seen: &Seen, recipe: &Recipe) {
    let Some(guess) = &recipe.unit else { return };
    let seen_units: Vec<_> = seen.units.iter().map(|unit| (vec![scalar(unit.name.as_str())], None)).collect();
    if !seen_units.is_empty() {
        text.section(&["Restarted with each change, watched, and proven to run the new release."]);
        text.list("services", &seen_units);
        return;
    }
    let live = seen.live();
    let mut runs: Vec<_> = seen.processes.iter().filter(|process| process.name != "release").collect();
    runs.truncate(8);
    if guess.reload {
        text.section(&["CHANGE: the service that runs the app, reloaded with each change."]);
        let lines = vec![format!("unit: {}", scalar(&guess.name)), "how: reload".to_owned()];
        text.list("services", &[(lines, None)]);
    } else if runs.is_empty() {
        text.section(&[
            "CHANGE: the units of systemd that run the app: restarted, watched, and proven to run the new release.",
            "A unit runs the live release:",
            &format!("  WorkingDirectory={live}"),
            &format!("  ExecStart={live}/{}", guess.start),
        ]);
        text.list("services", &[(vec![scalar(&guess.name)], None)]);
    } else {
        text.section(&[
            "CHANGE: the units of systemd that run the processes of the Procfile; each with",
            &format!("  WorkingDirectory={live}"),
        ]);
        let units = runs.iter().map(|process| (vec![scalar(&format!("{}-{}", seen.app, process.name))], None));
        text.list("services", &units.collect::<Vec<_>>());
    }
}

fn health(text: &mut Text, seen: &Seen, recipe: &Recipe) {
    let port = seen.port.as_ref().filter(|_| recipe.port.is_some());
    let asks_the_app = port.is_some() || recipe.unit.is_none();
    let unsure = (!asks_the_app).then_some("");
    if asks_the_app {
        text.section(&["What must be true of a release that is live. Otherwise the one before comes back."]);
    } else {
        // A check takes the place of that rule: one that only asks about the disk would make the draft weaker.
        text.section(&[
            "What must be true of a release that is live. Otherwise the one before comes back. Without any check, the",
            "services must run for 10 s without a restart; checks take the place of that, so switch on one that asks the app.",
        ]);
    }
    let mut items: Vec<(Vec<String>, Option<&str>)> = Vec::new();
    if let Some(port) = port {
        items.push((vec![format!("port: {}   # from {}", port.number, port.from)], None));
    }
    if let (Some(file), None) = (&recipe.essential, &recipe.unit) {
        items.push((vec![format!("command: test -s {file}")], None));
    }
    let listens = port.map(|port| port.number).or(recipe.port);
    let page = recipe.page.unwrap_or(if recipe.unit.is_some() { "health" } else { "" });
    let address = listens.map_or_else(String::new, |port| format!(":{port}"));
    let http = vec!["http:".to_owned(), format!("  url: http://127.0.0.1{address}/{page}"), "  within: 60s".to_owned()];
    items
        .push((http, Some("The best check: a page that answers with 200 only when the app works, asked on the host.")));
    if !seen.env_names.is_empty() && recipe.shared.iter().any(|item| item.path == ".env") {
        let about = "environment:   # CHANGE: the names without which the app must not run".to_owned();
        let names = seen.env_names.iter().map(|name| format!("    - {}", scalar(name.as_str())));
        items.push(([about, "  names:".to_owned()].into_iter().chain(names).collect(), unsure));
    }
    items.push((vec!["disk: 10%".to_owned()], unsure));
    text.list("health", &items);
}

/// A command as YAML: plain where that is safe, otherwise in quotes as JSON has them, which are YAML too.
fn command(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '.' || c == '/')
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with(':')
        && text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
