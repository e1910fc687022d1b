import { setTimeout as sleep } from "node:timers/promises";
import type { LabNode } from "../../demo/lab/lab.ts";
import { unpublishOnController } from "../../demo/volume-moves.ts";
import { addFault, strikeVm } from "../workflows/emulator-admin.ts";
import { copyStore } from "../workflows/store/copy-store.ts";
import type { WritingPod } from "../workflows/writing-pod.ts";
import { growDisk, growFileSystem } from "./grow.ts";
import type { AzureFault, Disturbance, Round } from "./plan-round.ts";
import { restoreSnapshot, takeSnapshot, untilFrozen } from "./snapshot.ts";
import type { SoakLab } from "./soak-lab.ts";

const BACKUP = "backup.db";
/** Of the calls or operations that a fault may strike. */
const FAULT_PROBABILITY = 0.25;

/** The emulator's rule for each way in which Azure fails. */
const RULES: Readonly<Record<AzureFault, object>> = {
  throttles: { effect: { kind: "Error", status: 429, code: "TooManyRequests", retryAfterS: 1 } },
  "drops answers": { effect: { kind: "DropResponse" } },
  "fails operations": {
    operation: "VirtualMachines_*",
    effect: { kind: "FailOperation", code: "InternalExecutionError", applied: "none" },
  },
  "fails operations late": {
    operation: "VirtualMachines_*",
    effect: { kind: "FailOperation", code: "InternalExecutionError", applied: "all" },
  },
};

/** What a disturbance strikes: pods on a lab, in a round with these moves. */
export interface Disturbed {
  readonly lab: SoakLab;
  readonly pods: readonly WritingPod[];
  readonly moves: Round["moves"];
  readonly signal: AbortSignal;
}

/**
 * Starts a disturbance of a round with these moves. Returns what ends it, once the pods have moved. Aborting
 * `signal` ends the soak: no process is started any more.
 */
export async function disturb(
  { lab, pods, moves, signal }: Disturbed,
  disturbance: Disturbance,
): Promise<() => Promise<void>> {
  switch (disturbance.kind) {
    case "freeze": {
      const node = nodeOf(lab, disturbance.nodeName);
      await untilFrozen(lab, disturbance.freezing, signal);
      await node.freeze();
      await lab.orchestrator.setOutOfService(node.name, true);
      return () => node.thaw();
    }
    case "powerLoss": {
      const node = nodeOf(lab, disturbance.nodeName);
      await untilFrozen(lab, disturbance.freezing, signal);
      await losePower(lab, node, disturbance.isSilent ? "SilentPowerLoss" : "PowerLoss");
      await lab.orchestrator.setOutOfService(node.name, true);
      return () => boot(lab, node);
    }
    case "reboot": {
      const node = nodeOf(lab, disturbance.nodeName);
      const isBack = inBackground(async () => {
        await sleep(disturbance.afterMs, undefined, { signal });
        await losePower(lab, node, "PowerLoss");
        await sleep(disturbance.offMs, undefined, { signal });
        await boot(lab, node);
      });
      return async () => {
        await isBack();
        await Promise.all(pods.filter((pod) => pod.node === node).map((pod) => pod.comeBack()));
      };
    }
    case "kill": {
      const killed = lab.processes.get(disturbance.processName);
      if (killed === undefined) throw new Error(`the lab has no ${disturbance.processName}`);
      return inBackground(async () => {
        await sleep(disturbance.afterMs, undefined, { signal });
        killed.child.kill("SIGKILL");
        await killed.restart();
      });
    }
    case "azure":
      return addFault(lab, { ...RULES[disturbance.fault], probability: FAULT_PROBABILITY });
    case "cordon":
      await lab.orchestrator.setUnschedulable(disturbance.nodeName, true);
      return () => lab.orchestrator.setUnschedulable(disturbance.nodeName, false);
    case "grow": {
      const pod = podOf(pods, disturbance.volumeName);
      const diskHasGrown = inBackground(() => growDisk(lab, pod, disturbance.toGiB));
      return async () => {
        await diskHasGrown();
        await growFileSystem(pod, disturbance.toGiB);
      };
    }
    case "snapshot": {
      const pod = podOf(pods, disturbance.volumeName);
      const taken = inBackground(() => takeSnapshot(lab, pod));
      return async () => restoreSnapshot(lab, pod, await taken(), disturbance.copyGiB);
    }
    case "backUp":
      await copyStore(lab, "store.db", BACKUP);
      return () => Promise.resolve();
    case "restore": {
      const moved = new AbortController();
      const isRestored = inBackground(async () => {
        await sleep(disturbance.afterMs, undefined, { signal });
        await copyStore(lab, BACKUP, "store.db");
        await lab.orchestrator.stateAgain();
        do await publishAsPlaced(lab, pods, moves);
        while (!moved.signal.aborted && !signal.aborted);
      });
      return async () => {
        moved.abort();
        await isRestored();
        await publishAsPlaced(lab, pods, moves);
      };
    }
  }
}

/** Starts work, and returns what waits for it: it may reject before. */
function inBackground<Value>(work: () => Promise<Value>): () => Promise<Value> {
  const done = work();
  done.catch(() => undefined);
  return () => done;
}

function podOf(pods: readonly WritingPod[], volumeName: string): WritingPod {
  const pod = pods.find(({ volume }) => volume.name === volumeName);
  if (pod === undefined) throw new Error(`no pod has ${volumeName}`);
  return pod;
}

function nodeOf(lab: SoakLab, nodeName: string): LabNode {
  const node = lab.nodes.get(nodeName);
  if (node === undefined) throw new Error(`the lab has no ${nodeName}`);
  return node;
}

function losePower(lab: SoakLab, node: LabNode, event: "PowerLoss" | "SilentPowerLoss"): Promise<void> {
  return node.losePower(() => strikeVm(lab, node.name, event));
}

/** It has the disks that Azure has attached to it by now. */
async function boot(lab: SoakLab, node: LabNode): Promise<void> {
  await strikeVm(lab, node.name, "PowerReturn");
  await node.boot();
}

/**
 * What Kubernetes' attach-detach controller does with the VolumeAttachments that a backup has brought back
 * or reverted. The target of a move is left to the move.
 */
async function publishAsPlaced(
  lab: SoakLab,
  pods: readonly WritingPod[],
  moves: Round["moves"],
): Promise<void> {
  for (const pod of pods) {
    await pod.publishAgain();
    for (const node of lab.nodes.values())
      if (node !== pod.node && node.name !== moves.get(pod.volume.name))
        await unpublishOnController(lab, pod.volume, node);
  }
}
