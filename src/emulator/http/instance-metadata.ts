import type { Json, JsonObject } from "../model/api/json.ts";
import { vmCalled } from "../model/scheduled-events/vm-called.ts";
import type { World } from "../model/world.ts";
import type { HttpAnswer, HttpRequest } from "./http-exchange.ts";
import { instanceDocument } from "./instance-document.ts";

/** Learn, Azure Instance Metadata Service: supported API versions, the oldest first. */
const VERSIONS = [
  ...["2017-03-01", "2017-04-02", "2017-08-01", "2017-10-01", "2017-12-01"],
  ...["2018-02-01", "2018-04-02", "2018-10-01", "2019-02-01", "2019-03-11", "2019-04-30"],
  ...["2019-06-01", "2019-06-04", "2019-08-01", "2019-08-15", "2019-11-01"],
  ...["2020-06-01", "2020-07-15", "2020-09-01", "2020-10-01", "2020-12-01"],
  ...["2021-01-01", "2021-02-01", "2021-03-01", "2021-05-01", "2021-08-01", "2021-10-01"],
  ...["2021-11-01", "2021-11-15", "2021-12-13", "2023-07-01", "2023-11-15"],
  ...["2024-03-15", "2024-07-17", "2025-04-07"],
];

/** Versions of scheduled events whose events have the members of 2020-07-01, or some of them. */
const EVENT_VERSIONS = ["2017-08-01", "2017-11-01", "2019-01-01", "2019-04-01", "2019-08-01", "2020-07-01"];

/**
 * The instance metadata service. The real one identifies the VM by the network path of the request. Here
 * the path names it: `/emulator/v1/imds/<vm name>/metadata/instance?…`, so that each node can use its own
 * address. A node that knows only its host name gives that instead, if only one VM has it. Of scheduled
 * events, which the model keeps, it answers only what is wrong with the request: undefined if nothing is.
 */
export function answerInstanceMetadata(world: World, request: HttpRequest): HttpAnswer | undefined {
  const [, name, path] = /^\/emulator\/v1\/imds\/([^/]+)(\/metadata\/.*)$/i.exec(request.path) ?? [];
  if (name === undefined || path === undefined) return undefined;
  const vm = vmCalled(world, name);
  if (typeof vm === "string") return { status: 404, body: { error: vm } };
  if (
    request.headers["metadata"]?.toLowerCase() !== "true" ||
    request.headers["x-forwarded-for"] !== undefined
  ) {
    return { status: 400, body: { error: "Bad request. Required metadata header not specified" } };
  }
  if (path.toLowerCase() === "/metadata/versions") return { status: 200, body: { apiVersions: VERSIONS } };
  const version = request.query["api-version"];
  if (path.toLowerCase() === "/metadata/scheduledevents")
    return version !== undefined && EVENT_VERSIONS.includes(version)
      ? undefined
      : wrongVersion(EVENT_VERSIONS);
  if (request.method !== "GET") return { status: 405, body: { error: "Method not allowed" } };
  if (version === undefined || !VERSIONS.includes(version)) return wrongVersion(VERSIONS);
  return answerPath(instanceDocument(world, vm, version), path, request.query["format"]);
}

function wrongVersion(versions: readonly string[]): HttpAnswer {
  return {
    status: 400,
    body: {
      error:
        "Bad request. api-version is invalid or was not specified in the request. For more information " +
        "refer to aka.ms/azureimds",
      "newest-versions": versions.slice(-3).reverse(),
    },
  };
}

function answerPath(document: Json, path: string, format: string | undefined): HttpAnswer {
  const [, , ...members] = path.split("/").filter((segment) => segment !== "");
  if (!/^\/metadata\/instance(\/|$)/i.test(path)) return { status: 404, body: { error: "Not found" } };
  let found: Json | undefined = document;
  for (const member of members)
    found = typeof found === "object" && found !== null ? (found as JsonObject)[member] : undefined;
  if (found === undefined) return { status: 404, body: { error: "Not found" } };
  if (typeof found === "string" && format !== "text")
    return { status: 400, body: { error: "Bad request. A leaf needs format=text" } };
  return typeof found === "string"
    ? { status: 200, headers: { "content-type": "text/plain; charset=utf-8" }, text: found }
    : { status: 200, body: found };
}
