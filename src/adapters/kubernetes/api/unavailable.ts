import type { Failure } from "../../../core/failure/failure.ts";
import type { ApiStatus } from "./api-status.ts";

/** The request to the API server, for sentences. */
export interface AttemptedCall {
  readonly verb: "get" | "list" | "watch" | "create" | "update" | "patch" | "delete";
  /**
   * Plural and group as RBAC writes them, such as `azvolumes.disk.csi.azure.com`,
   * `leases.coordination.k8s.io` or `pods`; with `/status` for that.
   */
  readonly resource: string;
  /** Undefined: of the cluster, or of every namespace. */
  readonly namespace: string | undefined;
}

const RBAC_MESSAGE = /cannot \w+ resource/u;

/**
 * Why the API server can't be used for this at the moment, and the remedy. Every failure that is not
 * about one object ends here: a retry may help once its cause is removed.
 */
export function unavailable(status: ApiStatus, attempted: AttemptedCall): Failure {
  return { kind: "StoreUnavailable", detail: sentence(status, attempted) };
}

function sentence(status: ApiStatus, { verb, resource, namespace }: AttemptedCall): string {
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
