//! The rules of the house: imports point downwards, no file is two rooms in one, every ignored test names its world.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each room may use. A room that is not here has no place in the house yet.
const MAY_USE: [(&str, &[&str]); 13] = [
    ("action", &["action", "verb", "report", "engine", "target", "source", "github", "transport", "ask", "hello"]),
    ("cli", &["cli", "verb", "report", "engine", "target", "source", "github", "transport", "agent", "ask", "hello"]),
    ("verb", &["verb", "engine", "target", "source", "github", "transport"]),
    ("report", &["report", "engine"]),
    ("engine", &["engine", "target"]),
    // Targets tell their facts to the stream, which lies beside the engine.
    ("target", &["target", "engine", "transport", "ask"]),
    ("source", &["source", "github", "transport"]),
    ("github", &["github"]),
    ("transport", &["transport"]),
    ("agent", &["agent", "root", "ask"]),
    ("root", &["root", "ask"]),
    ("ask", &["ask"]),
    ("core", &[]),
];

/// Tests of a room may look further: the far end of a channel is the agent's.
fn is_test(path: &Path) -> bool {
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    name.ends_with("tests") || name == "testing" || name == "far_end"
}

fn sources(below: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(below)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "{below} has no sources");
    found
}

#[test]
fn imports_point_downwards() {
    let rules: BTreeMap<_, _> = MAY_USE.into_iter().collect();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in sources("src").into_iter().filter(|path| !is_test(path)) {
        let inside = path.strip_prefix(&src).unwrap();
        let Some(room) = inside.components().next().filter(|_| inside.components().count() > 1) else { continue };
        let room = room.as_os_str().to_str().unwrap();
        let Some(allowed) = rules.get(room) else { panic!("the room {room} is not in the list of rooms") };
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            for (at, _) in line.match_indices("crate::").filter(|_| !line.trim_start().starts_with("//")) {
                let used: String = line[at + 7..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                seen += 1;
                if rules.contains_key(used.as_str()) && !allowed.contains(&used.as_str()) {
                    wrong.push(format!("{}:{}: {room} uses {used}", inside.display(), number + 1));
                }
            }
        }
    }
    assert!(seen > 50, "only {seen} imports were seen: the test looks in the wrong place");
    assert!(wrong.is_empty(), "imports that point upwards:\n{}", wrong.join("\n"));
}

#[test]
fn no_file_is_two_rooms_in_one() {
    let long: Vec<String> = ["src", "core/src", "tests", "core/tests"]
        .into_iter()
        .flat_map(sources)
        .filter_map(|path| {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            (lines > 500).then(|| format!("{lines} {}", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "files over 500 lines:\n{}", long.join("\n"));
}

#[test]
fn core_touches_nothing() {
    let forbidden = ["std::fs", "TcpStream", "std::process", "tokio", "rustix", "SystemTime", "Instant::now"];
    let mut wrong = Vec::new();
    for path in sources("core/src").into_iter().filter(|path| !is_test(path)) {
        let text = fs::read_to_string(&path).unwrap();
        // Tests inside a file may read samples.
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in forbidden {
            if product.lines().any(|line| line.contains(word) && !line.trim_start().starts_with("//")) {
                wrong.push(format!("{}: {word}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "core touches the world:\n{}", wrong.join("\n"));
}
