import type { ApiClient } from "./api/api-client.ts";
import type { ApiObject } from "./api/api-object.ts";

/** The answers to an account that was deleted, or lost its rights, with the DaemonSet. */
const NO_RIGHTS: readonly number[] = [401, 403];

/**
 * Whether a DaemonSet stays, so that a pod of it that ends will be followed by another. False if it is
 * gone or being deleted, or if this account may not ask any more: it is removed together with the
 * DaemonSet. True if the API server does not answer. Needs the verb get on that one of
 * `daemonsets.apps`.
 */
export async function isDaemonSetStaying(
  client: Pick<ApiClient, "call">,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<boolean> {
  const path = `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}/daemonsets/${encodeURIComponent(name)}`;
  const answer = await client.call({ method: "GET", path }, signal);
  if (!answer.ok) return true;
  const { code, body } = answer.value;
  if (code === 404 || NO_RIGHTS.includes(code)) return false;
  return code !== 200 || (body as ApiObject).metadata.deletionTimestamp === undefined;
}
