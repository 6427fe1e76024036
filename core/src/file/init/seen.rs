//! What was seen in a repository, parsed: every name in it is plain.

use std::collections::BTreeMap;

use semver::Version;

use crate::model::name::NameError;
use crate::model::{AbsPath, AppName, EnvName};

use super::folder::Folder;
use super::kind::Kind;
use super::remote::Repository;
use super::units::{Unit, places, units};
use super::words::{is_plain, plain_name, port};

/// What was seen in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What the app is called.
    pub app: AppName,
    /// Where the repository is at home, when a remote says so.
    pub repository: Option<Repository>,
    /// The branch that workflows are started on by hand.
    pub branch: String,
    /// The newest version tag.
    pub newest_tag: Option<String>,
    /// What stands before the number in its tags.
    pub tag_prefix: String,
    /// Which kind of app it is.
    pub kind: Kind,
    /// Units of systemd in the repository.
    pub units: Vec<Unit>,
    /// Processes of a Procfile.
    pub processes: Vec<Process>,
    /// The app's folder on a host.
    pub root: AbsPath,
    /// The live link, when it is not the usual one.
    pub link: Option<AbsPath>,
    /// A port that the app was seen to listen on.
    pub port: Option<Port>,
    /// The example of the app's environment file.
    pub env_example: Option<String>,
    /// The names in it.
    pub env_names: Vec<EnvName>,
    /// Folders of the repository in which apps keep what their users bring: `media`, `uploads`, `log`, `storage`.
    pub kept: Vec<String>,
    /// Workflows that are there already.
    pub workflows: Vec<Workflow>,
    /// Whether there is a Dockerfile or a compose file.
    pub container: bool,
}

/// A process of a Procfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its name.
    pub name: String,
    /// Its command.
    pub command: String,
}

/// A port, and where it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The port.
    pub number: u16,
    /// The file that names it.
    pub from: String,
}

/// A workflow that is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// Its file, below `.github/workflows/`.
    pub file: String,
    /// Whether it uses this action to deploy.
    pub deploys: bool,
    /// Whether it uses this action to go back.
    pub rolls_back: bool,
    /// Whether it runs when a tag is pushed.
    pub on_tags: bool,
}

/// Examples of environment files, the usual one first.
const ENV_EXAMPLES: [&str; 3] = [".env.example", ".env.sample", ".env.dist"];
/// Folders in which apps keep what outlives a release.
const KEPT: [&str; 6] = ["media", "uploads", "logs", "log", "storage", "public/uploads"];
/// An environment file of hundreds of names is no list of what an app cannot do without.
const MOST_NAMES: usize = 40;

impl Seen {
    /// Parses what lies in a repository.
    ///
    /// # Errors
    /// Only by a mistake of ours: names are made plain before they are parsed.
    pub fn of(folder: &Folder) -> Result<Self, NameError> {
        let repository = folder.remote.as_deref().and_then(Repository::of);
        let named = repository.as_ref().and_then(|repository| plain_name(&repository.name));
        let app = named.or_else(|| plain_name(&folder.name)).unwrap_or_else(|| "app".to_owned());
        let units = units(folder);
        let (root, link) = match places(&units) {
            Some(places) => places,
            None => (AbsPath::new(format!("/srv/{app}"))?, None),
        };
        let (newest_tag, tag_prefix) = newest(&folder.tags).unzip();
        let branch = folder.head.as_deref().and_then(|head| head.trim().strip_prefix("refs/remotes/origin/"));
        let env_example = ENV_EXAMPLES.into_iter().find(|name| folder.has(name));
        Ok(Self {
            repository,
            branch: branch.filter(|branch| is_plain(branch)).unwrap_or("main").to_owned(),
            newest_tag,
            tag_prefix: tag_prefix.unwrap_or_else(|| "v".to_owned()),
            kind: Kind::of(folder),
            processes: processes(folder.text("Procfile")),
            port: seen_port(folder, &units),
            env_names: env_example.map(|name| env_names(folder.text(name))).unwrap_or_default(),
            env_example: env_example.map(str::to_owned),
            kept: KEPT.into_iter().filter(|name| folder.has(&format!("{name}/"))).map(str::to_owned).collect(),
            workflows: workflows(folder),
            container: ["Dockerfile", "compose.yaml", "compose.yml", "docker-compose.yml"]
                .iter()
                .any(|name| folder.has(name)),
            units,
            root,
            link,
            app: AppName::new(app)?,
        })
    }

    /// The path of the live release.
    pub(super) fn live(&self) -> String {
        self.link.as_ref().map_or_else(|| format!("{}/current", self.root), AbsPath::to_string)
    }
}

