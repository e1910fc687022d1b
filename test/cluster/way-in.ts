import assert from "node:assert/strict";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reinstallDriver } from "./driver-lab.ts";

/** Who says that a volume is wanted on a node: the chart's value `attach`. */
export type WayIn = "kubernetes" | "driver";

/** The way in of the driver that is installed. */
export async function wayInNow(lab: Lab): Promise<WayIn> {
  const isAttachRequired = await lab.kubectl([
    "get",
    "csidriver/disk.csi.azure.com",
    "--output=jsonpath={.spec.attachRequired}",
  ]);
  return isAttachRequired === "true" ? "kubernetes" : "driver";
}

/** Installs the driver anew unless it has this way in already. */
export async function takeWayIn(lab: Lab, wayIn: WayIn): Promise<void> {
  if ((await wayInNow(lab)) !== wayIn) await reinstallDriver(lab, { attach: wayIn });
}

/** The cluster's attachments, each as its node and whether it is attached. */
export async function volumeAttachments(lab: Lab): Promise<readonly string[]> {
  const each = "{range .items[*]}{.spec.nodeName} {.status.attached}{'\\n'}{end}";
  return (await lab.kubectl(["get", "volumeattachments", `--output=jsonpath=${each}`]))
    .split("\n")
    .filter((line) => line !== "");
}

/**
 * Throws unless a pod that runs on a node came to its volume this way: Kubernetes has an attachment there,
 * or none at all.
 */
export async function assertWayIn(lab: Lab, wayIn: WayIn, nodeName: string): Promise<void> {
  assert.equal(await wayInNow(lab), wayIn);
  const there = await volumeAttachments(lab);
  if (wayIn === "driver") assert.deepEqual(there, []);
  else assert.ok(there.includes(`${nodeName} true`), JSON.stringify(there));
}
