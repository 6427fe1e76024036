//! Which kind of app it is.

use serde_json::Value;

use super::folder::Folder;
use super::words::{depends, plain_name, values};

/// Which kind of app it is, with what its build depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Django.
    Django {
        /// How its packages are installed.
        python: Python,
        /// Whether a settings file names `STATIC_ROOT`.
        static_root: bool,
    },
    /// Another Python app.
    Python {
        /// How its packages are installed.
        python: Python,
        /// `uvicorn` for what speaks ASGI, otherwise `gunicorn`.
        server: &'static str,
    },
    /// Rails.
    Rails {
        /// Whether it compiles assets.
        assets: bool,
        /// Whether it has encrypted credentials, so that `config/master.key` is needed.
        credentials: bool,
    },
    /// Another Ruby app.
    Ruby,
    /// Laravel.
    Laravel {
        /// How its front end is built.
        front_end: Option<Node>,
        /// The version in the name of PHP's service.
        php: String,
    },
    /// Another PHP app.
    Php {
        /// The version in the name of PHP's service.
        php: String,
    },
    /// A Node.js program that serves.
    Node(Node),
    /// Pages that Node.js programs build.
    Pages {
        /// How they are built.
        node: Node,
        /// Where the pages lie then.
        output: String,
    },
    /// A Go program.
    Go {
        /// What is built: `.` or `./cmd/NAME`.
        package: String,
    },
    /// A Rust program.
    Rust {
        /// The program's name.
        program: String,
    },
    /// Pages as they are.
    Site {
        /// The folder that they lie in; empty for the root.
        folder: String,
    },
    /// None of these.
    Unknown,
}

/// How Python packages are installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Python {
    /// From `requirements.txt`.
    Requirements,
    /// `uv.lock`.
    Uv,
    /// `poetry.lock`.
    Poetry,
    /// The package itself, from `pyproject.toml`.
    Package,
}

/// How a front end or a Node.js program is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Installs the packages.
    pub install: &'static str,
    /// Runs `scripts.build`, when there is one.
    pub build: Option<&'static str>,
    /// Takes away what only the build needs, where that is known.
    pub trim: Option<&'static str>,
}

/// Packages that serve: their app is a program, whatever builds its front end.
const SERVERS: [&str; 11] = [
    "next",
    "nuxt",
    "express",
    "fastify",
    "koa",
    "hapi",
    "@hapi/hapi",
    "@nestjs/core",
    "hono",
    "@astrojs/node",
    "@sveltejs/adapter-node",
];

/// Packages that build pages, and where the pages lie then.
const BUILDERS: [(&str, &str); 11] = [
    ("react-scripts", "build"),
    ("@docusaurus/core", "build"),
    ("@sveltejs/adapter-static", "build"),
    ("gatsby", "public"),
    ("@11ty/eleventy", "_site"),
    ("vitepress", "docs/.vitepress/dist"),
    ("astro", "dist"),
    ("@vue/cli-service", "dist"),
    ("@angular/cli", "dist"),
    ("parcel", "dist"),
    ("vite", "dist"),
];

impl Kind {
    pub(super) fn of(folder: &Folder) -> Self {
        let has = |path: &str| folder.has(path);
        let python = python(folder);
        let package: Option<Value> = serde_json::from_str(folder.text("package.json")).ok();
        let gems = folder.text("Gemfile");
        if has("manage.py") {
            let static_root =
                folder.texts.iter().any(|(path, text)| path.ends_with("/settings.py") && text.contains("STATIC_ROOT"));
            return Self::Django { python: python.unwrap_or(Python::Requirements), static_root };
        }
        if has("composer.json") {
            let php = php(folder.text("composer.json"));
            let front_end = package.as_ref().map(|package| node(folder, package)).filter(|node| node.build.is_some());
            return if has("artisan") { Self::Laravel { front_end, php } } else { Self::Php { php } };
        }
        if has("Gemfile") {
            if !depends(gems, "rails") {
                return Self::Ruby;
            }
            let assets = has("app/assets/")
                || ["propshaft", "sprockets-rails", "vite_rails"].iter().any(|gem| depends(gems, gem));
            return Self::Rails { assets, credentials: has("config/credentials.yml.enc") };
        }
        if let Some(python) = python {
            let texts = [folder.text("requirements.txt"), folder.text("pyproject.toml")];
            let asgi = ["fastapi", "starlette", "uvicorn", "litestar"];
            let asgi = texts.iter().any(|text| asgi.iter().any(|name| depends(text, name)));
            return Self::Python { python, server: if asgi { "uvicorn" } else { "gunicorn" } };
        }
        if has("go.mod") {
            return Self::Go { package: go_package(folder) };
        }
        if has("Cargo.toml") {
            let name = values(folder.text("Cargo.toml"), "package", "name").next().and_then(plain_name);
            return Self::Rust { program: name.unwrap_or_else(|| "app".to_owned()) };
        }
        match package {
            Some(package) => of_package(folder, &package),
            None => ["", "public/", "dist/", "www/"]
                .into_iter()
                .find(|place| has(&format!("{place}index.html")))
                .map_or(Self::Unknown, |place| Self::Site { folder: place.trim_end_matches('/').to_owned() }),
        }
    }

