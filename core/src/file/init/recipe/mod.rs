//! What each kind of app needs: how it is built, what outlives a release, what runs it.

use super::kind::Kind;
use super::seen::Seen;

mod compiled;
mod node;
mod php;
mod python;
mod ruby;

/// What an app needs, beside what was seen of its units.
#[derive(Debug, Default)]
pub(super) struct Recipe {
    /// Commands that build it where the workflow runs; empty: nothing is built there.
    pub(super) runner: Vec<String>,
    /// The folder that those fill.
    pub(super) folder: Option<String>,
    /// Commands that finish a release on the host.
    pub(super) build: Vec<Line>,
    /// The command that migrates the database.
    pub(super) migrate: Option<String>,
    /// Files and folders that outlive a release.
    pub(super) shared: Vec<Shared>,
    /// Folders in which names of the old release stay reachable.
    pub(super) assets: Vec<Line>,
    /// What runs it, when no unit was seen.
    pub(super) unit: Option<Guess>,
    /// Where it usually listens.
    pub(super) port: Option<u16>,
    /// The page that says whether it works, where the framework has one.
    pub(super) page: Option<&'static str>,
    /// A file that a release cannot do without: asked for where no service runs.
    pub(super) essential: Option<String>,
    /// Where the web server finds the pages, below the live release.
    pub(super) pages: Option<String>,
}

/// A line of a list; switched off lines are comments.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) off: Option<&'static str>,
}

/// Something that outlives a release.
#[derive(Debug)]
pub(super) struct Shared {
    /// With a trailing `/` when it is a folder.
    pub(super) path: String,
    /// Whether the repository has such a folder, whose content goes there once.
    pub(super) seed: bool,
    /// Whether the framework says so. The name alone does not: `storage` can be code, and shared code would stay old.
    pub(super) sure: bool,
}

/// A unit that is guessed.
#[derive(Debug)]
pub(super) struct Guess {
    /// Its name.
    pub(super) name: String,
    /// Whether it is reloaded rather than restarted.
    pub(super) reload: bool,
    /// What it would start, below the live release; empty when the unit comes with a package.
    pub(super) start: String,
}

fn on(text: impl Into<String>) -> Line {
    Line { text: text.into(), off: None }
}

fn off(text: impl Into<String>, why: &'static str) -> Line {
    Line { text: text.into(), off: Some(why) }
}

fn guess(seen: &Seen, start: impl Into<String>) -> Guess {
    Guess { name: seen.app.to_string(), reload: false, start: start.into() }
}

impl Recipe {
    pub(super) fn of(seen: &Seen) -> Self {
        let mut recipe = match &seen.kind {
            Kind::Django { python, static_root } => python::django(seen, *python, *static_root),
            Kind::Python { python, server } => python::other(seen, *python, server),
            Kind::Rails { assets, credentials } => ruby::rails(seen, *assets, *credentials),
            Kind::Ruby => ruby::other(seen),
            Kind::Laravel { front_end, php } => php::laravel(*front_end, php),
            Kind::Php { php } => php::other(php),
            Kind::Node(node) => node::program(seen, *node),
            Kind::Pages { node, output } => node::pages(*node, output),
            Kind::Go { package } => compiled::go(seen, package),
            Kind::Rust { program } => compiled::rust(seen, program),
            Kind::Site { folder } => {
                let file = if folder.is_empty() { "index.html".to_owned() } else { format!("{folder}/index.html") };
                Self { essential: Some(file), pages: Some(folder.clone()), ..Self::default() }
            }
            Kind::Unknown => Self { unit: Some(guess(seen, "PROGRAM")), port: Some(8000), ..Self::default() },
        };
        // Pages have no environment, and nobody writes into them.
        if recipe.unit.is_some() && seen.env_example.is_some() {
            recipe.shared.insert(0, Shared { path: ".env".to_owned(), seed: false, sure: true });
        }
        let listed = |shared: &[Shared], name: &str| shared.iter().any(|item| item.path.trim_end_matches('/') == name);
        let sources = recipe.unit.is_some() && recipe.folder.is_none();
        for name in seen.kept.iter().filter(|_| sources) {
            if !listed(&recipe.shared, name) {
                recipe.shared.push(Shared { path: format!("{name}/"), seed: true, sure: false });
            }
        }
        if recipe.migrate.is_none() {
            recipe.migrate = seen.processes.iter().find(|it| it.name == "release").map(|it| it.command.clone());
        }
        recipe
    }
}
