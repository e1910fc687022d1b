import assert from "node:assert/strict";
import { waitUntil } from "../../testbed/lab/wait-until.ts";
import { assertNothingLost, recordsSeenBy, toldBy, turnsOf, untilTold, writerPod } from "./record-writer.ts";
import type { Workloads } from "./workloads.ts";

const MOVE_MAX_MS = 120_000;

/**
 * Sends a writer's pod to another node, and checks that every record that it had synced is there, and that one pod wrote after the other. `meanwhile` runs as
 * soon as the old pod has been told to end.
 */
export async function movesWithItsRecords(workloads: Workloads, name: string, meanwhile?: () => Promise<void>): Promise<void> {
  const { lab, namespace } = workloads;
  const pod = await writerPod(workloads, name);
  await untilTold(lab, namespace, pod, "wrote");
  const told = await toldBy(lab, namespace, pod);
  const earlier = turnsOf(await recordsSeenBy(workloads, name)).filter((uid) => uid !== pod.uid);
  await lab.kubectl(["cordon", pod.nodeName]);
  try {
    await workloads.kubectl(["delete", `pod/${name}`, "--wait=false"]);
    await meanwhile?.();
    await waitUntil(`${name} to be a new pod`, { timeoutMs: MOVE_MAX_MS }, async () => {
      const now = await writerPod(workloads, name).catch(() => undefined);
      return now !== undefined && now.uid !== pod.uid ? true : undefined;
    });
    await workloads.untilReady(name);
  } finally {
    await lab.kubectl(["uncordon", pod.nodeName]);
  }
  const successor = await writerPod(workloads, name);
  assert.notEqual(successor.nodeName, pod.nodeName);
  await untilTold(lab, namespace, successor, "wrote");
  const toldAfter = await toldBy(lab, namespace, successor);
  assertNothingLost(await recordsSeenBy(workloads, name), [
    ...earlier.map((uid) => ({ uid, told: [] })),
    { uid: pod.uid, told },
    { uid: successor.uid, told: toldAfter },
  ]);
}
