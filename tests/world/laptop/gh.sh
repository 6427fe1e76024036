#!/bin/sh
# Stands for `gh` on a person's machine: does with the folder /github what the quickstart asks of GitHub, and refuses all
# else. GitHub's side of it: origin.git, environments/NAME/SECRET, and one line in dispatched for each run by hand.
set -eu
github=/github
refuse() { echo "$*" >&2; exit 1; }
# As the real one: it finds the repository by the remote.
case $(git config remote.origin.url) in https://github.com/org/hello*) ;; *) refuse "no git remotes found" ;; esac
case "$*" in
  "api -X PUT repos/{owner}/{repo}/environments/"*)
    name=${4##*/}
    mkdir -p "$github/environments/$name"
    echo "{\"name\":\"$name\"}"
    ;;
  "secret set "*" --env "*)
    [ $# -eq 5 ] || refuse "unknown arguments: $*"
    [ -d "$github/environments/$5" ] || refuse "failed to fetch public key: HTTP 404: Not Found"
    # The real one drops the line ends at the end, and so does $().
    value=$(cat)
    printf %s "$value" >"$github/environments/$5/$3"
    ;;
  "workflow run "*)
    [ $# -eq 3 ] || refuse "unknown arguments: $*"
    git --git-dir "$github/origin.git" cat-file -e "main:.github/workflows/$3" 2>/dev/null ||
      refuse "could not find any workflows named $3"
    echo "$3" >>"$github/dispatched"
    ;;
  *) refuse "this gh does not know: $*" ;;
esac
