import type { Failure } from "../../../core/failure/failure.ts";
import type { ApiStatus } from "./api-status.ts";

/** The request to the API server, for sentences. */
export interface AttemptedCall {
  readonly verb: "get" | "list" | "watch" | "create" | "update" | "patch" | "delete";
  /** Of the collection, such as `/api/v1/nodes`. */
  readonly path: string;
  readonly subresource?: "status" | undefined;
}

const RBAC_MESSAGE = /cannot \w+ resource/u;

/**
 * Why the API server can't be used for this at the moment, and the remedy. Every failure that is not
 * about one object ends here: a retry may help once its cause is removed.
 */
export function unavailable(status: ApiStatus, attempted: AttemptedCall): Failure {
  return { kind: "StoreUnavailable", detail: sentence(status, attempted) };
}

function sentence(status: ApiStatus, { verb, path, subresource }: AttemptedCall): string {
  const { resource: collection, namespace } = readCollectionPath(path);
  const resource = subresource === undefined ? collection : `${collection}/${subresource}`;
  const where = namespace === undefined ? "" : ` in namespace ${namespace}`;
  const tried = `the API server refused to ${verb} ${resource}${where}`;
  if (status.causes.includes("NamespaceTerminating"))
    return `namespace ${namespace ?? ""} is being deleted: nothing can be made in it (${status.message})`;
  switch (status.code) {
    case 401:
      return (
        `${tried}: it does not accept this process's credentials; is the token or the client certificate ` +
        `expired, or of another cluster? (${status.message})`
      );
    case 403:
      // Admission and quotas answer 403 as well, in words of their own.
      if (!RBAC_MESSAGE.test(status.message)) return `${tried}: ${status.message}`;
      return (
        `${tried}: the account lacks the right; add verb "${verb}" on ${resource}${where} to its ` +
        `${namespace === undefined ? "ClusterRole" : "Role"} (${status.message})`
      );
    case 404:
      return status.details.kind === "namespaces"
        ? `${tried}: namespace ${namespace ?? ""} does not exist; create it, or name another in the ` +
            `settings (${status.message})`
        : `${tried}: it has no such resource; are the custom resource definitions installed ` +
            `(deploy/crds)? (${status.message})`;
    case 429:
      return `${tried} now: it is overloaded (${status.message})`;
    default:
      return (
        `${tried}: ${status.message} (HTTP status ` +
        `${status.code}${status.reason === "" ? "" : `, ${status.reason}`})`
      );
  }
}

/**
 * Plural with group, as RBAC writes them (`azvolumes.disk.csi.azure.com`, `pods`), and namespace in the path
 * of a collection: `/api/v1/…` or `/apis/<group>/<version>/…`.
 */
export function readCollectionPath(path: string): {
  readonly resource: string;
  readonly namespace: string | undefined;
} {
  const [, root, ...parts] = path.split("/");
  const group = root === "apis" ? parts[0] : undefined;
  const rest = parts.slice(root === "apis" ? 2 : 1);
  const isNamespaced = rest[0] === "namespaces" && rest.length > 2;
  const plural = (isNamespaced ? rest[2] : rest[0]) ?? path;
  return {
    resource: group === undefined ? plural : `${plural}.${group}`,
    namespace: isNamespaced ? decodeURIComponent(rest[1] ?? "") : undefined,
  };
}
