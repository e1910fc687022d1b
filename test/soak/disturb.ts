import { setTimeout as sleep } from "node:timers/promises";
import { freezeProcess } from "../../testbed/lab/units/freeze-process.ts";
import { copyStore } from "../workflows/copy-store.ts";
import { addFault } from "../workflows/emulator-admin.ts";
import type { WritingPod } from "../workflows/writing-pod.ts";
import type { AzureFault, Disturbance } from "./plan-round.ts";
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

/** Starts a disturbance. Returns what ends it, once its round's pods have moved. */
export async function disturb(
  lab: SoakLab,
  pods: readonly WritingPod[],
  disturbance: Disturbance,
): Promise<() => Promise<void>> {
  switch (disturbance.kind) {
    case "freeze": {
      const { nodeName } = disturbance;
      const node = lab.nodes.get(nodeName);
      if (node === undefined) throw new Error(`the lab has no ${nodeName}`);
      const writers = pods.filter((pod) => pod.node === node).map((pod) => pod.process());
      await Promise.all([node.process, ...writers].map(({ pid }) => freezeProcess(pid)));
      await lab.orchestrator.setOutOfService(nodeName, true);
      return async () => {
        for (const { kill } of [node.process, ...writers]) kill("SIGCONT");
      };
    }
    case "kill": {
      const killed = lab.processes.get(disturbance.processName);
      if (killed === undefined) throw new Error(`the lab has no ${disturbance.processName}`);
      const isBack = (async () => {
        await sleep(disturbance.afterMs);
        killed.child.kill("SIGKILL");
        await killed.restart();
      })();
      return () => isBack;
    }
    case "azure":
      return addFault(lab, { ...RULES[disturbance.fault], probability: FAULT_PROBABILITY });
    case "cordon":
      await lab.orchestrator.setUnschedulable(disturbance.nodeName, true);
      return () => lab.orchestrator.setUnschedulable(disturbance.nodeName, false);
    case "backUp":
      await copyStore(lab, "store.db", BACKUP);
      return () => Promise.resolve();
    case "restore":
      await copyStore(lab, BACKUP, "store.db");
      await lab.orchestrator.stateAgain();
      return () => Promise.resolve();
  }
}
