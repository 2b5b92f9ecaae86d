// Prints what an API's description says of the operations that the server uses: the names and types of the query, and
// the body as a JSON Schema in which an object has the properties that it lists and no others.
//
// node extract.mjs <host> <source> <licence> <description>

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const [host, source, licence, input] = process.argv.slice(2);

const like_github = [
  "GET /user",
  "GET /user/repos",
  "GET /user/orgs",
  "GET /orgs/{org}/repos",
  "GET /repos/{owner}/{repo}/branches",
  "GET /repos/{owner}/{repo}/hooks",
  "POST /repos/{owner}/{repo}/hooks",
];

const operations = {
  github: [
    ...like_github,
    "PATCH /repos/{owner}/{repo}/hooks/{hook_id}",
    "DELETE /repos/{owner}/{repo}/hooks/{hook_id}",
    "GET /repos/{owner}/{repo}/commits/{ref}",
    "POST /repos/{owner}/{repo}/statuses/{sha}",
  ],
  gitea: [
    ...like_github,
    "PATCH /repos/{owner}/{repo}/hooks/{id}",
    "DELETE /repos/{owner}/{repo}/hooks/{id}",
    "GET /repos/{owner}/{repo}/git/commits/{sha}",
    "POST /repos/{owner}/{repo}/statuses/{sha}",
  ],
  gitee: [
    ...like_github,
    "PATCH /repos/{owner}/{repo}/hooks/{id}",
    "DELETE /repos/{owner}/{repo}/hooks/{id}",
    "GET /repos/{owner}/{repo}/commits/{sha}",
    "GET /repos/{owner}/{repo}/commits/{ref}/check-runs",
    "POST /repos/{owner}/{repo}/check-runs",
    "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}",
  ],
}[host];

// A reader of OpenAPI 3 and of Swagger 2.
function fromOpenapi(document) {
  const follow = (node) =>
    node?.$ref
      ? follow(node.$ref.slice(2).split("/").reduce((at, key) => at[key], document))
      : node;
  const schemaOf = (node) => {
    const from = follow(node);
    const to = {};
    for (const key of ["type", "enum", "required", "minLength", "maxLength", "minimum", "maximum"]) {
      if (from[key] !== undefined) to[key] = from[key];
    }
    if (from.nullable && to.type) to.type = [to.type, "null"];
    for (const key of ["oneOf", "anyOf", "allOf"]) {
      if (from[key]) to[key] = from[key].map(schemaOf);
    }
    if (from.items) to.items = schemaOf(from.items);
    if (from.properties) {
      to.properties = Object.fromEntries(
        Object.entries(from.properties).map(([name, property]) => [name, schemaOf(property)]),
      );
      to.additionalProperties = false;
    }
    if (typeof from.additionalProperties === "object") {
      to.additionalProperties = schemaOf(from.additionalProperties);
    }
    return to;
  };
  return (operation) => {
    const [method, path] = operation.split(" ");
    const item = document.paths[path];
    const found = item?.[method.toLowerCase()];
    if (!found) return undefined;
    const parameters = [...(item.parameters ?? []), ...(found.parameters ?? [])].map(follow);
    const query = parameters.filter((parameter) => parameter.in === "query");
    const body =
      found.requestBody && follow(found.requestBody).content["application/json"].schema;
    const oldBody = parameters.find((parameter) => parameter.in === "body")?.schema;
    return {
      query: Object.fromEntries(query.map((one) => [one.name, schemaOf(one.schema ?? one)])),
      body: body || oldBody ? schemaOf(body ?? oldBody) : null,
    };
  };
}

// A reader of Python functions such as `def name(self, owner: str, page: Optional[int] = None) -> Any:`, each with its
// path and its method in the body.
function fromPython(folder) {
  const types = { str: "string", int: "integer", bool: "boolean", dict: "object" };
  const found = {};
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".py"))) {
    const functions = readFileSync(join(folder, file), "utf8").split(/^    def /m).slice(1);
    for (const text of functions) {
      const path = text.match(/build_url\("", "\/v5([^"]*)"/)?.[1];
      const method = text.match(/return self\._(get|post|put|patch|delete)\(/)?.[1];
      if (!path || !method) continue;
      const parameters = {};
      const required = [];
      const signature = text.slice(text.indexOf("(") + 1, text.indexOf(") ->"));
      for (const [, name, type] of signature.matchAll(/(\w+): ((?:Optional\[)?\w+)/g)) {
        if (path.includes(`{${name}}`)) continue;
        const isOptional = type.startsWith("Optional[");
        parameters[name] = { type: types[type.replace("Optional[", "")] };
        if (!isOptional) required.push(name);
      }
      const isRead = method === "get" || method === "delete";
      const body = { type: "object", required, properties: parameters, additionalProperties: false };
      found[`${method.toUpperCase()} ${path}`] = isRead
        ? { query: parameters, body: null }
        : { query: {}, body };
    }
  }
  return (operation) => found[operation];
}

const read = host === "gitee" ? fromPython(input) : fromOpenapi(JSON.parse(readFileSync(input, "utf8")));
const lines = operations.map((operation) => {
  const found = read(operation);
  if (!found) throw new Error(`there is no ${operation}`);
  return `    ${JSON.stringify(operation)}: ${JSON.stringify(found)}`;
});
console.log(`{
  "source": ${JSON.stringify(source)},
  "licence": ${JSON.stringify(licence)},
  "operations": {
${lines.join(",\n")}
  }
}`);
