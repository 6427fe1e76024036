//! What is written → what it means: defaults filled in, settings checked against one another.
//! May use the written types and the tree for places.

use std::collections::HashSet;

use crate::model::{AbsPath, AppName, EnvironmentName, RelPath, Seconds, Settings, WatchdogKind};

use super::mistake::{At, Mistake, quoted};
use super::resolved::{Environment, Setup, SourceChoice};
use super::tree::{Id, Tree};
use super::written;
use super::written::amount::Time;
use super::written::placed::Placed;

pub(super) mod defaults;
pub(super) mod health;
mod hosts;
mod paths;
mod services;
pub(super) mod source;

/// The wrong things that were seen, with what is needed to say where.
pub(super) struct Resolver<'t> {
    tree: &'t Tree,
    left_out: &'t HashSet<Id>,
    pub(super) mistakes: Vec<Mistake>,
}

impl<'t> Resolver<'t> {
    pub(super) fn new(tree: &'t Tree, left_out: &'t HashSet<Id>) -> Self {
        Self { tree, left_out, mistakes: Vec::new() }
    }

    fn at(&self, node: Id) -> At {
        self.tree.nodes.get(node).map_or((1, 1), |node| node.at)
    }

    fn wrong(&mut self, node: Id, what: impl Into<String>) {
        self.mistakes.push(Mistake::new(self.at(node), what));
    }

    fn wrong_hint(&mut self, node: Id, what: impl Into<String>, hint: impl Into<String>) {
        self.mistakes.push(Mistake::new(self.at(node), what).hint(hint));
    }

    /// What the node is called, in front of a sentence about it.
    fn name(&self, node: Id) -> String {
        self.tree.nodes.get(node).map_or_else(String::new, |node| quoted(&node.name))
    }

    /// Whether something of this name was left out: then nothing is concluded from its absence.
    fn unsure_about(&self, words: &[&str]) -> bool {
        let named = |id: &Id| self.tree.nodes.get(*id).is_some_and(|node| words.contains(&node.name.as_str()));
        self.left_out.iter().any(named)
    }

    fn time(&mut self, time: Option<&Placed<Time>>, default: Seconds, least: u64) -> Seconds {
        let Some(time) = time else { return default };
        if time.value.0.0 < least {
            self.wrong(time.node, format!("{}: wants at least {least}s", self.name(time.node)));
        }
        time.value.0
    }

    /// Text that must say something, on one line unless it is a command.
    fn text(&mut self, text: &Placed<String>, one_line: bool) {
        if text.value.trim().is_empty() {
            self.wrong(text.node, format!("{}: this text is empty", self.name(text.node)));
        } else if one_line && text.value.trim_end().contains('\n') {
            self.wrong(text.node, format!("{}: this text must be one line", self.name(text.node)));
        }
    }

