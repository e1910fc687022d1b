import type { Failure } from "../../core/failure/failure.ts";
import { invariant } from "../../core/failure/invariant.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { Result } from "../../core/failure/result.ts";
import type { Kind, KindMap, LabelSelector, ObjectStore } from "../../ports/store/object-store.ts";
import type { Source } from "../../ports/store/source.ts";
import { apiVersionOf, pluralOf, selectorText } from "../embedded/api-paths.ts";
import { isSubdomain } from "../object-semantics/check-metadata.ts";
import type { ApiAnswer, ApiClient } from "./api/api-client.ts";
import { readApiStatus } from "./api/api-status.ts";
import { resourceSource } from "./api/resource-source.ts";
import { unavailable } from "./api/unavailable.ts";
import { newObjectToWire, objectFromWire, objectToWire, statusToWire } from "./store-objects.ts";
import type { WireObject } from "./store-objects.ts";

const methods = { get: "GET", create: "POST", update: "PUT", delete: "DELETE" } as const;

interface StoreCall {
  readonly verb: keyof typeof methods;
  readonly kind: Kind;
  readonly name: string;
  readonly subresource?: "status";
  readonly body?: object;
}

/**
 * The object store in Kubernetes: custom resources (deploy/crds) and Leases in one namespace. There are
 * no ClusterNodes: Kubernetes has their content in its pods and nodes; asking for one is a bug.
 */
export function createKubernetesObjectStore(client: ApiClient, namespace: string): ObjectStore {
  function collectionOf(kind: Kind): string {
    invariant(
      kind !== "ClusterNode",
      "Kubernetes has no ClusterNodes: its own pods and nodes say what they would",
    );
    return `/apis/${apiVersionOf(kind)}/namespaces/${encodeURIComponent(namespace)}/${pluralOf(kind)}`;
  }

  async function call<T>(
    storeCall: StoreCall,
    parse: (body: unknown) => T,
    signal: AbortSignal,
  ): Promise<Result<T>> {
    const { verb, kind, name, subresource, body } = storeCall;
    const method = methods[verb];
    const collection = collectionOf(kind);
    // No object has any other name, and its path would mean something else.
    if (verb !== "create" && !isSubdomain(name))
      return fail({ kind: "ObjectNotFound", objectKind: kind, name });
    const path =
      verb === "create"
        ? collection
        : `${collection}/${encodeURIComponent(name)}${subresource === undefined ? "" : `/${subresource}`}`;
    const answer = await client.call({ method, path, body }, signal);
    if (!answer.ok) return answer;
    return answer.value.code < 300
      ? ok(parse(answer.value.body))
      : fail(failureOf(answer.value, storeCall, collection));
  }

  function sourceOf<K extends Kind>(kind: K, selector: LabelSelector): Source<KindMap[K]> {
    const labelSelector = selectorText(selector);
    return resourceSource<WireObject, KindMap[K]>(client, {
      path: collectionOf(kind),
      query: labelSelector === "" ? {} : { labelSelector },
      transform: (object) => objectFromWire(kind, object),
    });
  }

  const read =
    <K extends Kind>(kind: K) =>
    (body: unknown): KindMap[K] =>
      objectFromWire(kind, body as WireObject);

  const write = <K extends Kind>(
    verb: "create" | "update",
    kind: K,
    name: string,
    body: object,
    signal: AbortSignal,
  ): Promise<Result<KindMap[K]>> => call({ verb, kind, name, body }, read(kind), signal);

  return {
    get: (kind, name, signal) => call({ verb: "get", kind, name }, read(kind), signal),
    list: async (kind, selector, signal) => {
      const listed = await sourceOf(kind, selector).list(signal);
      if (!listed.ok) return listed;
      return ok({
        ...listed.value,
        items: listed.value.items.toSorted((left, right) =>
          left.metadata.name < right.metadata.name ? -1 : 1,
        ),
      });
    },
    create: (kind, object, signal) =>
      write("create", kind, object.metadata.name, newObjectToWire(kind, object, namespace), signal),
    update: (kind, object, signal) =>
      write("update", kind, object.metadata.name, objectToWire(kind, object, namespace), signal),
    updateStatus: (kind, object, signal) => {
      const { name } = object.metadata;
      const body = statusToWire(kind, object, namespace);
      return call({ verb: "update", kind, name, subresource: "status", body }, read(kind), signal);
    },
    delete: (kind, name, preconditions, signal) => {
      const body = { apiVersion: "v1", kind: "DeleteOptions", preconditions };
      return call({ verb: "delete", kind, name, body }, () => undefined, signal);
    },
    watch: (kind, selector, resourceVersion, signal) =>
      sourceOf(kind, selector).watch(resourceVersion, signal),
  };
}

function failureOf(answer: ApiAnswer, { verb, kind, name, subresource }: StoreCall, path: string): Failure {
  const status = readApiStatus(answer);
  const { details, reason, message } = status;
  // A missing definition or namespace is 404 as well, and does not mean that the object is missing.
  if (reason === "NotFound" && details.kind === pluralOf(kind) && details.name === name)
    return { kind: "ObjectNotFound", objectKind: kind, name };
  if (reason === "AlreadyExists") return { kind: "ObjectAlreadyExists", objectKind: kind, name };
  if (reason === "Conflict") return { kind: "ObjectConflict", objectKind: kind, name };
  if (reason === "Invalid" || reason === "BadRequest" || reason === "RequestEntityTooLarge")
    return { kind: "ObjectInvalid", objectKind: kind, name, problem: message };
  return unavailable(status, { verb, path, subresource });
}
