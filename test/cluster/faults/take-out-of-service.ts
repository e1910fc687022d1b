import assert from "node:assert/strict";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { type WriterPod, writerPod } from "../workload/record-writer.ts";
import type { Workloads } from "../workload/workloads.ts";

/** The key of the taint by which an operator states that a node is off. */
export const OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";
const EVICTED_MAX_MS = 240_000;
const REDIRECTION = 300;
const NOT_FOUND = 404;
/** Another pod has the name. */
const CONFLICT = 409;

/**
 * Taints a node, whose processes should have ended, so that Kubernetes releases its volumes, and deletes
 * these pods by force once the taint has evicted those on the node. The eviction may come late, and
 * deletes whichever pod has the name by then: after a deletion at once, that would be the next pod.
 */
export async function takeOutOfService(
  workloads: Workloads,
  nodeName: string,
  names: readonly string[],
): Promise<void> {
  const pods = await Promise.all(names.map((name) => writerPod(workloads, name)));
  await workloads.lab.kubectl(["taint", "node", nodeName, `${OUT_OF_SERVICE}=nodeshutdown:NoExecute`]);
  await Promise.all(
    pods.map(async (pod) => {
      if (pod.nodeName === nodeName) await untilEvicted(workloads, pod);
      await deleteByForce(workloads, pod);
    }),
  );
}

/** Waits until a pod is being deleted, or gone, or another one has its name. */
async function untilEvicted(workloads: Workloads, { name, uid }: WriterPod): Promise<void> {
  await waitUntil(`${name} to be evicted`, { timeoutMs: EVICTED_MAX_MS }, async () => {
    const [present = "", deletedAt = ""] = (
      await workloads.kubectl([
        "get",
        `pod/${name}`,
        "--ignore-not-found",
        "--output=jsonpath={.metadata.uid} {.metadata.deletionTimestamp}",
      ])
    ).split(" ");
    return present !== uid || deletedAt !== "" ? true : undefined;
  });
}

/** As `kubectl delete --force --grace-period=0` does, but never deletes another pod of that name. */
async function deleteByForce({ lab, namespace }: Workloads, { name, uid }: WriterPod): Promise<void> {
  const { code, body } = await lab.request({
    url: `/api/v1/namespaces/${namespace}/pods/${name}`,
    method: "DELETE",
    body: { apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds: 0, preconditions: { uid } },
  });
  const isGone = code === NOT_FOUND || code === CONFLICT;
  assert.ok(code < REDIRECTION || isGone, `DELETE of pod ${name}: ${code} ${JSON.stringify(body)}`);
}
