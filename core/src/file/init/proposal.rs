//! What is proposed: files, and what to do next.

use crate::model::RelPath;
use crate::model::name::NameError;

use super::super::load::PATH;
use super::deploy_file::deploy_file;
use super::next::next;
use super::recipe::Recipe;
use super::seen::Seen;
use super::workflows::{Names, deploy, rollback};

/// Files to write where there are none, and what a person does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Paths from the repository's root, and texts.
    pub files: Vec<(RelPath, String)>,
    /// Lines for a shell, in order; those that begin with `#` are for people.
    pub next: Vec<String>,
}

impl Proposal {
    /// What is proposed for a repository in which this was seen.
    ///
    /// # Errors
    /// Only by a mistake of ours: the names of the files are ours or plain.
    pub fn of(seen: &Seen) -> Result<Self, NameError> {
        let recipe = Recipe::of(seen);
        let names = Names::of(seen);
        let below = |file: &str| format!(".github/workflows/{file}");
        let files = [
            (PATH.to_owned(), deploy_file(seen, &recipe)),
            (below(&names.deploy), deploy(seen, &recipe)),
            (below(&names.rollback), rollback()),
        ];
        let files = files.into_iter().map(|(path, text)| Ok((RelPath::new(path)?, text)));
        let files = files.collect::<Result<Vec<_>, NameError>>()?;
        let next = next(seen, &recipe, &names, files.iter().map(|(path, _)| path.as_str()));
        Ok(Self { files, next })
    }
}
