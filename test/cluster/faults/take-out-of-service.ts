import assert from "node:assert/strict";
import { defaultDriverName } from "../../../src/core/api/driver-name.ts";
import type { Lab } from "../../../testbed/lab/lab.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { findObject, readObject } from "../read-objects.ts";
import { type WriterPod, writerPod } from "../workload/record-writer.ts";
import type { Workloads } from "../workload/workloads.ts";

/** The key of the taint by which an operator states that a node is off. */
export const OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";
const EVICTED_MAX_MS = 240_000;
const MARKED_MAX_MS = 240_000;
const REDIRECTION = 300;
const NOT_FOUND = 404;
/** Another pod has the name. */
const CONFLICT = 409;

interface Pod {
  readonly metadata: { readonly uid: string; readonly deletionTimestamp?: string };
}

interface Node {
  readonly spec: { readonly taints?: readonly { readonly key: string; readonly value?: string }[] };
}

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
  const taint = `${OUT_OF_SERVICE}=nodeshutdown:NoExecute`;
  // The driver may have marked it a moment before.
  await workloads.lab.kubectl(["taint", "node", nodeName, taint, "--overwrite"]);
  await Promise.all(
    pods.map(async (pod) => {
      if (pod.nodeName === nodeName) await untilEvicted(workloads, pod);
      await deleteByForce(workloads, pod);
    }),
  );
}

/** Waits until the driver has marked a node whose VM is off, and Kubernetes has freed these pods. */
export async function untilDriverTakesOutOfService(
  workloads: Workloads,
  nodeName: string,
  names: readonly string[],
): Promise<void> {
  const { lab } = workloads;
  const pods = await Promise.all(names.map((name) => writerPod(workloads, name)));
  await waitUntil(`${nodeName} to be marked by the driver`, { timeoutMs: MARKED_MAX_MS }, async () =>
    (await marksOf(lab, nodeName)).includes(defaultDriverName) ? true : undefined,
  );
  for (const { name, uid } of pods)
    await waitUntil(`${name} to be gone`, { timeoutMs: EVICTED_MAX_MS }, async () => {
      const present = await findPod(workloads, name);
      return present?.metadata.uid !== uid ? true : undefined;
    });
}

/**
 * Removes the mark of a node that is ready, if a person has set it. The driver has to remove its own: waits
 * for that.
 */
export async function returnToService(lab: Lab, nodeName: string): Promise<void> {
  await waitUntil(`${nodeName} to be back in service`, { timeoutMs: MARKED_MAX_MS }, async () => {
    const marks = await marksOf(lab, nodeName);
    if (marks.length === 0) return true;
    if (!marks.includes(defaultDriverName))
      await lab.kubectl(["taint", "node", nodeName, `${OUT_OF_SERVICE}-`]);
    return undefined;
  });
}

/** The values of a node's out-of-service taint. */
async function marksOf(lab: Lab, nodeName: string): Promise<readonly string[]> {
  const { spec } = await readObject<Node>(lab, `/api/v1/nodes/${nodeName}`);
  return (spec.taints ?? []).flatMap(({ key, value }) =>
    key === OUT_OF_SERVICE && value !== undefined && value !== "" ? [value] : [],
  );
}

function findPod({ lab, namespace }: Workloads, name: string): Promise<Pod | undefined> {
  return findObject(lab, `/api/v1/namespaces/${namespace}/pods/${name}`);
}

/** Waits until a pod is being deleted, or gone, or another one has its name. */
async function untilEvicted(workloads: Workloads, { name, uid }: WriterPod): Promise<void> {
  await waitUntil(`${name} to be evicted`, { timeoutMs: EVICTED_MAX_MS }, async () => {
    const present = (await findPod(workloads, name))?.metadata;
    return present?.uid !== uid || present.deletionTimestamp !== undefined ? true : undefined;
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
