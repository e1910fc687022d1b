import type { Failure } from "../../core/failure/failure.ts";
import { invariant } from "../../core/failure/invariant.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { Result } from "../../core/failure/result.ts";
import type { Kind, KindMap, LabelSelector, ObjectStore } from "../../ports/store/object-store.ts";
import type { Source } from "../../ports/store/source.ts";
import { apiVersionOf, pluralOf, selectorText } from "../embedded/api-paths.ts";
import { isSubdomain } from "../object-semantics/check-metadata.ts";
import type { ApiAnswer, ApiClient, ApiRequest } from "./api/api-client.ts";
import { readApiStatus } from "./api/api-status.ts";
import { resourceSource } from "./api/resource-source.ts";
import { unavailable } from "./api/unavailable.ts";
import type { AttemptedCall } from "./api/unavailable.ts";
import { newObjectToWire, objectFromWire, objectToWire, statusToWire } from "./store-objects.ts";
import type { WireObject } from "./store-objects.ts";

interface StoreCall {
  readonly verb: AttemptedCall["verb"];
  readonly method: ApiRequest["method"];
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
    const { method, kind, name, subresource, body } = storeCall;
    const collection = collectionOf(kind);
    // No object has any other name, and its path would mean something else.
    if (method !== "POST" && !isSubdomain(name))
      return fail({ kind: "ObjectNotFound", objectKind: kind, name });
    const path =
      method === "POST"
        ? collection
        : `${collection}/${encodeURIComponent(name)}${subresource === undefined ? "" : `/${subresource}`}`;
    const answer = await client.call({ method, path, body }, signal);
    if (!answer.ok) return answer;
    return answer.value.code < 300
      ? ok(parse(answer.value.body))
      : fail(failureOf(answer.value, storeCall, namespace));
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

  return {
    get: (kind, name, signal) => call({ verb: "get", method: "GET", kind, name }, read(kind), signal),
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
      call(
        {
          verb: "create",
          method: "POST",
          kind,
          name: object.metadata.name,
          body: newObjectToWire(kind, object, namespace),
        },
        read(kind),
        signal,
      ),
    update: (kind, object, signal) =>
      call(
        {
          verb: "update",
          method: "PUT",
          kind,
          name: object.metadata.name,
          body: objectToWire(kind, object, namespace),
        },
        read(kind),
        signal,
      ),
    updateStatus: (kind, object, signal) =>
      call(
        {
          verb: "update",
          method: "PUT",
          kind,
          name: object.metadata.name,
          subresource: "status",
          body: statusToWire(kind, object, namespace),
        },
        read(kind),
        signal,
      ),
    delete: (kind, name, preconditions, signal) =>
      call(
        {
          verb: "delete",
          method: "DELETE",
          kind,
          name,
          body: { apiVersion: "v1", kind: "DeleteOptions", preconditions },
        },
        () => undefined,
        signal,
      ),
    watch: (kind, selector, resourceVersion, signal) =>
      sourceOf(kind, selector).watch(resourceVersion, signal),
  };
}

function failureOf(
  answer: ApiAnswer,
  { verb, kind, name, subresource }: StoreCall,
  namespace: string,
): Failure {
  const status = readApiStatus(answer);
  const { details, reason, message } = status;
  const plural = pluralOf(kind);
  // A missing definition or namespace is 404 as well, and does not mean that the object is missing.
  if (reason === "NotFound" && details.kind === plural && details.name === name)
    return { kind: "ObjectNotFound", objectKind: kind, name };
  if (reason === "AlreadyExists") return { kind: "ObjectAlreadyExists", objectKind: kind, name };
  if (reason === "Conflict") return { kind: "ObjectConflict", objectKind: kind, name };
  if (reason === "Invalid" || reason === "BadRequest" || reason === "RequestEntityTooLarge")
    return { kind: "ObjectInvalid", objectKind: kind, name, problem: message };
  const [group] = apiVersionOf(kind).split("/");
  return unavailable(status, {
    verb,
    resource: `${plural}.${group ?? ""}${subresource === undefined ? "" : `/${subresource}`}`,
    namespace,
  });
}
