//! Django and other Python apps. A virtual environment is made in each release: it cannot be moved.

use super::super::kind::Python;
use super::super::seen::Seen;
use super::{Line, Recipe, guess, off, on};

fn install(python: Python) -> Line {
    on(match python {
        Python::Requirements => "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt",
        Python::Uv => "uv sync --frozen --no-dev",
        Python::Poetry => "POETRY_VIRTUALENVS_IN_PROJECT=true poetry install --only main --no-interaction",
        Python::Package => "python3 -m venv .venv && .venv/bin/pip install .",
    })
}

pub(super) fn django(seen: &Seen, python: Python, static_root: bool) -> Recipe {
    let collect = ".venv/bin/python manage.py collectstatic --noinput";
    let (collect, assets) = if static_root {
        (on(collect), "Once the folder of STATIC_ROOT is named here, pages that are open keep their styles.")
    } else {
        (off(collect, "With STATIC_ROOT in the settings:"), "With STATIC_ROOT in the settings, its folder:")
    };
    Recipe {
        build: vec![install(python), collect],
        migrate: Some(".venv/bin/python manage.py migrate --noinput".to_owned()),
        assets: vec![off("staticfiles/", assets)],
        unit: Some(guess(seen, format!(".venv/bin/gunicorn --bind 127.0.0.1:8000 {}.wsgi", module(seen)))),
        port: Some(8000),
        ..Recipe::default()
    }
}

pub(super) fn other(seen: &Seen, python: Python, server: &str) -> Recipe {
    let start = match server {
        "uvicorn" => ".venv/bin/uvicorn --host 127.0.0.1 --port 8000 main:app",
        _ => ".venv/bin/gunicorn --bind 127.0.0.1:8000 app:app",
    };
    Recipe { build: vec![install(python)], unit: Some(guess(seen, start)), port: Some(8000), ..Recipe::default() }
}

/// What the project's package is probably called.
fn module(seen: &Seen) -> String {
    seen.app.as_str().replace(['-', '.', '+'], "_")
}
