import { storeUnavailable } from "../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import type { ApiClient } from "./api/api-client.ts";

/**
 * A namespace that every cluster has, from its beginning to its end: its uid is as good as the cluster's
 * own.
 */
const PATH = "/api/v1/namespaces/kube-system";

/** The uid of the namespace kube-system. Fails with `StoreUnavailable` where it can't be read. */
export async function readClusterId(
  client: Pick<ApiClient, "call">,
  signal: AbortSignal,
): Promise<Result<string>> {
  const answer = await client.call({ method: "GET", path: PATH }, signal);
  if (!answer.ok) return answer;
  const uid = uidIn(answer.value.body);
  if (answer.value.code === 200 && uid !== undefined) return ok(uid);
  return storeUnavailable(
    `namespace kube-system, whose uid is the cluster id, can't be read: HTTP ${answer.value.code}`,
  );
}

function uidIn(body: unknown): string | undefined {
  const uid = (body as { readonly metadata?: { readonly uid?: unknown } } | undefined)?.metadata?.uid;
  return typeof uid === "string" && uid !== "" ? uid : undefined;
}
