//! The way in: text → [`DeployFile`], or every mistake at once. May use everything in this room.

use crate::model::{AppName, EnvironmentName, Failure, Place};

use super::decode::{Decoded, decode};
use super::mistake::{Mistake, failures, quoted};
use super::resolve::Resolver;
use super::resolved::Environment;
use super::tree::{Tree, parse};
use super::{vocabulary, written};

/// Where the deploy file lies, from the repository's root, unless another place is named.
pub const PATH: &str = ".github/rollback-deploy.yml";

/// A deploy file without mistakes.
#[derive(Debug, Clone, PartialEq)]
pub struct DeployFile {
    app: AppName,
    environments: Vec<Environment>,
}

/// Reads a deploy file. `path` is what the mistakes name, from the repository's root.
///
/// # Errors
/// Every mistake at once, in the order of the file, each with its line and column.
pub fn load(text: &str, path: &str) -> Result<DeployFile, Vec<Failure>> {
    let (tree, mut mistakes) = parse(text);
    let Some(tree) = tree else { return Err(failures(mistakes, path)) };
    let decoded = decode::<written::File>(&tree);
    let file = resolve(&tree, decoded, &mut mistakes);
    match file {
        Some(file) if mistakes.is_empty() => Ok(file),
        // Nothing could be read and nothing was said: that would be a mistake of ours, and must not pass as success.
        None if mistakes.is_empty() => Err(vec![Failure::bug("the deploy file could not be read")]),
        _ => Err(failures(mistakes, path)),
    }
}

fn resolve(tree: &Tree, decoded: Decoded<written::File>, mistakes: &mut Vec<Mistake>) -> Option<DeployFile> {
    mistakes.extend(decoded.mistakes);
    if mistakes.is_empty()
        && let Some(node) = decoded.left_out.iter().min().and_then(|id| tree.nodes.get(*id))
    {
        // Nothing is left out in silence: a setting that was not read must never look as if it were.
        mistakes.push(Mistake::new(node.named_at, format!("{} could not be read", quoted(&node.name))));
    }
    let written::File { version: _only_one_is_known, app, environments } = decoded.value?;
    let mut resolver = Resolver::new(tree, &decoded.left_out);
    let mut meant = Vec::new();
    if let Some(environments) = &environments {
        for (name, environment) in &environments.0 {
            meant.extend(resolver.environment(app.as_ref(), name, &environment.value));
        }
    }
    mistakes.append(&mut resolver.mistakes);
    if meant.is_empty() && mistakes.is_empty() {
        let at = tree.nodes.get(tree.root).map_or((1, 1), |node| node.at);
        mistakes.push(
            Mistake::new(at, "there is no environment")
                .hint("Name one: `environments: { production: { root: /srv/app } }`."),
        );
    }
    Some(DeployFile { app: app?, environments: meant })
}

impl DeployFile {
    /// The app.
    #[must_use]
    pub fn app(&self) -> &AppName {
        &self.app
    }

    /// The names of its environments, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &EnvironmentName> {
        self.environments.iter().map(|environment| &environment.name)
    }

    /// One environment. Without a name the only one is meant.
    ///
    /// # Errors
    /// There is no such environment, or several and none was named.
    pub fn environment(&self, name: Option<&EnvironmentName>) -> Result<Environment, Vec<Failure>> {
        self.find(name).cloned()
    }

    fn find(&self, name: Option<&EnvironmentName>) -> Result<&Environment, Vec<Failure>> {
        let names = || self.names().map(EnvironmentName::as_str);
        let known = || format!("The deploy file has: {}.", names().collect::<Vec<_>>().join(", "));
        let wrong = |what: String, hint: String| {
            vec![Failure::input(what).at(Place::Input("environment".to_owned())).hint(hint)]
        };
        match (name, self.environments.as_slice()) {
            (None, [only]) => Ok(only),
            (None, _) => Err(wrong("the deploy file has several environments: say which".to_owned(), known())),
            (Some(name), all) => all.iter().find(|environment| environment.name == *name).ok_or_else(|| {
                let hint = match vocabulary::nearest(name.as_str(), names()) {
                    Some(near) => format!("Did you mean `{near}`?"),
                    None => known(),
                };
                wrong(format!("there is no environment {}", quoted(name.as_str())), hint)
            }),
        }
    }
}
