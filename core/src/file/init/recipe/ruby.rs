//! Rails and other Ruby apps. Gems lie in each release: an old one keeps its own.

use super::super::seen::Seen;
use super::{Line, Recipe, Shared, guess, on};

fn install() -> Vec<Line> {
    vec![
        on("bundle config set --local path vendor/bundle && bundle config set --local without development:test"),
        on("bundle install"),
    ]
}

pub(super) fn rails(seen: &Seen, assets: bool, credentials: bool) -> Recipe {
    let mut build = install();
    if assets {
        build.push(on("RAILS_ENV=production SECRET_KEY_BASE_DUMMY=1 bundle exec rails assets:precompile"));
    }
    let key = credentials.then(|| Shared { path: "config/master.key".to_owned(), seed: false, sure: true });
    let kept = ["log", "storage"].map(|name| Shared {
        path: format!("{name}/"),
        seed: seen.kept.iter().any(|kept| kept == name),
        sure: true,
    });
    Recipe {
        build,
        migrate: Some("RAILS_ENV=production bundle exec rails db:migrate".to_owned()),
        shared: key.into_iter().chain(kept).collect(),
        assets: if assets { vec![on("public/assets/")] } else { Vec::new() },
        unit: Some(guess(seen, "bin/rails server --environment production --binding 127.0.0.1 --port 3000")),
        port: Some(3000),
        page: Some("up"),
        ..Recipe::default()
    }
}

pub(super) fn other(seen: &Seen) -> Recipe {
    let start = "bin/bundle exec puma --environment production --bind tcp://127.0.0.1:9292";
    Recipe { build: install(), unit: Some(guess(seen, start)), port: Some(9292), ..Recipe::default() }
}
