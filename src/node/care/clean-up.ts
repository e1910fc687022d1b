import { ok, type Result } from "../../core/failure/result.ts";
import type { NodeVolumeAction } from "../../core/node/plan-node-volume.ts";
import { isNamed } from "../../core/writer/record/record-nodes.ts";
import { proveClean } from "../../core/writer/record/writer-steps.ts";
import { updateRecord } from "../../objects/update-record.ts";
import { emitOnVolume } from "../emit-on-volume.ts";
import type { NodePorts } from "../node-ports.ts";
import { restoreDevice } from "../stage/device-tuning.ts";
import { verifyClean } from "../writer/verify-clean.ts";
import type { OwnVolume } from "./own-volume.ts";
import { reportStillUsed } from "./report-still-used.ts";
import { unmountAll } from "./unmount-all.ts";

type CleanUp = Extract<NodeVolumeAction, { kind: "CleanUp" }>;

/**
 * Removes what is mounted of a volume that this node may not have. In quarantine, or unverified, the node
 * then proves in the record that it is clean. The checkpoint goes last.
 */
export async function cleanUp(
  ports: NodePorts,
  target: OwnVolume,
  { placeholders, from }: CleanUp,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const { volumeName, checkpoint, observed } = target;
  const { nodeName } = ports.node;
  const unmounted = await unmountAll(ports, target, placeholders, signal);
  if (!unmounted.ok) return unmounted;
  if (observed.mount !== "none") {
    const paths = [...observed.targets, ...(checkpoint === undefined ? [] : [checkpoint.stagingPath])];
    emitOnVolume(
      ports,
      volumeName,
      "StaleMountsRemoved",
      `${nodeName} may not have the volume any more and has removed its mounts: ${paths.join(", ")}`,
    );
  }
  const proven = from === undefined ? ok(undefined) : await proveOwnClean(ports, target, from, signal);
  // Refused by the record: another pass was faster, and the checkpoint goes all the same.
  if (!proven.ok && proven.failure.kind !== "NotWriter") return proven;
  if (checkpoint === undefined) return ok(undefined);
  // The disk of a volume without a record stays attached, and the next stage would take these for its own.
  if (observed.isMultiWriter) await restoreDevice(ports, volumeName, signal);
  const isFlushed = observed.mount === "live";
  const flushes = !observed.isMultiWriter;
  const clean = await verifyClean(ports, target, { needsDevice: false, isFlushed, flushes }, signal);
  return clean.ok ? ports.checkpoints.remove(volumeName, signal) : clean;
}

/** A node that had the disk needs a device to check; any other only shows that nothing is left of it. */
async function proveOwnClean(
  ports: NodePorts,
  target: OwnVolume,
  from: NonNullable<CleanUp["from"]>,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const { volumeName, volume, observed } = target;
  const { nodeName } = ports.node;
  const check = { needsDevice: from === "unverified", isFlushed: observed.mount === "live" };
  const clean = await verifyClean(ports, target, check, signal);
  if (!clean.ok) {
    // Right after the mounts were removed the containers that had them run on.
    if (observed.mount === "none" && observed.targets.length === 0)
      reportStillUsed(ports, volumeName, clean.failure);
    return clean;
  }
  const proven = await updateRecord(
    ports,
    { volumeName, nodeName, step: "prove-clean" },
    (record) => proveClean(record, ports.node, from),
    signal,
  );
  // An adopted record quarantines every node: this is no event of this one.
  if (proven.ok && isNamed(volume?.status?.record, ports.node, "quarantined"))
    emitOnVolume(
      ports,
      volumeName,
      "QuarantineLeft",
      `${nodeName} is clean of the volume that it was fenced from`,
    );
  return proven;
}
