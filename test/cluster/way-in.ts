import assert from "node:assert/strict";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reinstallDriver } from "./driver-lab.ts";

/** What requests a volume on a node: the chart's value `attach`. */
export type WayIn = "kubernetes" | "driver";

/** The attach mode of the installed driver. */
export async function wayInNow(lab: Lab): Promise<WayIn> {
  const isAttachRequired = await lab.kubectl([
    "get",
    "csidriver/disk.csi.azure.com",
    "--output=jsonpath={.spec.attachRequired}",
  ]);
  return isAttachRequired === "true" ? "kubernetes" : "driver";
}

/** Reinstalls the driver unless it has this attach mode already. */
export async function takeWayIn(lab: Lab, wayIn: WayIn): Promise<void> {
  if ((await wayInNow(lab)) !== wayIn) await reinstallDriver(lab, { attach: wayIn });
}

/** The cluster's VolumeAttachments, each as its node and whether it is attached. */
export async function volumeAttachments(lab: Lab): Promise<readonly string[]> {
  const each = "{range .items[*]}{.spec.nodeName} {.status.attached}{'\\n'}{end}";
  return (await lab.kubectl(["get", "volumeattachments", `--output=jsonpath=${each}`]))
    .split("\n")
    .filter((line) => line !== "");
}

/**
 * Throws unless a pod on a node got its volume this way: Kubernetes has a VolumeAttachment there, or none
 * at all.
 */
export async function assertWayIn(lab: Lab, wayIn: WayIn, nodeName: string): Promise<void> {
  assert.equal(await wayInNow(lab), wayIn);
  const there = await volumeAttachments(lab);
  if (wayIn === "driver") assert.deepEqual(there, []);
  else assert.ok(there.includes(`${nodeName} true`), JSON.stringify(there));
}
