"""Reduces GitHub's OpenAPI description to the routes below, as plain JSON Schema (draft 4): openapi.py DESCRIPTION."""
import json
import sys

REPOSITORY = "/repos/{owner}/{repo}"
ROUTES = [
    "",
    "/actions/artifacts",
    "/actions/artifacts/{artifact_id}",
    "/actions/artifacts/{artifact_id}/{archive_format}",
    "/actions/runs/{run_id}/artifacts",
    "/commits/{ref}",
    "/compare/{basehead}",
    "/contents/{path}",
    "/git/commits/{commit_sha}",
    "/git/matching-refs/{ref}",
    "/git/ref/{ref}",
    "/git/tags/{tag_sha}",
    "/releases",
    "/releases/latest",
    "/releases/tags/{tag}",
    "/tags",
    "/tarball/{ref}",
]

whole = json.load(open(sys.argv[1], encoding="utf-8"))
needed = {"basic-error"}


def resolved(node):
    """The thing itself where the description names it."""
    while "$ref" in node:
        target = whole
        for part in node["$ref"].split("/")[1:]:
            target = target[part]
        node = target
    return node


def plain(node):
    """A schema without prose; OpenAPI's `nullable` becomes one more type. Notes which components it names."""
    if isinstance(node, list):
        return [plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        needed.add(node["$ref"].rsplit("/", 1)[1])
        return {"$ref": node["$ref"]}
    kept = {}
    for key, value in node.items():
        if key == "properties":
            kept[key] = {name: plain(schema) for name, schema in value.items()}
        elif key in ("enum", "required", "default"):
            kept[key] = value
        elif key not in ("description", "example", "examples", "nullable", "title", "externalDocs") and not key.startswith("x-"):
            kept[key] = plain(value)
    if node.get("nullable"):
        if "enum" in kept and None not in kept["enum"]:
            kept["enum"] = kept["enum"] + [None]
        if isinstance(kept.get("type"), str):
            kept["type"] = [kept["type"], "null"]
        elif "type" not in kept:
            kept = {"anyOf": [kept, {"type": "null"}]}
    return kept


paths = {}
for route in ROUTES:
    methods = {}
    for method, operation in whole["paths"][REPOSITORY + route].items():
        if method != "get":
            continue
        parameters = [resolved(parameter) for parameter in operation.get("parameters", [])]
        responses = {}
        for status, response in operation["responses"].items():
            content = resolved(response).get("content")
            responses[status] = {"content": content and {kind: plain(body.get("schema", {})) for kind, body in content.items()}}
        query = [parameter["name"] for parameter in parameters if parameter["in"] == "query"]
        methods[method] = {"query": query, "responses": responses}
    paths[REPOSITORY + route] = methods

schemas = {}
while needed - schemas.keys():
    for name in sorted(needed - schemas.keys()):
        schemas[name] = plain(whole["components"]["schemas"][name])

json.dump({"paths": paths, "components": {"schemas": schemas}}, sys.stdout, sort_keys=True)
