import { describeFailure } from "../../core/failure/describe-failure.ts";
import { stillWaiting } from "../../core/failure/frequent-failures.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { whyNotListed } from "../../core/node/device/why-not-listed.ts";
import { withTimeout } from "../../runtime/with-timeout.ts";
import type { ConfirmedDisk } from "../confirmed-disks.ts";
import type { NodePorts } from "../node-ports.ts";
import type { FoundVolume } from "./find-device.ts";

/** It answers within milliseconds, or a firewall drops the question. In milliseconds. */
const METADATA_MAX_MS = 1_000;

/**
 * Confirms that the disk which was found at a volume's LUN is the volume's, where nothing on the disk itself
 * shows it: the VM's instance metadata lists it there, or a controller has read the VM again
 * (docs/adr/0072). The caller holds the device. `lookUp` has the controller do that, and fails where the LUN
 * leads elsewhere then.
 */
export async function confirmDisk(
  ports: NodePorts,
  { volume, disk, lun, attachment }: FoundVolume,
  lookUp: () => Promise<Result<void>>,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { volumeId } = attachment.spec;
  const objection = await objectionTo(ports, { lun, diskUri: volumeId }, signal);
  if (objection === undefined) return ok(undefined);
  const confirmedNow = (): ConfirmedDisk => ({
    lun,
    majorMinor: disk.majorMinor,
    objection,
    atMs: ports.clock.elapsedMs(),
  });
  const { name, uid } = volume.metadata;
  if (ports.confirmed.has(uid, confirmedNow())) return ok(undefined);
  ports.logger.warn("instance metadata does not confirm a disk: a controller reads the VM again", {
    volumeName: name,
    lun,
    objection,
  });
  const looked = await lookUp();
  if (looked.ok) ports.confirmed.add(uid, confirmedNow());
  if (looked.ok || looked.failure.kind !== "StillWaiting") return looked;
  return stillWaiting(
    volumeId,
    `a controller to read in Azure at which LUN it is on ${ports.node.nodeName}: ` +
      `by its attachment it is at LUN ${lun}, and the VM's instance metadata ${objection}`,
  );
}

/** What instance metadata says against a disk at its LUN, as a clause; undefined: it lists it there. */
async function objectionTo(
  { metadata, clock, logger }: NodePorts,
  expected: { readonly lun: number; readonly diskUri: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  if (metadata === undefined) return "is not used";
  const read = await withTimeout(clock, METADATA_MAX_MS, (limited) => metadata.read(limited), signal);
  if (read.ok) return whyNotListed(read.value.dataDisks, expected);
  logger.warn("instance metadata does not answer", { error: describeFailure(read.failure) });
  return "does not answer";
}