    /// What a person calls it.
    pub(super) fn title(&self) -> &'static str {
        match self {
            Self::Django { .. } => "Django",
            Self::Python { .. } => "Python",
            Self::Rails { .. } => "Rails",
            Self::Ruby => "Ruby",
            Self::Laravel { .. } => "Laravel",
            Self::Php { .. } => "PHP",
            Self::Node(_) => "Node.js",
            Self::Pages { .. } => "pages built with Node.js",
            Self::Go { .. } => "Go",
            Self::Rust { .. } => "Rust",
            Self::Site { .. } => "pages as they are",
            Self::Unknown => "no framework that is known here",
        }
    }
}

fn python(folder: &Folder) -> Option<Python> {
    let has = |path: &str| folder.has(path);
    match () {
        () if has("uv.lock") => Some(Python::Uv),
        () if has("poetry.lock") => Some(Python::Poetry),
        () if has("requirements.txt") => Some(Python::Requirements),
        () if has("pyproject.toml") => Some(Python::Package),
        () => None,
    }
}

fn of_package(folder: &Folder, package: &Value) -> Kind {
    let uses = |name: &str| ["dependencies", "devDependencies"].iter().any(|key| package[*key].get(name).is_some());
    let node = node(folder, package);
    let builder = BUILDERS.iter().find(|(name, _)| uses(name));
    let starts = package["scripts"].get("start").is_some() || package.get("main").is_some();
    match builder {
        _ if SERVERS.iter().any(|name| uses(name)) => Kind::Node(node),
        Some((_, output)) if node.build.is_some() => Kind::Pages { node, output: (*output).to_owned() },
        _ if starts || node.build.is_none() => Kind::Node(node),
        _ => Kind::Pages { node, output: "dist".to_owned() },
    }
}

fn node(folder: &Folder, package: &Value) -> Node {
    let builds = package["scripts"].get("build").is_some_and(Value::is_string);
    let build = |command: &'static str| builds.then_some(command);
    let has = |path: &str| folder.has(path);
    match () {
        () if has("pnpm-lock.yaml") => Node {
            install: "pnpm install --frozen-lockfile",
            build: build("pnpm run build"),
            trim: Some("CI=true pnpm prune --prod"),
        },
        () if has("yarn.lock") => {
            Node { install: "yarn install --frozen-lockfile", build: build("yarn run build"), trim: None }
        }
        () if has("bun.lock") || has("bun.lockb") => {
            Node { install: "bun install --frozen-lockfile", build: build("bun run build"), trim: None }
        }
        () if has("package-lock.json") || has("npm-shrinkwrap.json") => {
            Node { install: "npm ci", build: build("npm run build"), trim: Some("npm prune --omit=dev") }
        }
        () => Node { install: "npm install", build: build("npm run build"), trim: Some("npm prune --omit=dev") },
    }
}

/// `8.2` out of `"php": "^8.2"`.
fn php(composer: &str) -> String {
    let composer: Value = serde_json::from_str(composer).unwrap_or_default();
    let wanted = composer["require"]["php"].as_str().unwrap_or_default();
    let mut numbers = wanted.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if major.len() == 1 && minor.len() == 1 => format!("{major}.{minor}"),
        _ => "8.2".to_owned(),
    }
}

/// The only program below `cmd/`, unless the main package lies at the top.
fn go_package(folder: &Folder) -> String {
    let below: Vec<&str> = folder
        .paths
        .iter()
        .filter_map(|path| path.strip_prefix("cmd/")?.strip_suffix('/'))
        .filter(|name| plain_name(name).as_deref() == Some(*name))
        .collect();
    match below.as_slice() {
        [only] if !folder.has("main.go") => format!("./cmd/{only}"),
        _ => ".".to_owned(),
    }
}