/// The newest version and what stands before its number, among the tags of the usual kind in this repository.
fn newest(tags: &[String]) -> Option<(String, String)> {
    let mut kinds: BTreeMap<&str, (usize, Version)> = BTreeMap::new();
    for tag in tags {
        let Some(at) = tag.find(|c: char| c.is_ascii_digit()) else { continue };
        let (prefix, number) = tag.split_at(at);
        let fine = prefix.is_empty() || (is_plain(prefix) && !prefix.starts_with(['.', '/']) && !prefix.contains(".."));
        if let (true, Ok(version)) = (fine, Version::parse(number))
            && version.pre.is_empty()
            && version.build.is_empty()
        {
            let (count, highest) = kinds.entry(prefix).or_insert_with(|| (0, version.clone()));
            *count += 1;
            *highest = version.max(highest.clone());
        }
    }
    let (prefix, (_, version)) = kinds.into_iter().max_by_key(|(prefix, (count, _))| (*count, *prefix == "v"))?;
    Some((format!("{prefix}{version}"), prefix.to_owned()))
}

fn processes(procfile: &str) -> Vec<Process> {
    let one_line = |command: &str| (1..=300).contains(&command.len()) && !command.chars().any(char::is_control);
    let mut processes: Vec<Process> = Vec::new();
    for (name, command) in procfile.lines().filter_map(|line| line.trim().split_once(':')) {
        let (name, command) = (name.trim(), command.trim());
        let new = processes.len() < 16 && processes.iter().all(|process| process.name != name);
        if new && is_plain(name) && !name.contains(['/', '.']) && one_line(command) {
            processes.push(Process { name: name.to_owned(), command: command.to_owned() });
        }
    }
    processes
}

fn seen_port(folder: &Folder, units: &[Unit]) -> Option<Port> {
    let unit = units.iter().find_map(|unit| Some(Port { number: unit.port?, from: unit.path.clone() }));
    let from = |file: &str, wanted: fn(&str) -> bool| {
        let number = folder.text(file).lines().map(str::trim).filter(|line| wanted(line)).find_map(port)?;
        Some(Port { number, from: file.to_owned() })
    };
    let example = || ENV_EXAMPLES.iter().find_map(|file| from(file, |line| line.starts_with("PORT=")));
    // What a Dockerfile exposes is a port of the container, and the app runs without one.
    unit.or_else(|| from("Procfile", |line| line.starts_with("web:"))).or_else(example)
}

fn env_names(text: &str) -> Vec<EnvName> {
    let names = text.lines().filter_map(|line| line.trim().trim_start_matches("export ").split_once('='));
    let mut seen = Vec::new();
    for name in names.filter_map(|(name, _)| EnvName::new(name.trim()).ok()) {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    // A list that long is no list of what the app cannot do without.
    if seen.len() > MOST_NAMES { Vec::new() } else { seen }
}

fn workflows(folder: &Folder) -> Vec<Workflow> {
    let below = folder.paths.iter().filter_map(|path| Some((path, path.strip_prefix(".github/workflows/")?)));
    below
        .filter(|(_, file)| is_plain(file) && !file.contains('/'))
        .map(|(path, file)| {
            let text = folder.text(path);
            let ours = text.contains("/rollback-deploy@");
            let rolls_back = ours && text.contains("action: rollback");
            let on_tags = text.lines().any(|line| line.trim_start().starts_with("tags:"));
            Workflow { file: file.to_owned(), deploys: ours && !rolls_back, rolls_back, on_tags }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_kind_of_tags_counts() {
        let newest = |tags: &[&str]| newest(&tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>());
        let found = |tag: &str, prefix: &str| Some((tag.to_owned(), prefix.to_owned()));
        assert_eq!(newest(&["v1", "v1.9.0", "v1.10.0", "v2.0.0-rc.1", "nightly"]), found("v1.10.0", "v"));
        assert_eq!(newest(&["1.0.0", "1.1.0", "v0.1.0"]), found("1.1.0", ""));
        assert_eq!(newest(&["app-v1.0.0"]), found("app-v1.0.0", "app-v"));
        assert_eq!(newest(&["$(id)1.0.0", "../1.0.0"]), None);
    }

    #[test]
    fn names_of_an_environment_file() {
        let names = env_names("# comment\nA=1\nexport B=\nA=2\n 1C=x\nnot a name=1\nD_1 = x\n");
        assert_eq!(names.iter().map(EnvName::as_str).collect::<Vec<_>>(), ["A", "B", "D_1"]);
    }
}
