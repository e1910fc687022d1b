import type { ApiClient } from "./api/api-client.ts";
import type { ApiObject } from "./api/api-object.ts";

/** What is answered to an account whose rights, or which itself, went with the DaemonSet. */
const NO_RIGHTS: readonly number[] = [401, 403];

/**
 * Whether a DaemonSet is there to stay, so that a pod of it that ends will be followed by another. Not if
 * it is gone or going, or if nobody may ask any more: its account is removed together with it. In doubt,
 * since the API server does not answer, it stays. Needs the verb get on that one of `daemonsets.apps`.
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
