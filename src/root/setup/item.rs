//! One part of a set-up: looked at, made, taken away.

use rollback_deploy_core::model::Failure;
use rollback_deploy_core::wire::SetupMode;
use rollback_deploy_core::wire::act::SetupStep;

use super::OwnedFile;

/// How a part is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Now {
    /// As it should be.
    Right,
    /// There, but not so.
    Wrong(String),
    /// Not there.
    Missing,
}

type Look = Box<dyn Fn() -> Result<Now, Failure>>;
pub(super) type Do = Box<dyn Fn() -> Result<(), Failure>>;

/// One part.
pub(crate) struct Item {
    pub(crate) what: String,
    pub(crate) now: Look,
    pub(crate) make: Do,
    /// Takes it away; what has none stays.
    pub(crate) unmake: Option<Do>,
    /// Only root can look at it.
    pub(crate) hidden: bool,
}

impl Item {
    /// A file of root's.
    pub(crate) fn file(what: &str, file: OwnedFile) -> Self {
        let [look, make, unmake] = [file.clone(), file.clone(), file];
        Self {
            what: format!("{}: {what}", look.path.display()),
            now: Box::new(move || look.now()),
            make: Box::new(move || make.write()),
            unmake: Some(Box::new(move || unmake.remove())),
            hidden: false,
        }
    }
}

/// Goes through all parts: in order, or from the last to the first when they are taken away.
pub(crate) fn go(items: &[Item], mode: SetupMode) -> Result<Vec<SetupStep>, Failure> {
    match mode {
        SetupMode::Plan | SetupMode::Check => items.iter().map(look).collect(),
        SetupMode::Apply => items.iter().map(make).collect(),
        SetupMode::Remove => items.iter().rev().filter_map(unmake).collect(),
    }
}

fn look(item: &Item) -> Result<SetupStep, Failure> {
    Ok(match (item.now)()? {
        Now::Right => SetupStep { what: item.what.clone(), done: true, changed: false },
        Now::Missing => SetupStep { what: item.what.clone(), done: false, changed: false },
        Now::Wrong(why) => SetupStep { what: format!("{} ({why})", item.what), done: false, changed: false },
    })
}

fn make(item: &Item) -> Result<SetupStep, Failure> {
    let before = (item.now)()?;
    if before != Now::Right {
        (item.make)()?;
        match (item.now)()? {
            Now::Right => {}
            Now::Wrong(why) => return Err(Failure::failed(format!("{}: {why}", item.what))),
            Now::Missing => return Err(Failure::failed(format!("{}: it is still missing", item.what))),
        }
    }
    Ok(SetupStep { what: item.what.clone(), done: true, changed: before != Now::Right })
}

fn unmake(item: &Item) -> Option<Result<SetupStep, Failure>> {
    let unmake = item.unmake.as_ref()?;
    let gone = || {
        let there = (item.now)()? != Now::Missing;
        if there {
            unmake()?;
        }
        let done = (item.now)()? == Now::Missing;
        Ok(SetupStep { what: format!("gone: {}", item.what), done, changed: there })
    };
    Some(gone())
}