    /// One environment. Absent when its app or root could not be read; its other mistakes are told all the same.
    pub(super) fn environment(
        &mut self,
        app: Option<&AppName>,
        name: &EnvironmentName,
        written: &written::Environment,
    ) -> Option<Environment> {
        // One strategy is built; the others are refused where the file names them.
        let (Some(written::release::Strategy::Symlink) | None) = written.strategy;
        let hosts = self.hosts(written);
        let jump_host = written.jump_host.as_ref().map(|host| self.address(host));
        let known_hosts = self.known_hosts(&written.known_hosts);
        let shared = self.shared(&written.shared);
        let assets = self.assets(&written.assets, &shared);
        let link = self.link(written);
        let environment_file = self.environment_file(written, &shared);
        let build = written.build.iter().flat_map(|commands| &commands.0).map(|command| {
            self.text(command, false);
            command.value.clone()
        });
        let build = build.collect();
        let keep = self.keep(written.keep.as_ref());
        let build_timeout = self.time(written.build_timeout.as_ref(), defaults::BUILD_TIMEOUT, 1);
        let migrate = written.migrate.as_ref().map(|migrate| self.migrate(migrate));
        let services = self.services(&written.services);
        let (checks, runner_checks) = self.health(&written.health, environment_file.as_ref());
        let window = self.time(written.window.as_ref(), defaults::WINDOW, 10);
        let hard_limit = self.time(written.hard_limit.as_ref(), defaults::HARD_LIMIT, 10);
        self.limits(written, window, hard_limit);
        let activate_timeout = self.time(written.activate_timeout.as_ref(), defaults::ACTIVATE_TIMEOUT, 1);
        let source = written.source.as_ref().map_or_else(
            || SourceChoice::Archive { exclude: Vec::new() },
            |source| self.source(source.node, &source.value),
        );
        let tag_prefix = self.tag_prefix(written.tag_prefix.as_ref());
        let (app, root) = (app?.clone(), written.root.as_ref()?.value.clone());
        let settings = Settings {
            app,
            environment: name.clone(),
            repository: None,
            link: link.or_else(|| defaults::link(&root))?,
            root,
            keep,
            shared: shared.into_iter().map(|shared| shared.value).collect(),
            assets,
            build,
            build_timeout,
            migrate,
            services,
            checks,
            environment_file,
            window,
            hard_limit,
            activate_timeout,
        };
        Some(Environment {
            name: name.clone(),
            hosts,
            jump_host,
            known_hosts,
            settings,
            runner_checks,
            allow: written.allow.clone(),
            source,
            tag_prefix,
            wait: written.wait.map_or(defaults::WAIT, |time| time.0),
            hold: written.hold.map(|time| time.0).filter(|time| *time > Seconds(0)),
            watchdog: written.watchdog.map(|watchdog| match watchdog {
                written::Watchdog::Systemd => WatchdogKind::Systemd,
                written::Watchdog::Crontab => WatchdogKind::Crontab,
                written::Watchdog::Detached => WatchdogKind::Detached,
            }),
            setup: match written.setup {
                Some(written::Setup::Manual) => Setup::Manual,
                Some(written::Setup::Auto) | None => Setup::Auto,
            },
        })
    }

    fn keep(&mut self, keep: Option<&Placed<u32>>) -> u32 {
        let Some(keep) = keep else { return defaults::KEEP };
        if !(1..=1000).contains(&keep.value) {
            self.wrong_hint(
                keep.node,
                "`keep` wants a number from 1 to 1000",
                "Without a kept release nothing can be taken back.",
            );
        }
        keep.value
    }

    fn limits(&mut self, written: &written::Environment, window: Seconds, hard_limit: Seconds) {
        let shown = written.hard_limit.as_ref().or(written.window.as_ref());
        if let Some(shown) = shown
            && hard_limit < window
        {
            let what = format!("`hard-limit` ({hard_limit}) is shorter than `window` ({window})");
            self.wrong_hint(shown.node, what, "The window is renewed up to the hard limit: make the limit longer.");
        }
    }

    fn tag_prefix(&mut self, prefix: Option<&Placed<String>>) -> String {
        let Some(prefix) = prefix else { return defaults::TAG_PREFIX.to_owned() };
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        let text = &prefix.value;
        if !text.is_empty() && (!text.chars().all(plain) || text.starts_with(['-', '/', '.']) || text.contains("..")) {
            self.wrong_hint(
                prefix.node,
                format!("the tag prefix {} is not valid", quoted(text)),
                "Write what stands before the number: `v`, or `app-v`.",
            );
        }
        if text.ends_with(|c: char| c.is_ascii_digit()) {
            self.wrong(prefix.node, "a tag prefix must not end with a digit: it could not be told from the number");
        }
        text.clone()
    }

    fn link(&mut self, written: &written::Environment) -> Option<AbsPath> {
        let link = written.link.as_ref()?;
        let Some(root) = &written.root else { return Some(link.value.clone()) };
        if let Some((what, hint)) = paths::wrong_link(&link.value, &root.value) {
            self.wrong_hint(link.node, what, hint);
        }
        Some(link.value.clone())
    }

    fn environment_file(
        &mut self,
        written: &written::Environment,
        shared: &[Placed<crate::model::SharedPath>],
    ) -> Option<RelPath> {
        let is_shared = |path: &RelPath| {
            shared.iter().any(|s| matches!(&s.value, crate::model::SharedPath::File(file) if file == path))
        };
        let Some(file) = &written.environment_file else {
            return RelPath::new(defaults::ENVIRONMENT_FILE).ok().filter(is_shared);
        };
        if !is_shared(&file.value) && !self.unsure_about(&["shared", "path", "seed"]) {
            let what = format!("the environment file {} is not among the shared files", quoted(file.value.as_str()));
            self.wrong_hint(file.node, what, format!("Add it: `shared: [{}]`.", file.value));
        }
        Some(file.value.clone())
    }
}
