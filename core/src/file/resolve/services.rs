//! Services and the migration.

use std::collections::BTreeMap;

use crate::model::{Migrate, SchemaVerdict, Service};

use super::super::mistake::quoted;
use super::super::written::placed::Placed;
use super::super::written::release::{Migrate as WrittenMigrate, MigrateVerdict};
use super::super::written::service::Service as WrittenService;
use super::{Resolver, defaults};

impl Resolver<'_> {
    pub(super) fn services(&mut self, written: &[Placed<WrittenService>]) -> Vec<Service> {
        let services: Vec<_> = written.iter().filter_map(|item| Some((item.node, self.service(item)?))).collect();
        let mut names = BTreeMap::new();
        for (node, service) in &services {
            let name = match service {
                Service::Systemd { unit, .. } => unit.full(),
                Service::Commands { name, .. } => name.clone(),
            };
            let what = format!("the service {} is listed twice", quoted(&name));
            if names.insert(name, *node).is_some() {
                self.wrong_hint(*node, what, "List it once.");
            }
        }
        services.into_iter().map(|(_, service)| service).collect()
    }

    fn service(&mut self, item: &Placed<WrittenService>) -> Option<Service> {
        let WrittenService { unit, how, name, start, stop, status } = item.value.clone();
        let own = [("name", &name), ("start", &start), ("stop", &stop), ("status", &status)];
        let given: Vec<&str> = own.iter().filter(|(_, value)| value.is_some()).map(|(word, _)| *word).collect();
        if let Some(unit) = unit {
            if let Some(word) = given.first() {
                let what = format!("a service is a `unit` or commands of your own, and here is `unit` with `{word}`");
                self.wrong(item.node, what);
            }
            return Some(Service::Systemd { unit, how: how.unwrap_or_default() });
        }
        if self.unsure_about(&["unit", "name", "start", "stop", "status", "services"]) {
            return None;
        }
        if how.is_some() && !given.is_empty() {
            self.wrong(item.node, "`how` goes with `unit` only");
        }
        let missing: Vec<String> =
            own.iter().filter(|(_, value)| value.is_none()).map(|(word, _)| format!("`{word}`")).collect();
        let (Some(name), Some(start), Some(stop), Some(status)) = (name, start, stop, status) else {
            let what = if given.is_empty() {
                "a service needs `unit`".to_owned()
            } else {
                format!("a service with commands of your own needs {} too", missing.join(" and "))
            };
            self.wrong_hint(
                item.node,
                what,
                "A unit: `- web`. Your own: `- { name: web, start: …, stop: …, status: … }`.",
            );
            return None;
        };
        for text in [&name, &start, &stop, &status] {
            if text.trim().is_empty() {
                self.wrong(item.node, "a name or a command of this service is empty");
            }
        }
        if name.contains('\n') || name.len() > 128 {
            self.wrong(item.node, "the name of this service must be one short line");
        }
        Some(Service::Commands { name, start, stop, status })
    }

    pub(super) fn migrate(&mut self, written: &WrittenMigrate) -> Migrate {
        self.text(&written.run, false);
        if let Some(head) = &written.head {
            self.text(head, false);
        }
        Migrate {
            run: written.run.value.clone(),
            verdict: match written.verdict {
                MigrateVerdict::ExpandOnly => SchemaVerdict::ExpandOnly,
                MigrateVerdict::OneWay => SchemaVerdict::OneWay,
            },
            timeout: self.time(written.timeout.as_ref(), defaults::MIGRATE_TIMEOUT, 1),
            head: written.head.as_ref().map(|head| head.value.clone()),
        }
    }
}
