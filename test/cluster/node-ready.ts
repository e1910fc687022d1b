import type { Lab } from "../../testbed/lab/lab.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { findObject } from "./read-objects.ts";

const READY_MAX_MS = 240_000;

interface Node {
  readonly status: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
  };
}

/** Waits until a node exists and is Ready. Throws with the end of its kubelet's log. */
export async function untilNodeReady(lab: Lab, nodeName: string): Promise<void> {
  let because: string | undefined;
  try {
    await waitUntil(`${nodeName} to be Ready`, { timeoutMs: READY_MAX_MS }, async () => {
      because = await whyNotReady(lab, nodeName);
      return because === undefined ? true : undefined;
    });
  } catch (error) {
    throw new Error(`${because}\n${await lab.units.logTail(`${nodeName}/kubelet`)}`, { cause: error });
  }
}

/** Undefined: the node is Ready. */
export async function whyNotReady(lab: Lab, nodeName: string): Promise<string | undefined> {
  const node = await findObject<Node>(lab, `/api/v1/nodes/${nodeName}`).catch(() => undefined);
  const ready = node?.status.conditions?.find(({ type }) => type === "Ready");
  if (ready?.status === "True") return undefined;
  const kubelet = (await lab.units.isRunning(`${nodeName}/kubelet`)) ? "runs" : "has ended";
  return `${nodeName} is not Ready, and its kubelet ${kubelet}: ${ready?.message ?? "it has no Node"}`;
}
