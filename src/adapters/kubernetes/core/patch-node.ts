import { fail, ok, type Result } from "../../../core/failure/result.ts";
import type { NodeTaint } from "../../../core/node/node-taints.ts";
import type { ApiClient } from "../api/api-client.ts";
import { readApiStatus } from "../api/api-status.ts";
import { unavailable } from "../api/unavailable.ts";
import { coreResources } from "./core-object-calls.ts";

/** One operation of a JSON patch (RFC 6902). */
interface PatchOperation {
  readonly op: "test" | "add" | "remove" | "replace";
  /** A JSON pointer (RFC 6901). */
  readonly path: string;
  readonly value?: unknown;
}

/** HTTP status of a JSON patch whose test did not hold. */
const PATCH_TEST_FAILED = 422;

/**
 * Patches a Node on the conditions that the operations test. Kubelet and controllers write a Node many times
 * a minute, so that a test of its version may have to be repeated. Needs the verb patch on `nodes`. Fails
 * with `ObjectConflict` where a test does not hold or the Node is gone, `StoreUnavailable` or `Cancelled`.
 */
export async function patchNode(
  client: ApiClient,
  nodeName: string,
  operations: readonly PatchOperation[],
  signal: AbortSignal,
): Promise<Result<void>> {
  const path = coreResources.nodes;
  const answer = await client.call(
    {
      method: "PATCH",
      path: `${path}/${encodeURIComponent(nodeName)}`,
      body: operations,
      contentType: "application/json-patch+json",
    },
    signal,
  );
  if (!answer.ok) return answer;
  if (answer.value.code === 200) return ok(undefined);
  const status = readApiStatus(answer.value);
  const hasMoved =
    answer.value.code === PATCH_TEST_FAILED || (answer.value.code === 404 && status.details.name !== "");
  if (hasMoved) return fail({ kind: "ObjectConflict", objectKind: "Node", name: nodeName });
  return fail(unavailable(status, { verb: "patch", path }));
}

/** Replaces the taints of a Node, which has some, if they are as they were read. */
export function replaceTaints(
  from: readonly NodeTaint[],
  to: readonly NodeTaint[],
): readonly PatchOperation[] {
  const path = "/spec/taints";
  const test = { op: "test", path, value: from } as const;
  return to.length === 0 ? [test, { op: "remove", path }] : [test, { op: "replace", path, value: to }];
}
