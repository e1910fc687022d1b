import type { Lab } from "../../testbed/lab/lab.ts";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { findObject } from "./read-objects.ts";

const READY_MAX_MS = 240_000;

interface Node {
  readonly status: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** Waits until a node exists and is Ready. */
export async function untilNodeReady(lab: Lab, nodeName: string): Promise<void> {
  await waitUntil(`${nodeName} to be Ready`, { timeoutMs: READY_MAX_MS }, async () => {
    const node = await findObject<Node>(lab, `/api/v1/nodes/${nodeName}`).catch(() => undefined);
    return node?.status.conditions?.some(({ type, status }) => type === "Ready" && status === "True")
      ? true
      : undefined;
  });
}
