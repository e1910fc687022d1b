import assert from "node:assert/strict";
import { thenCleanUp } from "../../../testbed/lab/units/then-clean-up.ts";
import { waitUntil } from "../../../testbed/lab/units/wait-until.ts";
import { assertReplicaKept, untilReplicasOld } from "../old-replicas.ts";
import {
  assertRecordsKept,
  recordsSeenBy,
  toldBy,
  turnsOf,
  untilSignalled,
  writerPod,
  type WriterPod,
} from "../workload/record-writer.ts";
import type { Workloads } from "../workload/workloads.ts";

const MOVE_MAX_MS = 240_000;

export interface MoveOptions {
  /**
   * How the pod is moved. Default: it is deleted while its node is cordoned. A drain evicts everything else
   * there, too.
   */
  readonly by?: "delete" | "drain";
  /** The node to which it moves: all others are cordoned. Default: any. */
  readonly to?: string;
  /** Runs as soon as the pod's deletion has been requested. */
  readonly during?: () => Promise<void>;
}

/**
 * Moves a writer's pod to another node, once its replicas are older than unrequested ones are kept. Checks
 * that every synced record is there, that the pods wrote one after the other, and that a replica on the new
 * node was kept. Returns the new pod.
 */
export async function movesWithItsRecords(
  workloads: Workloads,
  name: string,
  { by = "delete", to, during }: MoveOptions = {},
): Promise<WriterPod> {
  const { lab, namespace } = workloads;
  const pod = await writerPod(workloads, name);
  await untilSignalled(lab, namespace, pod, "wrote");
  const replicas = await untilReplicasOld(workloads, `data-${name}`);
  const told = await toldBy(lab, namespace, pod);
  const earlier = turnsOf(await recordsSeenBy(workloads, name)).filter((uid) => uid !== pod.uid);
  const others = lab.nodes.map((node) => node.name).filter((nodeName) => nodeName !== to);
  const cordoned = to === undefined ? [pod.nodeName] : others;
  await lab.kubectl(["cordon", ...cordoned]);
  await thenCleanUp(
    async () => {
      await (by === "delete"
        ? workloads.kubectl(["delete", `pod/${name}`, "--wait=false"])
        : drain(workloads, pod));
      await during?.();
      await waitUntil(`${name} to be a new pod`, { timeoutMs: MOVE_MAX_MS }, async () => {
        const now = await writerPod(workloads, name).catch(() => undefined);
        return now !== undefined && now.uid !== pod.uid ? true : undefined;
      });
      await workloads.untilReady(name);
    },
    async () => {
      await lab.kubectl(["uncordon", ...cordoned]);
    },
  );
  const successor = await writerPod(workloads, name);
  assert.notEqual(successor.nodeName, pod.nodeName);
  await assertReplicaKept(workloads, `data-${name}`, successor.nodeName, replicas);
  await untilSignalled(lab, namespace, successor, "wrote");
  await assertRecordsKept(workloads, name, [
    ...earlier.map((uid) => ({ uid, told: [] })),
    { uid: pod.uid, told },
    successor,
  ]);
  return successor;
}

/** As an operator empties a node. */
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
