import assert from "node:assert/strict";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reinstallDriver } from "./driver-lab.ts";
import { listObjects, readObject } from "./read-objects.ts";

/** What requests a volume on a node: the chart's value `attach`. */
export type WayIn = "kubernetes" | "driver";

/** The attach mode of the installed driver. */
export async function wayInNow(lab: Lab): Promise<WayIn> {
  const { spec } = await readObject<{ readonly spec: { readonly attachRequired: boolean } }>(
    lab,
    "/apis/storage.k8s.io/v1/csidrivers/disk.csi.azure.com",
  );
  return spec.attachRequired ? "kubernetes" : "driver";
}

/** Reinstalls the driver unless it has this attach mode already. */
export async function takeWayIn(lab: Lab, wayIn: WayIn): Promise<void> {
  if ((await wayInNow(lab)) !== wayIn) await reinstallDriver(lab, { attach: wayIn });
}

/** The cluster's VolumeAttachments, each as its node and whether it is attached. */
export async function volumeAttachments(lab: Lab): Promise<readonly string[]> {
  const attachments = await listObjects<{
    readonly spec: { readonly nodeName: string };
    readonly status: { readonly attached: boolean };
  }>(lab, "/apis/storage.k8s.io/v1/volumeattachments");
  return attachments.map(({ spec, status }) => `${spec.nodeName} ${status.attached}`);
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
