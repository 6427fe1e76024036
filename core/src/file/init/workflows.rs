//! The texts of the workflows. Least permissions; nothing from outside gets into a script; a rollback waits for nobody.

use super::recipe::Recipe;
use super::seen::{Seen, Workflow};

/// This action, as a workflow names it.
const ACTION: &str = "org/rollback-deploy@v1";
/// Checks out the repository, by the commit of its version 5.0.0: a tag could be moved.
const CHECKOUT: &str = "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0";

/// The files of the workflows, below `.github/workflows/`.
pub(super) struct Names {
    pub(super) deploy: String,
    pub(super) rollback: String,
}

impl Names {
    /// Ours when they are there already, under whatever name; otherwise names that nobody has taken.
    pub(super) fn of(seen: &Seen) -> Self {
        let name = |ours: fn(&Workflow) -> bool, usual: &str, other: &str| {
            let there = seen.workflows.iter().find(|workflow| ours(workflow)).map(|workflow| workflow.file.clone());
            let taken = seen.workflows.iter().any(|workflow| workflow.file == usual);
            there.unwrap_or_else(|| if taken { other.to_owned() } else { usual.to_owned() })
        };
        Self {
            deploy: name(|workflow| workflow.deploys, "deploy.yml", "rollback-deploy.yml"),
            rollback: name(|workflow| workflow.rolls_back, "rollback.yml", "rollback-release.yml"),
        }
    }
}

/// What both have in common, from `with:` on.
const WITH: &str = "
          environment: production
          hosts: ${{ vars.DEPLOY_HOSTS }}
          known-hosts: ${{ vars.DEPLOY_KNOWN_HOSTS }}
          key: ${{ secrets.DEPLOY_KEY }}
";

pub(super) fn deploy(seen: &Seen, recipe: &Recipe) -> String {
    let prefix = &seen.tag_prefix;
    let example = seen.newest_tag.clone().unwrap_or_else(|| format!("{prefix}1.0.0"));
    // What is built here is one checkout: a range of versions could not be checked out.
    let (inputs, build, action) = if recipe.runner.is_empty() {
        (any_version(&example), String::new(), "${{ inputs.action || 'deploy' }}")
    } else {
        (one_tag(&example), check_out_and_build(&recipe.runner), "deploy")
    };
    format!(
        "# Deploys a version when its tag is pushed, or any version by hand.
name: Deploy
on:
  push:
    # Releases only: {prefix}1.2.3, neither {prefix}1.2.3-rc.1 nor a tag that moves, such as {prefix}1.
    tags: [\"{prefix}[0-9]+.[0-9]+.[0-9]+\"]
  workflow_dispatch:
    inputs:
{inputs}
permissions: {{}}

# One deploy at a time, and none is cut off in the middle.
concurrency:
  group: deploy-production
  cancel-in-progress: false

jobs:
  deploy:
    name: Deploy to production
    runs-on: ubuntu-latest
    timeout-minutes: 60
    environment: production
    permissions:
      contents: read # tags, their files, the deploy file
    steps:
{build}      - name: Deploy
        # A full commit instead of v1 can never be moved; Dependabot keeps it fresh.
        uses: {ACTION}
        with:
          action: {action}
          version: ${{{{ inputs.version }}}}{WITH}"
    )
}

fn any_version(example: &str) -> String {
    format!(
        "      action:
        description: What to do
        type: choice
        options: [deploy, plan, status, list, health]
        default: deploy
      version:
        description: \"For deploy and plan: a tag such as {example}, or latest\"
        type: string
"
    )
}

fn one_tag(example: &str) -> String {
    format!(
        "      version:
        description: The tag to deploy, such as {example}
        type: string
        required: true
"
    )
}

fn check_out_and_build(commands: &[String]) -> String {
    let commands: String = commands.iter().flat_map(|command| ["          ", command, "\n"]).collect();
    format!(
        "      - name: Check out the version
        uses: {CHECKOUT}
        with:
          ref: ${{{{ inputs.version || github.ref }}}}
          persist-credentials: false
      - name: Build
        run: |
{commands}"
    )
}

pub(super) fn rollback() -> String {
    format!(
        "# Takes production back: to the previous release that was proven, or to a named one. Nothing has to be filled in.
name: Roll back
on:
  workflow_dispatch:
    inputs:
      version:
        description: A release of the hosts; empty means the previous one that was proven
        type: string

permissions: {{}}

# A group of its own: a rollback does not wait for a deploy, it ends it.
concurrency:
  group: rollback-production
  cancel-in-progress: false

jobs:
  rollback:
    name: Roll production back
    runs-on: ubuntu-latest
    timeout-minutes: 30
    # Leave this one without reviewers: whoever is awake can take a bad release back.
    environment: production-rollback
    permissions:
      contents: read # the deploy file
    steps:
      - name: Roll back
        # A full commit instead of v1 can never be moved; Dependabot keeps it fresh.
        uses: {ACTION}
        with:
          action: rollback
          version: ${{{{ inputs.version }}}}{WITH}"
    )
}
