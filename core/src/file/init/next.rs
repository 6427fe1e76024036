//! What a person does next: lines for a shell, with what they are for. Every name in them is plain.

use super::deploy_file::HOST;
use super::recipe::Recipe;
use super::remote::Repository;
use super::seen::Seen;
use super::workflows::Names;

pub(super) fn next<'p>(
    seen: &Seen,
    recipe: &Recipe,
    names: &Names,
    files: impl Iterator<Item = &'p str>,
) -> Vec<String> {
    let app = &seen.app;
    let repository = seen.repository.as_ref().map_or_else(|| "OWNER/NAME".to_owned(), Repository::for_gh);
    let key = format!("~/.ssh/{app}-deploy");
    let root = &seen.root;
    let mut next: Vec<String> = Vec::new();
    let mut say = |line: &str| next.push(line.to_owned());
    say("# Read the lines marked CHANGE, then:");
    say("rollback-deploy validate");
    say("# A key for deploys alone. GitHub keeps the private half; the public half goes to the host.");
    say(&format!("ssh-keygen -t ed25519 -N '' -C 'deploys of {app}' -f {key}"));
    say(&format!("# Here and below, put your host in place of {HOST}."));
    say(&format!("ssh-copy-id -i {key}.pub {HOST}"));
    if seen.repository.is_none() {
        say("# No remote on GitHub was seen: put the repository in place of OWNER/NAME.");
    }
    say("# A private repository on a free plan has no environments: leave out `gh api` and `--env …` there.");
    let (api, server) = match &seen.repository {
        Some(it) if it.server != "github.com" => {
            (format!("{}/{}", it.owner, it.name), format!(" --hostname {}", it.server))
        }
        _ => (repository.clone(), String::new()),
    };
    for environment in ["production", "production-rollback"] {
        say(&format!("gh api --silent --method PUT{server} repos/{api}/environments/{environment}"));
        say(&format!("gh secret set DEPLOY_KEY --repo {repository} --env {environment} < {key}"));
    }
    say(&format!("gh variable set DEPLOY_HOSTS --repo {repository} --body 'web-1={HOST}'"));
    say("# The host's fingerprint, read on its own console and not over the network:");
    say("#   ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub");
    say(&format!("gh variable set DEPLOY_KNOWN_HOSTS --repo {repository} --body 'SHA256:…'"));
    let needed: Vec<_> = recipe.shared.iter().filter(|item| item.sure && !item.path.ends_with('/')).collect();
    if !needed.is_empty() {
        say("# Files of production that the first deploy needs on the host:");
        let folders = needed
            .iter()
            .filter_map(|item| item.path.rsplit_once('/'))
            .map(|(folder, _)| format!(" {root}/shared/{folder}"));
        let folders: String = folders.collect();
        say(&format!("ssh {HOST} 'sudo install -d -o $(id -un) -g $(id -gn) {root} {root}/shared{folders}'"));
        for item in needed {
            let from = if item.path == ".env" { ".env.production" } else { item.path.as_str() };
            say(&format!("scp {from} {HOST}:{root}/shared/{}", item.path));
        }
    }
    if recipe.migrate.is_some() {
        say(
            "# The migration of the database is a comment in the deploy file until you say what it does to the old release.",
        );
    }
    let ours = |file: &str| file == names.deploy || file == names.rollback;
    for workflow in seen.workflows.iter().filter(|workflow| workflow.on_tags && !ours(&workflow.file)) {
        say(&format!("# {} runs on tags as well: see that it does not deploy too.", workflow.file));
    }
    say("# Then the workflows, and a first deploy:");
    let files: Vec<&str> = files.collect();
    say(&format!("git add {} && git commit -m 'Deploy with rollback-deploy'", files.join(" ")));
    say(&format!("git push origin HEAD:{}", seen.branch));
    if let Some(tag) = &seen.newest_tag {
        say(&format!("gh workflow run {} --repo {repository} --field version={tag}", names.deploy));
    } else {
        let tag = format!("{}1.0.0", seen.tag_prefix);
        say(&format!("git tag {tag} && git push origin {tag}"));
    }
    say("# To take a release back, any time:");
    say(&format!("gh workflow run {} --repo {repository}", names.rollback));
    next
}
