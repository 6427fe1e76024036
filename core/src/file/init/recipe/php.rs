//! Laravel and other PHP apps, run by PHP's own service.

use super::super::kind::Node;
use super::{Guess, Line, Recipe, Shared, on};

const INSTALL: &str = "composer install --no-dev --no-interaction --prefer-dist --optimize-autoloader";

fn service(php: &str) -> Guess {
    Guess { name: format!("php{php}-fpm"), reload: true, start: String::new() }
}

pub(super) fn laravel(front_end: Option<Node>, php: &str) -> Recipe {
    let mut build = vec![on(INSTALL)];
    if let Some(Node { install, build: Some(command), .. }) = front_end {
        build.extend([on(install), on(command)]);
    }
    build.push(on("php artisan config:cache"));
    let assets: Vec<Line> = front_end.map(|_| on("public/build/")).into_iter().collect();
    Recipe {
        build,
        migrate: Some("php artisan migrate --force".to_owned()),
        shared: vec![Shared { path: "storage/".to_owned(), seed: true, sure: true }],
        assets,
        unit: Some(service(php)),
        page: Some("up"),
        pages: Some("public".to_owned()),
        ..Recipe::default()
    }
}

pub(super) fn other(php: &str) -> Recipe {
    Recipe { build: vec![on(INSTALL)], unit: Some(service(php)), pages: Some(String::new()), ..Recipe::default() }
}
