import { describeFailure } from "../../core/failure/describe-failure.ts";
import { stillWaiting } from "../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { whyNotListed } from "../../core/node/device/why-not-listed.ts";
import { fullBackoffMs } from "../../core/primitives/backoff.ts";
import { sleepUnlessAborted } from "../../ports/clock.ts";
import type { ConfirmedDisk } from "../confirmed-disks.ts";
import type { NodePorts } from "../node-ports.ts";
import type { FoundVolume } from "./find-device.ts";

/**
 * How long instance metadata may be behind an attach before a controller is asked, and how long it may give
 * no answer, in milliseconds.
 */
const BEHIND_MAX_MS = 6_000;
const SILENT_MAX_MS = 1_000;
/** A controller's look costs calls to Azure, another question nothing. */
const ASKED_AGAIN = { baseMs: 250, maxMs: 1_000 };
const NOT_USED = "is not used";

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
  const { name, uid } = volume.metadata;
  const confirmedBy = (objection: string): ConfirmedDisk => ({
    lun,
    majorMinor: disk.majorMinor,
    objection,
    atMs: ports.clock.elapsedMs(),
  });
  const isConfirmed = (objection: string): boolean => ports.confirmed.has(uid, confirmedBy(objection));
  const asked = await lastObjection(ports, { lun, diskUri: volumeId }, isConfirmed, signal);
  if (!asked.ok) return asked;
  const objection = asked.value;
  if (objection === undefined) return ok(undefined);
  ports.logger.info("instance metadata does not confirm a disk: a controller reads the VM again", {
    volumeName: name,
    lun,
    objection,
  });
  const looked = await lookUp();
  if (looked.ok) ports.confirmed.add(uid, confirmedBy(objection));
  if (looked.ok || looked.failure.kind !== "StillWaiting") return looked;
  return stillWaiting(
    volumeId,
    `a controller to read in Azure at which LUN it is on ${ports.node.nodeName}: ` +
      `by its attachment it is at LUN ${lun}, and the VM's instance metadata ${objection}`,
  );
}

/**
 * What instance metadata says against a disk at its LUN, as a clause; undefined: it lists it there, or a
 * controller has refuted that already. It is asked again for some seconds: it follows an attach late.
 */
async function lastObjection(
  { metadata, clock, logger }: NodePorts,
  expected: { readonly lun: number; readonly diskUri: string },
  isConfirmed: (objection: string) => boolean,
  signal: AbortSignal,
): Promise<Result<string | undefined>> {
  if (metadata === undefined) return ok(isConfirmed(NOT_USED) ? undefined : NOT_USED);
  const beganMs = clock.elapsedMs();
  for (let attempt = 1; ; attempt += 1) {
    const read = await metadata.read(signal);
    if (signal.aborted) return fail({ kind: "Cancelled" });
    const objection = read.ok ? whyNotListed(read.value.dataDisks, expected) : "does not answer";
    if (objection === undefined || isConfirmed(objection)) return ok(undefined);
    const untilMs = beganMs + (read.ok ? BEHIND_MAX_MS : SILENT_MAX_MS);
    const pauseMs = fullBackoffMs({ ...ASKED_AGAIN, attempt });
    if (clock.elapsedMs() + pauseMs > untilMs) {
      if (!read.ok)
        logger.warn("instance metadata does not answer", { error: describeFailure(read.failure) });
      return ok(objection);
    }
    await sleepUnlessAborted(clock, pauseMs, signal);
  }
}
