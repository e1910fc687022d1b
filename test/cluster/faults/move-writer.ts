import assert from "node:assert/strict";
import { thenCleanUp } from "../../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { assertReplicaKept, untilReplicasOld } from "../old-replicas.ts";
import {
  assertRecordsKept,
  recordsSeenBy,
  toldBy,
  turnsOf,
  untilTold,
  writerPod,
  type WriterPod,
} from "../workload/record-writer.ts";
import type { Workloads } from "../workload/workloads.ts";

const MOVE_MAX_MS = 120_000;

export interface MoveOptions {
  /**
   * How the pod is made to go. Default: it is deleted while its node takes no new ones. A drain sends away
   * whatever else is there, too.
   */
  readonly by?: "delete" | "drain";
  /** Runs as soon as the pod has been told to end. */
  readonly meanwhile?: () => Promise<void>;
}

/**
 * Sends a writer's pod to another node, once its replicas are older than they are kept without a request.
 * Checks that every record that it had synced is there, that one pod wrote after the other, and that a
 * replica it came to was kept. Answers the pod that has come after it.
 */
export async function movesWithItsRecords(
  workloads: Workloads,
  name: string,
  { by = "delete", meanwhile }: MoveOptions = {},
): Promise<WriterPod> {
  const { lab, namespace } = workloads;
  const pod = await writerPod(workloads, name);
  await untilTold(lab, namespace, pod, "wrote");
  const replicas = await untilReplicasOld(workloads, `data-${name}`);
  const told = await toldBy(lab, namespace, pod);
  const earlier = turnsOf(await recordsSeenBy(workloads, name)).filter((uid) => uid !== pod.uid);
  await lab.kubectl(["cordon", pod.nodeName]);
  await thenCleanUp(
    async () => {
      await (by === "delete"
        ? workloads.kubectl(["delete", `pod/${name}`, "--wait=false"])
        : drain(workloads, pod));
      await meanwhile?.();
      await waitUntil(`${name} to be a new pod`, { timeoutMs: MOVE_MAX_MS }, async () => {
        const now = await writerPod(workloads, name).catch(() => undefined);
        return now !== undefined && now.uid !== pod.uid ? true : undefined;
      });
      await workloads.untilReady(name);
    },
    async () => {
      await lab.kubectl(["uncordon", pod.nodeName]);
    },
  );
  const successor = await writerPod(workloads, name);
  assert.notEqual(successor.nodeName, pod.nodeName);
  await assertReplicaKept(workloads, `data-${name}`, successor.nodeName, replicas);
  await untilTold(lab, namespace, successor, "wrote");
  await assertRecordsKept(workloads, name, [
    ...earlier.map((uid) => ({ uid, told: [] })),
    { uid: pod.uid, told },
    successor,
  ]);
  return successor;
}

/** As an operator does who empties a node. */
async function drain({ lab }: Workloads, { nodeName }: WriterPod): Promise<void> {
  await lab.kubectl(
    [
      "drain",
      nodeName,
      "--ignore-daemonsets",
      "--delete-emptydir-data",
      "--force",
      `--timeout=${MOVE_MAX_MS}ms`,
    ],
    {
      timeoutMs: 2 * MOVE_MAX_MS,
    },
  );
}
